import Reactor

/// A lasting failure: logged once when it begins and once when it ends, with the number of clients or attempts that it
/// cost, instead of once for each.
struct Episode {
    /// The time without a failure after which the episode is over. Under a load at the limit every success is followed
    /// by the next failure; without this the log would have a line for each.
    static let quiet: Duration = .seconds(1)

    /// True between `add` and `end`.
    private(set) var isOn = false
    private var count = 0
    private var last = Instant(nanoseconds: 0)

    /// Counts `more` failures; true when they began the episode.
    mutating func add(_ more: Int = 1, now: Instant) -> Bool {
        count += more
        last = now
        if isOn { return false }
        isOn = true
        return true
    }

    /// Ends the episode and returns its count; nil when there is none, or when the last failure is younger than
    /// `quiet`.
    mutating func end(now: Instant, after quiet: Duration = Episode.quiet) -> Int? {
        guard isOn, now >= last + quiet else { return nil }
        isOn = false
        defer { count = 0 }
        return count
    }
}
