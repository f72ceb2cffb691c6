/// Tokens of what could go on at once but has had its share of this turn, first in first out.
///
/// The owner marks each thing that stands in the queue, so that none stands in it twice. Memory for `capacity` tokens
/// is reserved at the start; a queue that needs more doubles it.
@safe public struct TokenQueue: ~Copyable {
    private var storage: UnsafeMutablePointer<Token>
    private var capacity: Int
    private var first = 0
    /// How many are waiting.
    public private(set) var count = 0

    /// Reserves room for `capacity` tokens.
    public init(capacity: Int) {
        self.capacity = max(capacity, 1)
        unsafe storage = .allocate(capacity: self.capacity)
    }

    deinit { unsafe storage.deallocate() }

    /// True when none is waiting.
    public var isEmpty: Bool { count == 0 }

    /// Puts a token at the end.
    public mutating func append(_ token: Token) {
        if count == capacity { enlarge() }
        var place = first + count
        if place >= capacity { place -= capacity }
        unsafe (storage + place).initialize(to: token)
        count += 1
    }

    @inline(never) private mutating func enlarge() {
        let moved = UnsafeMutablePointer<Token>.allocate(capacity: 2 * capacity)
        let tail = min(count, capacity - first)
        unsafe moved.moveInitialize(from: storage + first, count: tail)
        unsafe (moved + tail).moveInitialize(from: storage, count: count - tail)
        unsafe storage.deallocate()
        unsafe storage = moved
        first = 0
        capacity *= 2
    }

    /// Takes the first; nil when none is waiting.
    public mutating func popFirst() -> Token? {
        guard count > 0 else { return nil }
        let token = unsafe storage[first]
        first = first + 1 == capacity ? 0 : first + 1
        count -= 1
        return token
    }
}
