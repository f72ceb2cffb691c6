import NIOCore

/// Who is connected, and who may be.
final class Connections {
    /// The most connections, of the Unix socket and of TCP together.
    static let most = 64
    /// So many of them are for clients of the Unix socket: askers over TCP cannot lock an operator out.
    static let reservedForSocket = 8
    /// So many more get an answer that says that there is no room; others are closed at once.
    static let refusedMost = 16

    private var members: [ObjectIdentifier: Connection] = [:]
    private var refused: [ObjectIdentifier: Connection] = [:]

    /// What a new connection is.
    enum Standing: Hashable {
        /// One of those that are answered.
        case member
        /// One that is told that there is no room.
        case refused
    }

    /// What a new connection would be, nil for none of both. When all places are taken, the connection that has waited
    /// longest for another request is closed for it; those of the Unix socket are not closed for one of TCP.
    func standing(ofNew kind: ListenSocket.Kind) -> Standing? {
        let ofTCP = members.values.count { $0.kind == .tcp }
        let hasRoom =
            members.count < Self.most && (kind == .unix || ofTCP < Self.most - Self.reservedForSocket)
        if hasRoom || closeLongestIdle(for: kind) { return .member }
        return refused.count < Self.refusedMost ? .refused : nil
    }

    private func closeLongestIdle(for kind: ListenSocket.Kind) -> Bool {
        let idle = members.values.filter { $0.isBetweenRequests && (kind == .unix || $0.kind == .tcp) }
        let ofTCP = idle.filter { $0.kind == .tcp }
        guard let longest = (ofTCP.isEmpty ? idle : ofTCP).min(by: { $0.idleSince < $1.idleSince }) else {
            return false
        }
        // It is told of the close later, and its place is needed now.
        remove(longest)
        longest.close()
        return true
    }

    /// Counts a connection.
    func add(_ connection: Connection, _ standing: Standing) {
        switch standing {
        case .member: members[ObjectIdentifier(connection)] = connection
        case .refused: refused[ObjectIdentifier(connection)] = connection
        }
    }

    /// Counts a connection no more.
    func remove(_ connection: Connection) {
        members[ObjectIdentifier(connection)] = nil
        refused[ObjectIdentifier(connection)] = nil
    }

    /// Closes all of them.
    func closeAll() {
        for connection in Array(members.values) + Array(refused.values) { connection.close() }
    }
}
