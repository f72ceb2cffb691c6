import Reactor

/// How a balancer does, as it tells who asks at its status socket: a line about the whole, then one per backend, of
/// pairs `key=value`.
///
/// ```
/// state=serving backends_up=1 backends=2 sessions=12 sessions_max=4000 threads=1 uptime_s=3600 pid=4711
/// backend=172.20.0.5:8090 health=up name=server1
/// backend=- health=down name=server2
/// ```
public struct StatusReport: Hashable, Sendable {
    /// What a new client may expect.
    public enum State: String, Sendable {
        /// To be served.
        case serving
        /// To be closed at once: no backend is up.
        case noBackend = "no-backend"
        /// To be refused: the balancer is about to end.
        case draining
    }

    /// One backend.
    public struct Backend: Hashable, Sendable {
        /// Where it is; nil while its name has no address.
        public var address: SocketAddress?
        /// The name it was given by, if it was.
        public var name: String?
        /// New sessions may be sent to it.
        public var isUp: Bool
    }

    /// What a new client may expect.
    public var state: State
    /// All backends of all pools.
    public var backends: [Backend]
    /// Sessions of all loops.
    public var sessions: Int
    /// Their limit.
    public var sessionsMax: Int
    /// Loops.
    public var threads: Int
    /// Since the start.
    public var uptime: Duration
    /// The process.
    public var process: Int32

    /// How many backends are up.
    public var backendsUp: Int { backends.count(where: \.isUp) }

    /// Beyond so many backends, the others are only counted: all that is told fits into a socket's buffer, so that the
    /// balancer need not wait for who asks.
    public static let backendLinesMax = 256

    /// The lines, each ended by a newline.
    public var text: String {
        var text =
            "state=\(state.rawValue) backends_up=\(backendsUp) backends=\(backends.count) sessions=\(sessions) "
            + "sessions_max=\(sessionsMax) threads=\(threads) uptime_s=\(uptime.components.seconds) pid=\(process)\n"
        for backend in backends.prefix(Self.backendLinesMax) {
            text += "backend=\(backend.address.map(\.description) ?? "-") health=\(backend.isUp ? "up" : "down")"
            text += backend.name.map { " name=\($0)\n" } ?? "\n"
        }
        let others = backends.count - Self.backendLinesMax
        if others > 0 { text += "backends_not_listed=\(others)\n" }
        return text
    }

    /// True of a text of this form that says that the balancer is about to end.
    public static func saysDraining(_ text: String) -> Bool {
        text.hasPrefix("state=\(State.draining.rawValue) ")
    }

    /// True of a text of this form that says that new clients are served.
    public static func saysServing(_ text: String) -> Bool {
        text.hasPrefix("state=\(State.serving.rawValue) ")
    }
}
