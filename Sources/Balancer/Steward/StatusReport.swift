import Reactor

/// The state of a balancer, as its status socket reports it: a line for the process, then one per backend and one per
/// listener, of pairs `key=value`. ``StatusAnswer`` reads it.
///
/// ```
/// state=serving backends_up=1 backends=2 sessions=12 sessions_max=4000 threads=1 turns=70512 turn_p99_us=96
///     turn_max_us=411 uptime_s=3600 pid=4711
/// backend=172.20.0.5:8090 health=up name=server1 pool=web title=server1:8090 weight=3 sessions=12
/// backend=- health=down name=server2 pool=web title=server2:8090 backup=yes sessions=0
/// pool=web waiting=0 queue_max=200
/// listener=web pool=web address=0.0.0.0:8000
/// listener=tls pool=- waiting=0 denied=3 over_limit=0 headers_wrong=0 names_wrong=12 address=0.0.0.0:8443
/// route=*.example.org listener=tls pool=web clients=4711
/// ```
///
/// `state` follows `health` where there is more to say: `draining` (a weight of 0, or its agent says so), `agent-50%`,
/// `agent-down`, `agent-silent`, `suspect`,
/// `slow-start-40%`, `full`; several are separated by commas. Suspicions are those of the loop that answers.
///
/// A listener that asks something of its clients (``ListenerRules``) has counts of those that wait and of those that were
/// sent away for it, at the first of its addresses, and a line for each of its routes; `*` is `otherwise`. Where that closes its
/// clients, the listener has no pool of its own.
///
/// A pool has a line where it has a queue or a limit; `state=full` stands at pools and listeners whose limit is reached.
///
/// `title` is what identifies a backend in its pool, where that is neither `name` nor its address. `weight` stands where it
/// is not 1.
///
/// `backends_unchecked=1` follows `backends` where backends are not probed: they count as up, and nobody has asked them.
///
/// A turn is one round of a loop; while it lasts, nobody else is served. The figures are of all loops, since the socket was
/// last asked: more than 1,000 us at the 99th percentile mean that the loop is overloaded or does not get its core.
public struct StatusReport: Hashable, Sendable {
    /// What a new client may expect.
    public enum Service: String, Sendable {
        /// To be served.
        case serving
        /// Not known: the first round of probes has not ended yet.
        case starting
        /// To be closed at once: no backend is up, or none has ever answered.
        case noBackend = "no-backend"
        /// To wait: all sessions are taken, and clients have had to wait since.
        case full
        /// To be closed at once: this machine lacks descriptors, ports, memory or the source address, so that clients
        /// were closed a moment ago, or no probe can be made.
        case impaired
        /// To be refused: the balancer is about to end.
        case draining
    }

    /// One backend.
    public struct BackendLine: Hashable, Sendable {
        /// Its address; nil while its name has none.
        public var address: SocketAddress?
        /// Its label, or else its host name; nil for a backend configured by address alone.
        public var name: String?
        /// What its probes have shown.
        public var health: Health
        /// The name of its pool.
        public var pool = ""
        /// What identifies it in its pool: its label, its name as `HOST:PORT`, or its address.
        public var title = ""
        /// Its share of the clients relative to the others'.
        public var weight: Int32 = 1
        /// It gets clients only while no other of its pool is up.
        public var isBackup = false
        /// Sessions of all loops that are connected or connecting to it.
        public var sessions = 0
        /// The most that it gets; nil for no limit.
        public var sessionsMax: Int?
        /// A client's connect has failed, and nothing has succeeded since.
        public var isSuspect = false
        /// Its agent says that it is down.
        public var isDownByAgent = false
        /// Its agent does not answer.
        public var isAgentSilent = false
        /// How much of its weight its agent lets it have; 0 while it wants no new clients, nil for all of it.
        public var agentPercent: Int?
        /// How much of its weight it has, while it starts slowly.
        public var slowStartPercent: Int?

        /// What there is to say besides its health.
        var states: [String] {
            var states: [String] = []
            if isDownByAgent { states.append("agent-down") }
            if isAgentSilent { states.append("agent-silent") }
            if weight == 0 || agentPercent == 0 { states.append("draining") }
            if let agentPercent, agentPercent > 0 { states.append("agent-\(agentPercent)%") }
            if isSuspect { states.append("suspect") }
            if let slowStartPercent { states.append("slow-start-\(slowStartPercent)%") }
            if let sessionsMax, sessions >= sessionsMax { states.append("full") }
            return states
        }

        var text: String {
            let place = address.map(\.description) ?? "-"
            var text = "backend=\(place) health=\(health.rawValue)"
            if !states.isEmpty { text += " state=\(states.joined(separator: ","))" }
            if let name { text += " name=\(name)" }
            if !pool.isEmpty { text += " pool=\(pool)" }
            if !title.isEmpty, title != name ?? place { text += " title=\(title)" }
            if weight != 1 { text += " weight=\(weight)" }
            if isBackup { text += " backup=yes" }
            return text + " sessions=\(sessions)" + (sessionsMax.map { " sessions_max=\($0)" } ?? "") + "\n"
        }
    }

    /// One address of a listener.
    public struct ListenerLine: Hashable, Sendable {
        /// What the operator calls it; several addresses may have one name.
        public var name: String
        /// The name of the pool that serves its clients.
        public var pool: String
        /// The address.
        public var address: SocketAddress
        /// Sessions of all loops that came in by this name, and the most there may be; nil where there is no limit.
        public var load: Load?
        /// Clients that were sent away before they had a pool; nil of a listener that asks nothing of them.
        public var refusals: Refusals?

        /// How many clients were sent away, and why.
        public struct Refusals: Hashable, Sendable {
            /// Their network may not come.
            public var denied: UInt64
            /// They had as many sessions as they may, or came too fast.
            public var overLimit: UInt64
            /// They wait for one of their own sessions to end, or for their rate.
            public var waiting: Int
            /// Their PROXY header was missing or wrong, or would not have been believed.
            public var headersWrong: UInt64
            /// They named no server in time, or one without a route.
            public var namesWrong: UInt64

            var text: String {
                " waiting=\(waiting) denied=\(denied) over_limit=\(overLimit) headers_wrong=\(headersWrong) names_wrong=\(namesWrong)"
            }
        }

        // The path of a Unix socket may have spaces in it, so it ends the line.
        var text: String {
            "listener=\(name) pool=\(pool)" + (load.map { $0.text } ?? "") + (refusals.map { $0.text } ?? "")
                + " address=\(address)\n"
        }
    }

    /// A way from a listener to a pool, by the server's name.
    public struct RouteLine: Hashable, Sendable {
        /// The name or wildcard, `alpn:` and a protocol, or `*` for `otherwise`.
        public var title: String
        /// The name of the listener.
        public var listener: String
        /// The name of the pool.
        public var pool: String
        /// Clients that have taken it.
        public var clients: UInt64

        var text: String { "route=\(title) listener=\(listener) pool=\(pool) clients=\(clients)\n" }
    }

    /// Sessions, and the most there may be.
    public struct Load: Hashable, Sendable {
        /// How many there are.
        public var sessions: Int
        /// How many there may be.
        public var max: Int

        var text: String { (sessions >= max ? " state=full" : "") + " sessions=\(sessions) sessions_max=\(max)" }
    }

    /// A pool with a queue, with a limit on its sessions, or in panic.
    public struct PoolLine: Hashable, Sendable {
        /// Its name.
        public var name: String
        /// Its sessions, and the most there may be; nil where there is no limit.
        public var load: Load?
        /// Clients of all loops that wait for a place, and the most that may wait; nil without a queue.
        public var queue: Queue?
        /// So few of its backends may be picked that all are used.
        public var isInPanic = false

        /// Clients that wait, and the most that may.
        public struct Queue: Hashable, Sendable {
            /// How many wait.
            public var waiting: Int
            /// How many may.
            public var max: Int
        }

        var text: String {
            "pool=\(name)" + (isInPanic ? " panic=yes" : "") + (load.map { $0.text } ?? "")
                + (queue.map { " waiting=\($0.waiting) queue_max=\($0.max)" } ?? "") + "\n"
        }
    }

    /// What the probes of a backend have shown.
    public enum Health: String, Sendable {
        /// It has answered, and new sessions may be sent to it.
        case up
        /// It takes no sessions, or has never answered.
        case down
        /// Its first probe has not ended yet.
        case unknown
        /// It gets no clients for a while, for what others have met there.
        case ejected
        /// It is not probed; new sessions may be sent to it.
        case unchecked
    }

    /// What a new client may expect.
    public var state: Service
    /// All backends of all pools.
    public var backends: [BackendLine]
    /// The addresses of all listeners.
    public var listeners: [ListenerLine] = []
    /// The routes of all listeners.
    public var routes: [RouteLine] = []
    /// Pools with a queue, or with a limit on their sessions.
    public var pools: [PoolLine] = []
    /// Sessions of all loops.
    public var sessions: Int
    /// The limit on sessions.
    public var sessionsMax: Int
    /// The number of loops.
    public var threads: Int
    /// The turns of all loops since the last report.
    public var turns: RecentTurns
    /// The time since the start.
    public var uptime: Duration
    /// The process id.
    public var process: Int32

    /// How many backends are up: those that have answered, and those that are not probed.
    public var backendsUp: Int { backends.count { $0.health == .up || $0.health == .unchecked } }

    /// The most backends that are listed; the others are only counted. The whole report fits into a socket's buffer, so
    /// that the balancer need not wait for its peer.
    public static let backendLinesMax = 256

    /// The most routes that are listed, likewise.
    public static let routeLinesMax = 256

    /// The lines, each ended by a newline.
    public var text: String {
        let unchecked = backends.count { $0.health == .unchecked }
        var text =
            "state=\(state.rawValue) backends_up=\(backendsUp) backends=\(backends.count) "
            + (unchecked > 0 ? "backends_unchecked=\(unchecked) " : "") + "sessions=\(sessions) "
            + "sessions_max=\(sessionsMax) threads=\(threads) turns=\(turns.count) "
            + "turn_p99_us=\(turns.percentile99 / 1000) turn_max_us=\(turns.longest / 1000) uptime_s=\(uptime.components.seconds) pid=\(process)\n"
        for backend in backends.prefix(Self.backendLinesMax) { text += backend.text }
        let others = backends.count - Self.backendLinesMax
        if others > 0 { text += "backends_not_listed=\(others)\n" }
        for pool in pools { text += pool.text }
        for listener in listeners { text += listener.text }
        for route in routes.prefix(Self.routeLinesMax) { text += route.text }
        if routes.count > Self.routeLinesMax { text += "routes_not_listed=\(routes.count - Self.routeLinesMax)\n" }
        return text
    }

    /// True for the text of a report that says that the balancer is about to end.
    public static func saysDraining(_ text: String) -> Bool {
        text.hasPrefix("state=\(Service.draining.rawValue) ")
    }

    /// True for the text of a report that says that new clients are served.
    public static func saysServing(_ text: String) -> Bool {
        text.hasPrefix("state=\(Service.serving.rawValue) ")
    }
}
