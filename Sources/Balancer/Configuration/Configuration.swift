import Reactor

/// What a balancer is to do: listeners, pools, times and limits. Immutable and checked: a loop can be made of any
/// value of this type.
public struct Configuration: Sendable {
    /// Where clients come in, and the pool that serves them.
    public struct Listener: Hashable, Sendable {
        /// The address to bind.
        public let address: SocketAddress
        /// The place of the pool in ``Configuration/pools``.
        public let pool: Int
        /// The socket that the service manager made for it; nil when the balancer binds one itself.
        public let inherited: InheritedSocket?

        /// A listener of a pool.
        public init(address: SocketAddress, pool: Int = 0) {
            self.address = address
            self.pool = pool
            inherited = nil
        }

        /// A listener on a socket that is there already.
        public init(inherited: InheritedSocket, pool: Int = 0) {
            address = inherited.address
            self.pool = pool
            self.inherited = inherited
        }
    }

    /// Where the balancer tells its state to who asks: see ``StatusReport``.
    public enum StatusSocket: Hashable, Sendable {
        /// A Unix socket of its own.
        case path(String)
        /// A socket that the service manager made.
        case inherited(InheritedSocket)
    }

    /// One target.
    public struct Backend: Hashable, Sendable {
        /// Where it listens; nil while its name has no address.
        public let address: SocketAddress?
        /// The name that its address is looked up by, again and again; nil of one that is named by its address.
        public let name: HostName?

        /// A backend at an address.
        public init(address: SocketAddress) {
            self.address = address
            name = nil
        }

        /// A backend with a name, and the address that the name has now, if it has one.
        public init(name: HostName, address: SocketAddress?) {
            self.address = address
            self.name = name
        }
    }

    /// Backends that serve the same clients, and how they are chosen and watched.
    public struct Pool: Hashable, Sendable {
        /// The backends, in the order of their turns.
        public let backends: [Backend]
        /// Chooses among them.
        public let policy: Policy.Kind
        /// How they are probed.
        public let health: HealthCheck
        /// The address that connections to backends come from; nil leaves it to the kernel. Not used towards a backend
        /// of another family.
        public let source: SocketAddress?

        /// A pool.
        public init(
            backends: [Backend], policy: Policy.Kind = .roundRobin, health: HealthCheck = .init(),
            source: SocketAddress? = nil
        ) {
            self.backends = backends
            self.policy = policy
            self.health = health
            self.source = source
        }
    }

    /// How backends are probed. The defaults are those of the reference system's guide.
    public struct HealthCheck: Hashable, Sendable {
        /// From the start of one probe to the start of the next.
        public var interval: Duration = .seconds(5)
        /// A probe that has not connected by then has failed.
        public var timeout: Duration = .seconds(2)
        /// Failures in a row that take a backend out of rotation.
        public var fall: Int = 4
        /// Successes in a row that put it back.
        public var rise: Int = 1

        /// The defaults.
        public init() {}
    }

    /// How long things may take.
    public struct Timeouts: Hashable, Sendable {
        /// One attempt to connect to a backend. HAProxy's documentation suggests 5 s.
        public var connect: Duration = .seconds(5)
        /// A session in which nothing moves in either direction. One hour is Envoy's default.
        public var idle: Duration = .seconds(3600)
        /// How long sessions may go on after the request to stop.
        public var drain: Duration = .seconds(10)
        /// From one look for the addresses of backends' names to the next, while their probes succeed; a failed probe
        /// looks at once. 10 s is how long HAProxy takes an answer for valid.
        public var names: Duration = .seconds(10)
        /// How long the bytes of a side are still read, and dropped, after the other side has gone, so that our close
        /// does not become a RST that cuts off what we have just written (nginx: `lingering_timeout`, 5 s).
        public var linger: Duration = .seconds(5)

        /// The defaults.
        public init() {}
    }

    /// What trades something for latency; all of it is off by default. What each gains and costs is measured in the
    /// README.
    public struct Latency: Hashable, Sendable {
        /// Never sleep: a core is always busy, and no event waits for a wake-up. HAProxy calls it `busy-polling`.
        public var busyPoll = false
        /// Send what the client has sent already with the SYN to the backend (RFC 7413). A SYN may be delivered twice:
        /// for requests that may be repeated.
        public var fastOpen = false
        /// Connections that each loop holds ready to each backend. The backend sees them before a client is there: for
        /// protocols in which the client speaks first.
        public var warmConnections = 0

        /// The defaults.
        public init() {}
    }

    /// Where clients come in; at least one.
    public let listeners: [Listener]
    /// The pools; at least one.
    public let pools: [Pool]
    /// Times.
    public let timeouts: Timeouts
    /// Bounds.
    public let limits: Limits
    /// Options.
    public let latency: Latency
    /// What the event log says.
    public let log: LogMode
    /// How many loops share the work, each on a thread of its own: see ``LoopGroup``.
    public let threads: Int
    /// Where it tells its state; nil for nowhere.
    public let status: StatusSocket?

    /// Checks the parts and puts them together; the error names the part and the remedy.
    public init(
        listeners: [Listener], pools: [Pool], timeouts: Timeouts = .init(), limits: Limits = .init(),
        latency: Latency = .init(), log: LogMode = .guide, threads: Int = 1, status: StatusSocket? = nil
    ) throws(ConfigurationError) {
        self.listeners = listeners
        self.pools = pools
        self.timeouts = timeouts
        self.limits = limits
        self.latency = latency
        self.log = log
        self.threads = threads
        self.status = status
        try check()
    }

    /// All backends of all pools.
    public var backendCount: Int { pools.reduce(0) { $0 + $1.backends.count } }
}

/// A configuration that cannot be carried out: what is wrong, where, and what to do about it.
public struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    /// One line for people.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension Configuration {
    /// The longest time that may be set: a year.
    public static let durationMax: Duration = .seconds(365 * 24 * 3600)
    /// The shortest interval and timeout of probes: below it they would be a load of their own.
    public static let probeDurationMin: Duration = .milliseconds(10)
    /// The highest rise and fall count.
    public static let thresholdMax = 1000

    private func check() throws(ConfigurationError) {
        guard !listeners.isEmpty else { throw ConfigurationError("no listener: name an address to listen on") }
        guard !pools.isEmpty else { throw ConfigurationError("no pool: name at least one backend") }
        guard listeners.count <= Limits.listenersMax else {
            throw ConfigurationError("\(listeners.count) listeners: at most \(Limits.listenersMax)")
        }
        guard backendCount <= Limits.backendsMax else {
            throw ConfigurationError("\(backendCount) backends: at most \(Limits.backendsMax)")
        }
        guard (1...Limits.sessionsCeiling).contains(limits.sessionsMax) else {
            throw ConfigurationError(
                "sessions at most \(limits.sessionsMax): it must be 1 to \(Limits.sessionsCeiling)")
        }
        guard (1...Limits.chunkBytesMax).contains(limits.chunkBytes) else {
            throw ConfigurationError("chunks of \(limits.chunkBytes) bytes: 1 to \(Limits.chunkBytesMax)")
        }
        guard (0...Limits.blocksCeiling).contains(limits.blocksMax) else {
            throw ConfigurationError("\(limits.blocksMax) blocks: 0 to \(Limits.blocksCeiling)")
        }
        guard (0...Limits.pipesCeiling).contains(limits.pipesMax) else {
            throw ConfigurationError("\(limits.pipesMax) pipes: 0 to \(Limits.pipesCeiling)")
        }
        guard (0...Limits.warmConnectionsMax).contains(latency.warmConnections) else {
            throw ConfigurationError(
                "\(latency.warmConnections) warm connections: it must be 0 to \(Limits.warmConnectionsMax) per backend "
                    + "(--warm-connections)")
        }
        guard (1...Limits.threadsMax).contains(threads) else {
            throw ConfigurationError(
                "\(threads) threads: it must be 1 to \(Limits.threadsMax) (--threads); one per core at the most pays")
        }
        if case .path(let path) = status,
            path.isEmpty || path.hasPrefix("@") || path.utf8.count > SocketFile.pathBytesMax || path.utf8.contains(0)
        {
            throw ConfigurationError(
                "status socket '\(path)': a path of 1 to \(SocketFile.pathBytesMax) bytes, not an abstract name, is needed "
                    + "(--status-socket)")
        }
        for pool in pools { try check(pool) }
        for listener in listeners { try check(listener) }
        try check(timeouts.connect, "connect timeout", from: .milliseconds(1))
        try check(timeouts.idle, "idle timeout", from: .milliseconds(1))
        try check(timeouts.drain, "drain time", from: .zero)
        try check(timeouts.linger, "linger timeout", from: .zero)
        try check(timeouts.names, "time between looks for names", from: Self.probeDurationMin)
    }

    private func check(_ pool: Pool) throws(ConfigurationError) {
        guard !pool.backends.isEmpty else { throw ConfigurationError("a pool without backends: name at least one") }
        try check(pool.health.interval, "probe interval", from: Self.probeDurationMin)
        try check(pool.health.timeout, "probe timeout", from: Self.probeDurationMin)
        guard pool.health.timeout <= pool.health.interval else {
            throw ConfigurationError(
                "probe timeout \(pool.health.timeout) is longer than the probe interval \(pool.health.interval): "
                    + "a probe must end before the next one starts")
        }
        for (name, value) in [("fall", pool.health.fall), ("rise", pool.health.rise)] {
            guard (1...Self.thresholdMax).contains(value) else {
                throw ConfigurationError("\(name) count \(value): it must be 1 to \(Self.thresholdMax)")
            }
        }
    }

    private func check(_ listener: Listener) throws(ConfigurationError) {
        guard pools.indices.contains(listener.pool) else {
            throw ConfigurationError("listener \(listener.address): there is no pool \(listener.pool)")
        }
        if pools[listener.pool].backends.contains(where: { $0.address == listener.address }) {
            throw ConfigurationError(
                "backend \(listener.address) is the balancer's own listener: it would connect to itself")
        }
        if listeners.filter({ $0.address == listener.address }).count > 1 {
            throw ConfigurationError("two listeners on \(listener.address): name each address once")
        }
        if threads > 1, listener.inherited == nil, case .unix = listener.address {
            throw ConfigurationError(
                "listener \(listener.address): several threads cannot share a Unix socket; set one thread (--threads 1)"
            )
        }
    }

    private func check(_ duration: Duration, _ name: String, from least: Duration) throws(ConfigurationError) {
        guard duration >= least, duration <= Self.durationMax else {
            throw ConfigurationError("\(name) \(duration): it must be \(least) to \(Self.durationMax)")
        }
    }
}
