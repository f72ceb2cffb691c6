/// Instants at which an open loop's requests are due: one every `1 / rate` seconds, whatever becomes of those before.
///
/// A request that finds no free connection keeps its instant, and its latency counts from there: what waits behind a
/// slow answer is not left out of the count ("coordinated omission", as Gil Tene calls it).
struct Arrivals {
    private let start: UInt64
    private let interval: Double
    /// How many have been taken.
    private(set) var taken: UInt64 = 0

    init(start: UInt64, rate: Double) {
        self.start = start
        interval = 1_000_000_000 / rate
    }

    /// When the next is due.
    var next: UInt64 { start + UInt64(Double(taken) * interval) }

    /// The instant of the next if it has come, and is before `end`; it then counts as taken.
    mutating func take(now: UInt64, before end: UInt64) -> UInt64? {
        let due = next
        guard due <= now, due < end else { return nil }
        taken += 1
        return due
    }
}
