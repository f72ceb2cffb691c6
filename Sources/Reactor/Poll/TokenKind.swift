/// The kinds of things that the tokens of one loop stand for: an enumeration with raw values from 0 to 15, the four
/// bits that a ``Token`` has for its kind.
///
/// ```
///   enum Kind: UInt8, TokenKind { case listener, client }
///   poller.add(descriptor, Token(Kind.client, key), .stream)
///   switch Kind(of: event.token) { case .listener: ... case .client: ... }
/// ```
///
/// Each loop has an enumeration of its own, so that the compiler checks that a loop handles every kind it gives out.
public protocol TokenKind: RawRepresentable, Sendable where RawValue == UInt8 {}

extension TokenKind {
    /// The kind of a token that was made with this enumeration. Any other token is a mistake of the loop, and traps:
    /// the kernel hands back only what was given to it.
    @inlinable public init(of token: Token) {
        guard let kind = Self(rawValue: token.kind) else {
            preconditionFailure("a token of a kind that this loop never gave out")
        }
        self = kind
    }
}

extension Token {
    /// The token of the element of a slab that has this key, or of a thing of which the loop has one. `lap` counts
    /// modulo 16.
    @inlinable public init(_ kind: some TokenKind, _ key: SlabKey = SlabKey(index: 0, generation: 0), lap: UInt8 = 0) {
        assert(kind.rawValue < Token.kindLimit, "a token has four bits for its kind")
        self.init(kind: kind.rawValue, index: Int(key.index), generation: key.generation, lap: lap)
    }
}
