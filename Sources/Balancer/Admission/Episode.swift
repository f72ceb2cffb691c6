/// A trouble that lasts: it is told once when it begins and once when it ends, with the number of clients it cost,
/// instead of once per client.
struct Episode {
    /// True between `begin` and `end`.
    private(set) var isOn = false
    /// What was counted since it began.
    private(set) var count = 0

    /// Counts one more; true when this began the episode.
    mutating func add(_ more: Int = 1) -> Bool {
        count += more
        if isOn { return false }
        isOn = true
        return true
    }

    /// Ends the episode; the count, or nil when there was none.
    mutating func end() -> Int? {
        guard isOn else { return nil }
        isOn = false
        defer { count = 0 }
        return count
    }
}
