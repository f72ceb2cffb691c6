import Reactor

/// A row of the session table, for display: what the reference system calls a row of its NAT table.
public struct SessionRow: Hashable, Sendable {
    /// The client's own address and port.
    public let client: SocketAddress
    /// The backend that it is connected or connecting to; nil before the first attempt.
    public let backend: SocketAddress?
    /// True once the backend is connected.
    public let isConnected: Bool
    /// Bytes written to the backend's socket.
    public let bytesUp: UInt64
    /// Bytes written to the client's socket.
    public let bytesDown: UInt64
}

extension Sessions {
    /// A snapshot of the session table.
    ///
    /// - Complexity: O(sessions); it allocates. For display, not for the data path.
    func table(_ targets: borrowing Targets) -> [SessionRow] {
        var rows: [SessionRow] = []
        for index in slab.indexRange where slab.isTaken(index) {
            let place = Int(slab[index].target)
            rows.append(
                SessionRow(
                    client: slab[index].clientAddress(ipv6Hosts, at: index),
                    backend: place < 0 ? nil : targets.states[place].address,
                    isConnected: slab[index].isConnected,
                    bytesUp: slab[index].link.upstream.delivered,
                    bytesDown: slab[index].link.downstream.delivered))
        }
        return rows
    }
}
