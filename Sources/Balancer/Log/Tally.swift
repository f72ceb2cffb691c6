/// A failure that several loops may have at the same time: logged when the first loop enters it, and when the last one
/// has left it, with the sum of what it cost. Each loop has an ``Episode`` of its own.
struct Tally {
    private var loops = 0
    private var count = 0

    /// One more loop enters; true for the first.
    mutating func begin() -> Bool {
        loops += 1
        return loops == 1
    }

    /// A loop leaves, at a cost of `more`; returns the sum when it was the last.
    mutating func end(_ more: Int = 0) -> Int? {
        loops -= 1
        count += more
        guard loops == 0 else { return nil }
        defer { count = 0 }
        return count
    }
}
