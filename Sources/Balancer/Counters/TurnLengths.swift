import Reactor
import Synchronization

/// How long the turns of a loop were: a histogram with one writer, the loop, and any number of readers on any thread.
///
/// While a turn lasts, nobody else is served, so its length is what the loop adds to everybody's latency. Four buckets
/// per power of two, so a quantile is right within 25 %; the maximum is exact.
final class TurnLengths: Sendable {
    /// 80 buckets reach a second; what is longer counts there.
    private static let bucketCount = 80
    private let buckets = InlineArray<80, Atomic<UInt64>> { _ in Atomic(0) }
    /// In nanoseconds, since ``takeLongest()``.
    private let longest = Atomic<UInt64>(0)
    /// All turns together, in nanoseconds.
    private let sum = Atomic<UInt64>(0)

    /// Counts a turn; only for the loop that owns the histogram.
    @inline(__always) func add(nanoseconds: UInt64) {
        let bucket = Self.bucket(of: nanoseconds)
        buckets[bucket].store(buckets[bucket].load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        sum.store(sum.load(ordering: .relaxed) &+ nanoseconds, ordering: .relaxed)
        // A reader that resets it at the same moment may be overwritten; then the longest is told once more.
        if nanoseconds > longest.load(ordering: .relaxed) { longest.store(nanoseconds, ordering: .relaxed) }
    }

    /// The longest turn since the last call, in nanoseconds.
    func takeLongest() -> UInt64 { longest.exchange(0, ordering: .relaxed) }

    /// All turns together, in nanoseconds: the time in which the loop did not wait for events.
    var totalNanoseconds: UInt64 { sum.load(ordering: .relaxed) }

    /// How many turns have fallen into each bucket.
    func counts() -> [UInt64] { (0..<Self.bucketCount).map { buckets[$0].load(ordering: .relaxed) } }

    /// 1,024 ns are one unit.
    private static let unitBits: UInt64 = 10

    /// Units below 4 have a bucket each; above, an exponent has four.
    @inline(__always) static func bucket(of nanoseconds: UInt64) -> Int {
        let units = nanoseconds >> unitBits
        guard units >= 4 else { return Int(truncatingIfNeeded: units) }
        let exponent = 63 - units.leadingZeroBitCount
        let quarter = Int(truncatingIfNeeded: units >> UInt64(exponent - 2)) & 3
        return min(exponent * 4 - 4 + quarter, bucketCount - 1)
    }

    /// The length below which all turns of a bucket are, in nanoseconds.
    static func end(ofBucket bucket: Int) -> UInt64 {
        guard bucket >= 4 else { return UInt64(bucket + 1) << unitBits }
        let (exponent, quarter) = (bucket / 4 + 1, bucket % 4)
        return (UInt64(5 + quarter) << UInt64(exponent - 2)) << unitBits
    }
}

/// The turns of all loops since somebody last asked.
public struct RecentTurns: Hashable, Sendable {
    /// How many there were.
    public var count: UInt64 = 0
    /// 99 of 100 were shorter, in nanoseconds.
    public var percentile99: UInt64 = 0
    /// The longest, in nanoseconds.
    public var longest: UInt64 = 0
}

/// What somebody who asks about turns has been told already.
struct TurnReader {
    private var told: [UInt64] = []

    /// The turns since the last call.
    mutating func read(_ loops: [TurnLengths]) -> RecentTurns {
        let histograms = loops.map { $0.counts() }
        let totals = histograms.reduce(into: [UInt64](repeating: 0, count: histograms.first?.count ?? 0)) {
            for (place, count) in $1.enumerated() { $0[place] &+= count }
        }
        let counts = told.isEmpty ? totals : zip(totals, told).map { $0 &- $1 }
        told = totals
        let longest = loops.reduce(0) { max($0, $1.takeLongest()) }
        let count = counts.reduce(0, &+)
        var shorter: UInt64 = 0
        let bucket = counts.firstIndex {
            shorter += $0
            return shorter * 100 >= count * 99
        }
        let percentile = min(bucket.map(TurnLengths.end(ofBucket:)) ?? 0, longest)
        return RecentTurns(count: count, percentile99: count == 0 ? 0 : percentile, longest: longest)
    }
}
