import Reactor

/// A trouble that lasts: it is told once when it begins and once when it ends, with the number of those it cost,
/// instead of once for each of them.
struct Episode {
    /// How long nobody must have been hit before the trouble counts as over. Under a load at the limit every success is
    /// followed by the next failure; without this the log would tell of each.
    static let quiet: Duration = .seconds(1)

    /// True between `add` and `end`.
    private(set) var isOn = false
    private var count = 0
    private var last = Instant(nanoseconds: 0)

    /// Counts more; true when this began the episode.
    mutating func add(_ more: Int = 1, now: Instant) -> Bool {
        count += more
        last = now
        if isOn { return false }
        isOn = true
        return true
    }

    /// Ends the episode and returns its count; nil when there was none, or when somebody was hit a moment ago.
    mutating func end(now: Instant, after quiet: Duration = Episode.quiet) -> Int? {
        guard isOn, now >= last + quiet else { return nil }
        isOn = false
        defer { count = 0 }
        return count
    }
}
