/// One trouble of the process, in which several loops may be at the same time: it is told when the first gets into it,
/// and when the last is out of it, with the sum of what it cost. Each loop has an ``Episode`` of its own.
struct Tally {
    private var loops = 0
    private var count = 0

    /// One more loop is in it; true of the first.
    mutating func begin() -> Bool {
        loops += 1
        return loops == 1
    }

    /// A loop is out of it, which cost `more`; the sum, when it was the last.
    mutating func end(_ more: Int = 0) -> Int? {
        loops -= 1
        count += more
        guard loops == 0 else { return nil }
        defer { count = 0 }
        return count
    }
}
