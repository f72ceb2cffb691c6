/// What a balancer says of itself: `GET /v1/status`, and each `status` of `GET /v1/events`.
///
/// Names in JSON are those of the properties in `snake_case`. Times are in seconds; names that end in `total` are of
/// counters, which begin at 0 when the process starts and never decrease.
public struct Status: Codable, Hashable, Sendable {
    /// The program's version.
    public var version: String
    /// The process.
    public var pid: Int
    /// When it started, as of RFC 3339: `2026-11-27T21:15:00.000Z`.
    public var started: String
    /// When this was true, likewise.
    public var time: String
    /// Seconds since the start.
    public var uptimeSeconds: Double
    /// What a new client may expect: `serving`, `starting`, `no-backend`, `full`, `impaired` or `draining`.
    public var state: String
    /// What is wrong, a sentence each, the worst first; empty when nothing is.
    public var problems: [String]
    /// Sessions of all loops.
    public var sessions: Int
    /// The most there may be.
    public var sessionsMax: Int
    /// Clients accepted.
    public var acceptedTotal: UInt64
    /// Bytes written to backends.
    public var bytesUpTotal: UInt64
    /// Bytes written to clients.
    public var bytesDownTotal: UInt64
    /// Sessions that have ended, by their reason; those without any are missing.
    public var endsTotal: [String: UInt64]
    /// What the process uses.
    public var resources: Resources
    /// Its loops.
    public var loops: [Loop]
    /// Its listeners, by name.
    public var listeners: [Listener]
    /// Its pools.
    public var pools: [Pool]
    /// What does not add up; empty while everything does.
    public var audit: [String]
    /// True where this answer may be followed by changes: over the socket, or with the token.
    public var mayChange: Bool

    /// Of a balancer that has done nothing yet.
    public init(
        version: String, pid: Int, started: String, time: String, state: String, resources: Resources
    ) {
        self.version = version
        self.pid = pid
        self.started = started
        self.time = time
        uptimeSeconds = 0
        self.state = state
        problems = []
        sessions = 0
        sessionsMax = 0
        acceptedTotal = 0
        bytesUpTotal = 0
        bytesDownTotal = 0
        endsTotal = [:]
        self.resources = resources
        loops = []
        listeners = []
        pools = []
        audit = []
        mayChange = false
    }

    /// What the process uses.
    public struct Resources: Codable, Hashable, Sendable {
        /// Processor time, user and system.
        public var cpuSeconds: Double
        /// Memory that is resident.
        public var residentBytes: UInt64
        /// Open descriptors.
        public var openFds: Int
        /// The most descriptors that there may be.
        public var maxFds: Int

        /// All of it.
        public init(cpuSeconds: Double, residentBytes: UInt64, openFds: Int, maxFds: Int) {
            self.cpuSeconds = cpuSeconds
            self.residentBytes = residentBytes
            self.openFds = openFds
            self.maxFds = maxFds
        }
    }

    /// One loop.
    public struct Loop: Codable, Hashable, Sendable {
        /// Its number, from 0.
        public var index: Int
        /// `running`, `stuck` (it has not answered for a second), or `ended` (its last session has, in a drain).
        public var state: String
        /// How long it has not answered; nil of one that runs.
        public var stuckSeconds: Double?
        /// Time in turns, without the time in which it waited for events.
        public var busySecondsTotal: Double
        /// Turns.
        public var turnsTotal: UInt64
        /// Of the turns of the last seconds, the 99th percentile.
        public var turnP99Seconds: Double
        /// The longest of them.
        public var turnMaxSeconds: Double

        /// All of it.
        public init(
            index: Int, state: String, stuckSeconds: Double? = nil, busySecondsTotal: Double, turnsTotal: UInt64,
            turnP99Seconds: Double, turnMaxSeconds: Double
        ) {
            self.index = index
            self.state = state
            self.stuckSeconds = stuckSeconds
            self.busySecondsTotal = busySecondsTotal
            self.turnsTotal = turnsTotal
            self.turnP99Seconds = turnP99Seconds
            self.turnMaxSeconds = turnMaxSeconds
        }
    }
}

extension Status {
    /// A listener: all addresses of one name.
    public struct Listener: Codable, Hashable, Sendable {
        /// What the operator calls it.
        public var name: String
        /// Its addresses.
        public var addresses: [String]
        /// The pool of clients without another route; nil where those are closed.
        public var pool: String?
        /// `open`, `paused` (by an operator), or `full` (its limit is reached: clients wait).
        public var state: String
        /// Sessions that came in by it.
        public var sessions: Int
        /// The most there may be; nil without a limit.
        public var sessionsMax: Int?
        /// Clients accepted.
        public var acceptedTotal: UInt64
        /// Clients sent away before they had a pool, by reason: `denied`, `over-limit`, `bad-header`, `no-route`.
        public var rejectedTotal: [String: UInt64]
        /// Clients that wait for a limit of their own.
        public var waiting: Int
        /// Bytes from its clients written to backends.
        public var bytesUpTotal: UInt64
        /// Bytes written to its clients.
        public var bytesDownTotal: UInt64
        /// The most sessions of one client; nil without a limit.
        public var perClient: Int?
        /// Its routes, by the server's name.
        public var routes: [Route]

        /// All of it.
        public init(
            name: String, addresses: [String], pool: String?, state: String, sessions: Int, sessionsMax: Int?,
            acceptedTotal: UInt64, rejectedTotal: [String: UInt64], waiting: Int, bytesUpTotal: UInt64,
            bytesDownTotal: UInt64, perClient: Int?, routes: [Route]
        ) {
            self.name = name
            self.addresses = addresses
            self.pool = pool
            self.state = state
            self.sessions = sessions
            self.sessionsMax = sessionsMax
            self.acceptedTotal = acceptedTotal
            self.rejectedTotal = rejectedTotal
            self.waiting = waiting
            self.bytesUpTotal = bytesUpTotal
            self.bytesDownTotal = bytesDownTotal
            self.perClient = perClient
            self.routes = routes
        }
    }

    /// A way from a listener to a pool, by the server's name.
    public struct Route: Codable, Hashable, Sendable {
        /// A name or wildcard, `alpn:` and a protocol, or `*` for all others.
        public var title: String
        /// The pool.
        public var pool: String
        /// Clients that have taken it.
        public var clientsTotal: UInt64

        /// All of it.
        public init(title: String, pool: String, clientsTotal: UInt64) {
            self.title = title
            self.pool = pool
            self.clientsTotal = clientsTotal
        }
    }

    /// A pool.
    public struct Pool: Codable, Hashable, Sendable {
        /// Its name.
        public var name: String
        /// Its policy, as a file writes it.
        public var policy: String
        /// Sessions on its backends.
        public var sessions: Int
        /// The most there may be; nil without a limit.
        public var sessionsMax: Int?
        /// Clients that wait for a place at a backend.
        public var queueLength: Int
        /// The most that may wait; nil without a queue.
        public var queueMax: Int?
        /// So few of its backends may be picked that all are used.
        public var isInPanic: Bool
        /// Clients that were closed because no backend was up.
        public var noBackendTotal: UInt64
        /// Its backends.
        public var backends: [Backend]

        /// All of it.
        public init(
            name: String, policy: String, sessions: Int, sessionsMax: Int?, queueLength: Int, queueMax: Int?,
            isInPanic: Bool, noBackendTotal: UInt64, backends: [Backend]
        ) {
            self.name = name
            self.policy = policy
            self.sessions = sessions
            self.sessionsMax = sessionsMax
            self.queueLength = queueLength
            self.queueMax = queueMax
            self.isInPanic = isInPanic
            self.noBackendTotal = noBackendTotal
            self.backends = backends
        }
    }
}
