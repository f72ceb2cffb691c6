/// Tokens waiting for their turn, first in first out, in memory reserved at the start.
///
/// For what could go on at once but has had its share of this turn. The owner marks each thing that stands in the
/// queue, so that none stands in it twice and the capacity suffices.
@safe public struct TokenQueue: ~Copyable {
    private let storage: UnsafeMutablePointer<Token>
    private let capacity: Int
    private var first = 0
    /// How many are waiting.
    public private(set) var count = 0

    /// Room for `capacity` tokens.
    public init(capacity: Int) {
        self.capacity = max(capacity, 1)
        unsafe storage = .allocate(capacity: self.capacity)
    }

    deinit { unsafe storage.deallocate() }

    /// True when none is waiting.
    public var isEmpty: Bool { count == 0 }

    /// Puts a token at the end. There must be room.
    public mutating func append(_ token: Token) {
        precondition(count < capacity, "a token queue overflows: something stands in it twice")
        var place = first + count
        if place >= capacity { place -= capacity }
        unsafe (storage + place).initialize(to: token)
        count += 1
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
