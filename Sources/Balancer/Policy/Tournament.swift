/// The least of many keys: known at any time, and found again in O(log n) when one of them has changed.
///
/// A complete binary tree in an array: the leaves are the places, and each node holds the place with the least key below
/// it. The root is the answer.
///
/// ```
///                 [1]: 2
///            /             \
///        [2]: 2           [3]: 5
///        /    \           /    \
///      ...    ...       ...    ...        leaves: places 0, 1, 2 ...
/// ```
struct Tournament: Hashable {
    /// What places are compared by: the least `load` first; of several, the least `turn`.
    struct Key: Hashable, Comparable {
        var load: UInt64
        var turn: UInt64

        /// A place with this load is never found.
        static let none = Key(load: .max, turn: .max)

        @inline(__always) static func < (left: Key, right: Key) -> Bool {
            left.load < right.load || left.load == right.load && left.turn < right.turn
        }
    }

    private var keys: [Key] = []
    /// The nodes from the root, at 1; the children of `n` are `2 * n` and `2 * n + 1`. Those from ``leaves`` on are the
    /// places.
    private var winners: [Int32] = []
    private var leaves = 0

    /// How many places there are.
    var count: Int { keys.count }

    /// Begins with these keys, by place.
    ///
    /// - Complexity: O(n).
    mutating func reset(_ keys: [Key]) {
        self.keys = keys
        leaves = 1
        while leaves < keys.count { leaves *= 2 }
        winners = Array(repeating: -1, count: 2 * leaves)
        for place in keys.indices { winners[leaves + place] = Int32(place) }
        for node in stride(from: leaves - 1, to: 0, by: -1) { decide(node) }
    }

    func key(at place: Int) -> Key { keys[place] }

    /// Changes the key of a place.
    ///
    /// - Complexity: O(log n).
    mutating func set(_ key: Key, at place: Int) {
        guard keys[place] != key else { return }
        keys[place] = key
        var node = (leaves + place) / 2
        while node > 0 {
            decide(node)
            node /= 2
        }
    }

    private mutating func decide(_ node: Int) {
        let (left, right) = (winners[2 * node], winners[2 * node + 1])
        winners[node] = right < 0 || left >= 0 && !(keys[Int(right)] < keys[Int(left)]) ? left : right
    }

    /// The place with the least key whose candidate `request` allows; nil when there is none.
    ///
    /// - Complexity: O(log n) for each place that is less and not allowed.
    func first(of candidates: Span<Candidate>, for request: borrowing PickRequest) -> Int? {
        leaves > 0 ? first(below: 1, lessThan: .none, candidates, request) : nil
    }

    /// Looks into the half with the lesser key first, so that the other is entered only when that could still be less.
    private func first(
        below node: Int, lessThan bound: Key, _ candidates: Span<Candidate>, _ request: borrowing PickRequest
    ) -> Int? {
        guard winners[node] >= 0 else { return nil }
        let place = Int(winners[node])
        guard keys[place] < bound, keys[place].load < Key.none.load else { return nil }
        if request.allows(candidates[place]) { return place }
        guard node < leaves else { return nil }
        let near = winners[2 * node] == winners[node] ? 2 * node : 2 * node + 1
        let found = first(below: near, lessThan: bound, candidates, request)
        return first(below: near ^ 1, lessThan: found.map { keys[$0] } ?? bound, candidates, request) ?? found
    }
}
