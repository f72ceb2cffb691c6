/// What an event belongs to: the 64 bits that epoll(7) keeps beside a descriptor and returns with each event.
///
/// ```
///   63            32 31   28 27   24 23             0
///  +----------------+-------+-------+----------------+
///  |   generation   |  lap  | kind  |     index      |
///  +----------------+-------+-------+----------------+
/// ```
///
/// An event may arrive for something that has ended earlier in the same batch, and whose place has been reused. The
/// generation distinguishes the two (HAProxy keeps one beside the descriptor for the same reason). The lap
/// distinguishes the sockets that one owner has had in the same role one after the other, modulo 16: a session that
/// tried a second backend must not take an event of the first for one of the second.
@frozen public struct Token: Hashable, Sendable {
    /// All of it, as epoll keeps it.
    public let rawValue: UInt64

    /// The number of values that `index` may have.
    public static let indexLimit = 1 << 24
    /// The number of values that `kind` may have.
    public static let kindLimit = 1 << 4

    /// The token that epoll returned.
    @inlinable public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// A token from its parts. `kind` and `lap` count modulo 16, `index` modulo 2^24.
    @inlinable public init(kind: UInt8, index: Int, generation: UInt32 = 0, lap: UInt8 = 0) {
        rawValue =
            UInt64(generation) << 32 | UInt64(lap & 0xF) << 28 | UInt64(kind & 0xF) << 24
            | UInt64(truncatingIfNeeded: index) & 0xFF_FFFF
    }

    /// The kind of thing, a number that the loop gives a meaning; see ``TokenKind``.
    @inlinable public var kind: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 24) & 0xF }
    /// The place in the slab of that kind.
    @inlinable public var index: Int { Int(truncatingIfNeeded: rawValue & 0xFF_FFFF) }
    /// Which use of that place it is; see ``Slab``.
    @inlinable public var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }
    /// Which of the owner's successive sockets it is, modulo 16.
    @inlinable public var lap: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 28) & 0xF }
    /// Index and generation together.
    @inlinable public var key: SlabKey { SlabKey(index: index, generation: generation) }
}
