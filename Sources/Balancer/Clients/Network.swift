import Reactor

/// A network: all addresses that begin with the same bits (RFC 4632, 3.1; RFC 4291, 2.3).
///
/// ```
///   10.0.0.0/8   fd00::/8   10.0.0.1 (the one address: /32)   ::1 (/128)   0.0.0.0/0   ::/0
/// ```
///
/// An IPv4 network that is mapped into IPv6 (`::ffff:10.0.0.0/104`; RFC 4291, 2.5.5.2) is the IPv4 network. A shorter
/// prefix of IPv6, such as `::/0`, has no IPv4 client in it.
public struct Network: Hashable, Sendable, CustomStringConvertible {
    /// The first address of a network.
    enum Base: Hashable, Sendable {
        case ipv4(UInt32)
        case ipv6(UInt128)
    }

    /// The bits beyond the prefix are 0.
    let base: Base
    /// How many bits all addresses have in common: 0 to 32, or 0 to 128.
    let length: Int

    /// How many bits an IPv4 address has.
    static let ipv4Bits = 32
    /// How many bits an IPv6 address has.
    static let ipv6Bits = 128
    /// How many bits stand before an IPv4 address that is mapped into IPv6.
    static let mappedBits = 96

    /// The network of an address, when no bit is set beyond the first `length`; nil when one is, or of a Unix socket.
    init?(_ address: SocketAddress, length: Int) {
        let network = Network(clearing: address, length: length)
        guard let network, network.base == Self.base(of: address) else { return nil }
        self = network
    }

    /// The network that an address is in: the bits beyond the first `length` are made 0. nil of a Unix socket, or when
    /// an address has not as many bits.
    init?(clearing address: SocketAddress, length: Int) {
        switch Self.base(of: address) {
        case .ipv4(let host) where (0...Self.ipv4Bits).contains(length):
            base = .ipv4(host & ~Self.hostMask(UInt32.self, length))
        case .ipv6(let host) where (0...Self.ipv6Bits).contains(length):
            base = .ipv6(host & ~Self.hostMask(UInt128.self, length))
        default: return nil
        }
        self.length = length
    }

    private static func base(of address: SocketAddress) -> Base? {
        switch address.canonical {
        case .ipv4(let host, _): .ipv4(host)
        case .ipv6(let high, let low, _, _): .ipv6(UInt128(high) << 64 | UInt128(low))
        case .unix: nil
        }
    }

    /// The bits beyond a prefix, all of them set.
    static func hostMask<Address: FixedWidthInteger>(_: Address.Type, _ length: Int) -> Address {
        // A shift by the whole width is 0.
        ~(Address.max << (Address.bitWidth - length))
    }

    /// As it is written in a configuration: the address, and the length unless it is one address alone.
    public var description: String {
        switch base {
        case .ipv4(let host): text(.ipv4(host, port: 0), isWhole: length == Self.ipv4Bits)
        case .ipv6(let host):
            text(
                .ipv6(
                    high: UInt64(truncatingIfNeeded: host >> 64), low: UInt64(truncatingIfNeeded: host), scope: 0,
                    port: 0), isWhole: length == Self.ipv6Bits)
        }
    }

    private func text(_ address: SocketAddress, isWhole: Bool) -> String {
        isWhole ? address.host : "\(address.host)/\(length)"
    }
}
