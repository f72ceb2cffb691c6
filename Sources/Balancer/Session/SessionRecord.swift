import Reactor

/// Who did something to a session.
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
    /// A side broke the connection, or its host vanished: a RST, or a timeout of the kernel's.
    case reset
    /// Nothing moved for the idle timeout.
    case idle
    /// No backend was up.
    case noBackend = "no-backend"
    /// Every backend that was up was tried, and none took the connection.
    case connectFailed = "connect-failed"
    /// The client left before a backend was connected.
    case abandoned
    /// This machine lacked descriptors, memory or ports.
    case shortage
    /// The balancer stopped before the session had ended.
    case cut
}

/// What happened to a session: made once, when it ends.
public struct SessionRecord: Sendable {
    /// The client's own address and port.
    public var client: SocketAddress
    /// The last backend that it was sent to; nil when there was none.
    public var backend: SocketAddress?
    /// Bytes that the backend's kernel took from us.
    public var bytesUp: UInt64
    /// Bytes that the client's kernel took from us.
    public var bytesDown: UInt64
    /// Bytes that were read from one side and that the other never took.
    public var bytesDiscarded: UInt64
    /// When the client was accepted.
    public var accepted: Instant
    /// When the connection with the backend stood; nil when there was none.
    public var connected: Instant?
    /// When the session ended.
    public var ended: Instant
    /// How many backends it was sent to.
    public var attempts: Int
    /// Who ended it: the side that ended its direction first, or the balancer.
    public var endedBy: Party
    /// Why it ended.
    public var reason: EndReason
    /// The error that ended it, or the last one of a connect.
    public var error: Errno?

    /// From the accept to the connection with the backend; nil when there was none.
    public var connectTime: Duration? { connected.map { $0 - accepted } }
    /// From the accept to the end.
    public var duration: Duration { ended - accepted }
}
