/// Tokens of what could go on at once but has had its share of this turn, first in first out.
///
/// The owner marks each thing that stands in the queue, so that none stands in it twice. Memory for `capacity` tokens
/// is reserved at the start. An owner whose things become more than that calls ``reserve(_:)`` before: to append a token
/// for which there is no memory is a mistake.
@safe public struct TokenQueue: ~Copyable {
    private var storage: UnsafeMutablePointer<Token>
    private var capacity = 0
    private var first = 0
    /// How many are waiting.
    public private(set) var count = 0

    /// Reserves room for `capacity` tokens, as far as there is memory: ``reserve(_:)`` tells.
    public init(capacity: Int) {
        unsafe storage = Reserve.none(of: Token.self)
        _ = reserve(max(capacity, 1))
    }

    deinit { unsafe Reserve.free(storage, room: capacity) }

    /// Reserves memory for `count` tokens in all; false when there is none for them.
    @inline(__always) public mutating func reserve(_ count: Int) -> Bool { count <= capacity || enlarge(to: count) }

    /// True when none is waiting.
    public var isEmpty: Bool { count == 0 }

    /// The first; nil when none is waiting.
    public var front: Token? { isEmpty ? nil : unsafe storage[first] }

    /// Puts a token at the end.
    public mutating func append(_ token: Token) {
        precondition(reserve(count + 1), "no memory for one more token")
        var place = first + count
        if place >= capacity { place -= capacity }
        unsafe (storage + place).initialize(to: token)
        count += 1
    }

    @inline(never) private mutating func enlarge(to wanted: Int) -> Bool {
        let old = capacity
        let wanted = max(wanted, 2 * old)
        guard unsafe Reserve.enlarge(&storage, room: old, to: wanted) else { return false }
        capacity = wanted
        // What had come round to the front follows the rest again; the added room is at least as long.
        let wrapped = max(0, first + count - old)
        unsafe (storage + old).moveInitialize(from: storage, count: wrapped)
        return true
    }

    /// Takes the first; nil when none is waiting.
    public mutating func popFirst() -> Token? {
        guard count > 0 else { return nil }
        let token = unsafe storage[first]
        count -= 1
        // An empty queue begins at the front again, so that it uses no more memory than for the most that ever waited.
        first = count == 0 || first + 1 == capacity ? 0 : first + 1
        return token
    }
}
