import Reactor

/// A party to a session.
public enum Party: String, Sendable {
    /// The client.
    case client
    /// The backend.
    case backend
    /// The balancer itself.
    case balancer
}

/// Why a session ended.
public enum EndReason: String, Sendable, CaseIterable {
    /// Both sides ended their direction, and everything was delivered.
    case finished
    /// A side reset the connection, or its host vanished: a RST, or a timeout in the kernel.
    case reset
    /// Nothing moved for the idle timeout.
    case idle
    /// One side had ended its direction, and nothing moved for the half-closed timeout.
    case halfClosed = "half-closed"
    /// It was as old as sessions of its pool may become.
    case sessionAge = "session-age"
    /// Its backend was found down, and its pool ends the sessions of such backends.
    case backendDown = "backend-down"
    /// Its backend was removed, and the time that its pool leaves to the sessions of such backends was over.
    case backendRemoved = "backend-removed"
    /// Its backend had more sessions than its share, and nothing moved in this one: ``Configuration/Rebalance``.
    case rebalanced
    /// No backend was up.
    case noBackend = "no-backend"
    /// Every backend that is up had as many sessions as it may have.
    case backendsFull = "backends-full"
    /// It was to wait for a place at a backend, and as many clients waited as may.
    case queueFull = "queue-full"
    /// It has waited for a place at a backend for as long as it may.
    case queueTimeout = "queue-timeout"
    /// Every backend that was up was tried, or as many as may be, and none accepted the connection.
    case connectFailed = "connect-failed"
    /// The client left before a backend was connected.
    case abandoned
    /// The address in its PROXY header may not come.
    case denied
    /// Its client had as many sessions as it may, or came too fast: by the address in its PROXY header, or after a wait.
    case clientLimit = "client-limit"
    /// Its PROXY header was missing or wrong.
    case badHeader = "bad-header"
    /// It has not sent its PROXY header, or named a server, in time.
    case prefaceTimeout = "preface-timeout"
    /// There is no route for the server that it named, or it named none.
    case noRoute = "no-route"
    /// This machine lacked descriptors, memory or ports.
    case shortage
    /// An operator has ended it.
    case killed
    /// The balancer stopped before the session had ended.
    case cut
}

/// What a session's line names beside what its record has; only where such lines are written.
public struct SessionNames: Sendable {
    /// The name of its pool.
    public var pool: String
    /// The name of its listener.
    public var listener: String
    /// The server that it named before it got a pool: ``Configuration/ServerNames``.
    public var serverName: String?
    /// The identity of ``SessionRecord/backend`` in its pool; nil without one.
    public var backend: String?
    /// The backend that was tried first, where that one failed and another was tried.
    public var firstFailed: FailedBackend?

    /// A backend that did not accept a session's connection.
    public struct FailedBackend: Sendable {
        /// Its identity in its pool.
        public var name: String
        /// Its address at that time.
        public var address: SocketAddress
    }
}

/// What happened to a session: made once, when it ends.
public struct SessionRecord: Sendable {
    /// Identifies it: see ``SessionID``. Not found out where no line names it.
    public var id = SessionID(rawValue: 0)
    /// It has a line in the log: of a sample, not all have.
    public var isLogged = true
    /// What only some lines name.
    public var names: SessionNames?
    /// The client's own address and port.
    public var client: SocketAddress
    /// The address, at that time, of the last backend that was tried; nil when there was none, and for a client that
    /// had left before it was accepted.
    public var backend: SocketAddress?
    /// What the operator calls that backend; nil where that is its address or name.
    public var label: String?
    /// The id of that backend.
    public var target: TargetID?
    /// Bytes written to the backend's socket.
    public var bytesUp: UInt64
    /// Bytes written to the client's socket.
    public var bytesDown: UInt64
    /// Bytes that were read from one side and not delivered to the other.
    public var bytesDiscarded: UInt64
    /// When the client was accepted.
    public var accepted: Instant
    /// When the backend was connected; nil when none was.
    public var connected: Instant?
    /// When the session ended.
    public var ended: Instant
    /// How many backends were tried.
    public var attempts: Int
    /// The side that ended its direction first, or the balancer.
    public var endedBy: Party
    /// Why it ended.
    public var reason: EndReason
    /// What ended the attempts to connect before every backend was tried; nil where no limit did.
    public var limit: ConnectLimit?
    /// The error that ended it, or the last one of a connect.
    public var error: Errno?

    /// A placeholder until the first session ends.
    static var none: SessionRecord {
        let zero = Instant(nanoseconds: 0)
        return SessionRecord(
            client: .unix(path: ""), bytesUp: 0, bytesDown: 0, bytesDiscarded: 0, accepted: zero, ended: zero,
            attempts: 0, endedBy: .balancer, reason: .cut)
    }

    /// From the accept to the connection with the backend; nil when there was none.
    public var connectTime: Duration? { connected.map { $0 - accepted } }
    /// From the accept to the end.
    public var duration: Duration { ended - accepted }
}
