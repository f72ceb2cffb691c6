import Reactor

/// Which clients are one client: all whose addresses begin with the same bits.
///
/// The length of the prefix is part of it: after a change of the lengths no old client is taken for a new one.
struct ClientKey: Hashable, Sendable, BitwiseCopyable {
    /// The address as one of IPv6, an IPv4 address mapped into it; what is not compared is 0.
    let high: UInt64
    /// The second half.
    let low: UInt64
    /// How many bits of the 128 are compared.
    let length: UInt8
}

/// The bits of an address that tell one client from another.
struct ClientMasks: Hashable, Sendable, BitwiseCopyable {
    private let low4: UInt64
    private let high6: UInt64
    private let low6: UInt64
    private let length4: UInt8
    private let length6: UInt8

    /// So many bits of an IPv4 address and of an IPv6 address, which are 0 to 32 and 0 to 128: what is beyond counts as
    /// the nearest.
    init(prefix4: Int, prefix6: Int) {
        let bits4 = min(max(0, prefix4), Network.ipv4Bits)
        let bits6 = min(max(0, prefix6), Network.ipv6Bits)
        // A shift by 64 is 0, and one by less than 0 goes the other way.
        low4 = UInt64.max << UInt64(Network.ipv4Bits - bits4)
        high6 = UInt64.max << UInt64(max(0, 64 - bits6))
        low6 = bits6 > 64 ? UInt64.max << UInt64(128 - bits6) : 0
        length4 = UInt8(Network.mappedBits + bits4)
        length6 = UInt8(bits6)
    }

    /// The key of a client; nil of a Unix socket. The scope does not count.
    @inline(__always) func key(of address: SocketAddress) -> ClientKey? {
        switch address {
        case .ipv4(let host, _): return key(host)
        case .ipv6(let high, let low, _, _):
            if high == 0, low >> 32 == 0xFFFF { return key(UInt32(truncatingIfNeeded: low)) }
            return ClientKey(high: high & high6, low: low & low6, length: length6)
        case .unix: return nil
        }
    }

    private func key(_ host: UInt32) -> ClientKey {
        ClientKey(high: 0, low: (0xFFFF << 32 | UInt64(host)) & low4, length: length4)
    }
}
