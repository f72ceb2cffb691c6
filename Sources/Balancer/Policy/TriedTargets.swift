/// The backends that were tried for a session, as a set of places in the loop's ``Targets``. The first 64 places, all
/// that most configurations have, need no allocation.
///
/// A place in the set is held (`TargetState.holds`) until the session is connected or ends, so that it is not reused
/// meanwhile.
package enum TriedTargets {
    case few(UInt64)
    case many([UInt64])

    /// None.
    package init() { self = .few(0) }

    /// True for a place in the set; false for -1, the place of a candidate without an address.
    @inline(__always) func contains(_ place: Int) -> Bool {
        if case .few(let word) = self { return place < 64 && word & 1 << UInt64(truncatingIfNeeded: place) != 0 }
        return containsInMany(place)
    }

    private func containsInMany(_ place: Int) -> Bool {
        guard case .many(let words) = self else { return false }
        return place >= 0 && place / 64 < words.count && words[place / 64] & 1 << UInt64(place % 64) != 0
    }

    mutating func insert(_ place: Int) {
        switch self {
        case .few(let word) where place < 64:
            self = .few(word | 1 << UInt64(place))
        case .few(let word):
            self = .many([word])
            insert(place)
        case .many(var words):
            self = .few(0)
            while words.count <= place / 64 { words.append(0) }
            words[place / 64] |= 1 << UInt64(place % 64)
            self = .many(words)
        }
    }

    /// True for a session that has tried none.
    @inline(__always) var isEmpty: Bool {
        if case .few(let word) = self { word == 0 } else { count == 0 }
    }

    /// How many there are.
    var count: Int {
        switch self {
        case .few(let word): word.nonzeroBitCount
        case .many(let words): words.reduce(0) { $0 + $1.nonzeroBitCount }
        }
    }

    /// Takes out the lowest place; nil when the set is empty.
    mutating func removeFirst() -> Int? {
        switch self {
        case .few(0): return nil
        case .few(let word):
            self = .few(word & (word - 1))
            return word.trailingZeroBitCount
        case .many(var words):
            self = .few(0)
            defer { self = .many(words) }
            guard let index = words.firstIndex(where: { $0 != 0 }) else { return nil }
            defer { words[index] &= words[index] - 1 }
            return 64 * index + words[index].trailingZeroBitCount
        }
    }
}
