import Glibc

// What an address means, as opposed to how it is spelled: which spellings are the same, and which machine it leads to.
extension SocketAddress {
    /// The one form of all spellings of an address.
    ///
    /// An IPv4 address that is mapped into IPv6 (RFC 4291, 2.5.5.2) is IPv4: the kernel connects to it by IPv4. A scope
    /// is part of a link-local address only (RFC 4007, 6): the kernel ignores it elsewhere, and never reports it there.
    public var canonical: SocketAddress {
        guard case .ipv6(let high, let low, let scope, let port) = self else { return self }
        if high == 0, low >> 32 == 0xFFFF { return .ipv4(UInt32(truncatingIfNeeded: low), port: port) }
        return scope == 0 || isLinkLocal ? self : .ipv6(high: high, low: low, scope: 0, port: port)
    }

    /// The address that a connection to this one leads to: canonical, and loopback for `0.0.0.0` and `::`, which are no
    /// destinations, but which connect(2) takes for loopback.
    public var destination: SocketAddress {
        let canonical = canonical
        guard canonical.isWildcard else { return canonical }
        return switch canonical {
        case .ipv6: .ipv6(high: 0, low: 1, scope: 0, port: port)
        default: .ipv4(INADDR_LOOPBACK, port: port)
        }
    }

    /// True of `0.0.0.0` and `::`, which mean every address of the machine.
    public var isWildcard: Bool {
        switch self {
        case .ipv4(let address, _): address == 0
        case .ipv6(let high, let low, _, _): high == 0 && low == 0
        case .unix: false
        }
    }

    /// True of `127.0.0.0/8` and `::1`, which lead to this machine and from nowhere else.
    public var isLoopback: Bool {
        switch self {
        case .ipv4(let address, _): address >> 24 == 127
        case .ipv6(let high, let low, _, _): high == 0 && low == 1
        case .unix: false
        }
    }

    /// True of `fe80::/10`: such an address means something on one link only, which its scope names.
    public var isLinkLocal: Bool {
        guard case .ipv6(let high, _, _, _) = self else { return false }
        return high >> 54 == 0xFE80 >> 6
    }

    /// True of a link-local address without a scope: the kernel does not know which link is meant, and neither binds a
    /// socket to it nor connects to it.
    public var lacksScope: Bool {
        guard case .ipv6(_, _, let scope, _) = self else { return false }
        return isLinkLocal && scope == 0
    }

    /// True when this machine has the address now: towards its own address the kernel chooses that very address as the
    /// source.
    ///
    /// To bind a socket to it would not tell: with `net.ipv4.ip_nonlocal_bind`, which is usual where an address moves
    /// between machines, every address can be bound.
    public var isLocal: Bool {
        if isWildcard || isLoopback { return true }
        if case .unix = self { return true }
        return kernel.sourceAddress(towards: self)?.with(port: 0) == with(port: 0)
    }

    /// The address itself as the source of connections to `target`; nil where it cannot be, because the kernel refuses it
    /// or drops what it sends: another address family, a loopback address towards another machine, another link.
    public func usable(towards target: SocketAddress) -> SocketAddress? {
        guard family == target.family else { return nil }
        if isLoopback, !target.isLocal { return nil }
        if case .ipv6(_, _, let scope, _) = self, case .ipv6(_, _, let other, _) = target,
            isLinkLocal, target.isLinkLocal, scope != other
        {
            return nil
        }
        return self
    }
}

/// The address of a listener of this process, and which connections reach it.
public struct OwnAddress: Hashable, Sendable {
    /// The address it is bound to.
    public let address: SocketAddress
    /// On `::`: IPv4 does not reach it (IPV6_V6ONLY), which a socket unit may ask for.
    public let isIPv6Only: Bool

    /// The address of a listener.
    public init(_ address: SocketAddress, isIPv6Only: Bool = false) {
        self.address = address.canonical
        self.isIPv6Only = isIPv6Only
    }

    /// True when a connection to `other` reaches the listener. System calls are made only where the listener has every
    /// address and the port is the same.
    public func receives(_ other: SocketAddress) -> Bool {
        let destination = other.destination
        guard address != destination else { return true }
        return address.isWildcard && address.port == destination.port && takes(destination) && destination.isLocal
    }

    private func takes(_ destination: SocketAddress) -> Bool {
        switch (address, destination) {
        case (.ipv4, .ipv4), (.ipv6, .ipv6): true
        case (.ipv6, .ipv4): !isIPv6Only
        case (.ipv4, .ipv6), (.unix, _), (_, .unix): false
        }
    }
}
