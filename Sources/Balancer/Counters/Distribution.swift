/// A distribution of times in a row of counters: buckets, and the sum of all times.
///
/// Buckets of connects begin lower than those of Envoy (0.5 ms), which show nothing of a network within a rack.
enum Distribution: CaseIterable {
    /// The attempt that connected a session: not what came before it. Per backend.
    case connects
    /// From a client's accept to the end of its session. Per backend.
    case durations
    /// The time in a pool's queue. Per pool.
    case queueWaits

    /// The upper bounds of the buckets, in nanoseconds; one more bucket has what is longer.
    var bounds: [UInt64] {
        switch self {
        case .connects:
            [
                100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
                100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 5_000_000_000,
            ]
        case .durations:
            [
                10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000, 60_000_000_000, 300_000_000_000,
                1_800_000_000_000, 7_200_000_000_000, 43_200_000_000_000,
            ]
        case .queueWaits:
            [
                1_000_000, 10_000_000, 100_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000,
                10_000_000_000, 30_000_000_000,
            ]
        }
    }

    /// Written out, since a session pays for it: a test compares it with ``bounds``.
    @inline(__always) func bucket(of nanoseconds: UInt64) -> Int {
        switch self {
        case .connects: Self.connectBucket(nanoseconds)
        case .durations: Self.durationBucket(nanoseconds)
        case .queueWaits: Self.queueBucket(nanoseconds)
        }
    }

    @inline(__always) private static func connectBucket(_ nanoseconds: UInt64) -> Int {
        switch nanoseconds {
        case ...100_000: 0
        case ...250_000: 1
        case ...500_000: 2
        case ...1_000_000: 3
        case ...2_500_000: 4
        case ...5_000_000: 5
        case ...10_000_000: 6
        case ...25_000_000: 7
        case ...50_000_000: 8
        case ...100_000_000: 9
        case ...250_000_000: 10
        case ...500_000_000: 11
        case ...1_000_000_000: 12
        case ...5_000_000_000: 13
        default: 14
        }
    }

    @inline(__always) private static func durationBucket(_ nanoseconds: UInt64) -> Int {
        switch nanoseconds {
        case ...10_000_000: 0
        case ...100_000_000: 1
        case ...1_000_000_000: 2
        case ...10_000_000_000: 3
        case ...60_000_000_000: 4
        case ...300_000_000_000: 5
        case ...1_800_000_000_000: 6
        case ...7_200_000_000_000: 7
        case ...43_200_000_000_000: 8
        default: 9
        }
    }

    @inline(__always) private static func queueBucket(_ nanoseconds: UInt64) -> Int {
        switch nanoseconds {
        case ...1_000_000: 0
        case ...10_000_000: 1
        case ...100_000_000: 2
        case ...500_000_000: 3
        case ...1_000_000_000: 4
        case ...2_500_000_000: 5
        case ...5_000_000_000: 6
        case ...10_000_000_000: 7
        case ...30_000_000_000: 8
        default: 9
        }
    }

    /// How many buckets it has.
    @inline(__always) var bucketCount: Int {
        switch self {
        case .connects: 15
        case .durations, .queueWaits: 10
        }
    }

    /// The place of its first bucket: distributions follow the counters. Those of backends and of pools share places, since
    /// no row has both.
    @inline(__always) var firstPlace: Int {
        switch self {
        case .connects, .queueWaits: Counter.count
        case .durations: Counter.count + 16
        }
    }

    /// The place of the sum, in microseconds: after the last bucket.
    @inline(__always) var sumPlace: Int { firstPlace + bucketCount }

    /// The end of all places of a row.
    static var placesEnd: Int { Counter.count + 16 + 11 }
}

/// What a distribution has counted.
struct DistributionCounts: Hashable, Sendable {
    /// How many times are in each bucket.
    var buckets: [UInt64]
    /// The sum of all times.
    var sumMicroseconds: UInt64

    init(_ distribution: Distribution, _ rows: [CounterCells]) {
        buckets = (0..<distribution.bucketCount).map { bucket in
            rows.reduce(0) { $0 &+ $1.value(at: distribution.firstPlace + bucket) }
        }
        sumMicroseconds = rows.reduce(0) { $0 &+ $1.value(at: distribution.sumPlace) }
    }

    /// The upper bound of the bucket that this share (0 to 1) of the times does not exceed, in nanoseconds; nil without times,
    /// and where that bucket has none.
    func quantile(_ share: Double, bounds: [UInt64]) -> UInt64? {
        let count = buckets.reduce(0, &+)
        guard count > 0 else { return nil }
        var reached: UInt64 = 0
        for (bucket, times) in buckets.enumerated() {
            reached &+= times
            if Double(reached) >= Double(count) * share { return bucket < bounds.count ? bounds[bucket] : nil }
        }
        return nil
    }
}
