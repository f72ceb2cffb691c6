import Reactor

/// Which clients may come, by their addresses: immutable, and shared by all loops.
///
/// The longest prefix that an address begins with decides; one that is both allowed and denied is denied. Without any
/// `allow` everybody else may come, with one nobody else may, also not of the other family. A client without an address
/// (of a Unix socket) may always come; the scope of an address means nothing here.
///
/// Tables that mean the same are equal. Of n networks one takes at most 8 n bytes (IPv4) or 32 n (IPv6).
public struct NetworkTable: Hashable, Sendable {
    private let answers: NetworkAnswers

    /// - Complexity: O(n log n) for n networks.
    public init(allow: [Network], deny: [Network]) {
        answers = NetworkAnswers(allow.map { ($0, true) } + deny.map { ($0, false) }, other: allow.isEmpty)
    }

    /// True when the client may come.
    ///
    /// - Complexity: O(log n), without an allocation.
    func allows(_ address: SocketAddress) -> Bool { answers[address] ?? true }

    /// True when everybody may come, so that nobody need be asked about.
    var isEmpty: Bool { answers.isEverywhere == true }
}

/// A set of addresses, made of networks: such as those whose word about a client is trusted.
///
/// Sets of the same addresses are equal.
public struct NetworkSet: Hashable, Sendable {
    private let answers: NetworkAnswers

    /// - Complexity: O(n log n) for n networks.
    public init(_ networks: [Network]) {
        answers = NetworkAnswers(networks.map { ($0, true) }, other: false)
    }

    /// True when the address is in one of the networks; false of a Unix socket, which is in no network.
    ///
    /// - Complexity: O(log n), without an allocation.
    func contains(_ address: SocketAddress) -> Bool { answers[address] ?? false }

    /// True when no address is in it.
    var isEmpty: Bool { answers.isEverywhere == false }
}

/// An answer for each address of both families.
private struct NetworkAnswers: Hashable, Sendable {
    private let ipv4: PrefixBorders<UInt32>
    private let ipv6: PrefixBorders<UInt128>

    /// - Parameter other: The answer for addresses in none of the networks.
    init(_ networks: [(Network, Bool)], other: Bool) {
        var rules4: [PrefixBorders<UInt32>.Rule] = []
        var rules6: [PrefixBorders<UInt128>.Rule] = []
        for (network, answer) in networks {
            switch network.base {
            case .ipv4(let first): rules4.append(.init(first: first, length: network.length, answer: answer))
            case .ipv6(let first): rules6.append(.init(first: first, length: network.length, answer: answer))
            }
        }
        ipv4 = PrefixBorders(rules4, other: other)
        ipv6 = PrefixBorders(rules6, other: other)
    }

    /// The answer, if it is the same for all addresses.
    var isEverywhere: Bool? { ipv4.isEverywhere == ipv6.isEverywhere ? ipv4.isEverywhere : nil }

    /// nil of a Unix socket.
    @inline(__always) subscript(_ address: SocketAddress) -> Bool? {
        switch address {
        case .ipv4(let host, _): return ipv4[host]
        case .ipv6(let high, let low, _, _):
            // Mapped IPv4, as ``SocketAddress/canonical`` has it.
            if high == 0, low >> 32 == 0xFFFF { return ipv4[UInt32(truncatingIfNeeded: low)] }
            return ipv6[UInt128(high) &<< 64 | UInt128(low)]
        case .unix: return nil
        }
    }
}
