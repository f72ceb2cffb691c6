import Reactor

/// A row of the session table, for people: what the reference system calls a row of its NAT table.
public struct SessionRow: Hashable, Sendable {
    /// The client's own address and port.
    public let client: SocketAddress
    /// The backend it is connected to, or being so; nil between two attempts.
    public let backend: SocketAddress?
    /// True once the backend's connection stands.
    public let isConnected: Bool
    /// Bytes that the backend's kernel took from us.
    public let bytesUp: UInt64
    /// Bytes that the client's kernel took from us.
    public let bytesDown: UInt64
}

extension BalancerLoop {
    /// The addresses that clients can connect to, with the ports in force; none once it drains.
    public var listenerAddresses: [SocketAddress] {
        var addresses: [SocketAddress] = []
        var index = -1
        while let next = acceptors.index(after: index) {
            addresses.append(acceptors[next].listener.address)
            index = next
        }
        return addresses
    }

    /// Where the backend of a session was when the session was sent to it; nil when it was sent to none.
    @inline(__always) func backendAddress(of index: Int) -> SocketAddress? {
        let key = sessions[index].backendKey
        return backends.contains(key) ? backends[Int(key.index)].addresses[sessions[index].backendAddress] : nil
    }

    /// The session table as it stands.
    ///
    /// - Complexity: O(sessions); it allocates. For people, not for the data path.
    public func sessionTable() -> [SessionRow] {
        var rows: [SessionRow] = []
        var index = -1
        while let next = sessions.index(after: index) {
            rows.append(
                SessionRow(
                    client: sessions[next].clientAddress(ipv6Hosts, at: next),
                    backend: backendAddress(of: next),
                    isConnected: sessions[next].phase != .connecting,
                    bytesUp: sessions[next].upstream.delivered,
                    bytesDown: sessions[next].downstream.delivered))
            index = next
        }
        return rows
    }
}
