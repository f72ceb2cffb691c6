import Reactor

/// The configuration of a balancer: listeners, pools, times and limits. Immutable and checked: a loop can be made from
/// any value of this type.
public struct Configuration: Sendable {
    /// An address for clients, and the pool that serves them.
    public struct ListenerSettings: Hashable, Sendable {
        /// The address to bind.
        public let address: SocketAddress
        /// What the operator calls it. Several may have one name: the addresses of one listener.
        public let name: String
        /// The index of the pool in ``Configuration/pools``. Several listeners may have the same. With ``serverNames`` it is
        /// that of clients without a route, or where these are closed, of the first route.
        public let pool: Int
        /// The socket that the service manager made for it; nil when the balancer binds one itself.
        public let inherited: InheritedSocket?
        /// How many clients the kernel keeps for it until they are accepted; nil for ``Limits/backlog``.
        public var backlog: Int32?
        /// The most sessions of all listeners of this name together; nil for no limit.
        public var sessionsMax: Int32?
        /// The file of a Unix socket; nil for the permissions that the umask leaves, and this process's user and group.
        public var unix: UnixFile?
        /// On `::`: clients of IPv4 do not reach it, so that another listener can have them. Otherwise they do.
        public var isIPv6Only: Bool
        /// Options of the sockets of its clients.
        public var socketOptions: SocketOptions
        /// Its connections begin with a header of the PROXY protocol; nil for no such header.
        public var proxy: ProxyAccept?
        /// The name that a client asks for leads to a pool; nil for ``pool``.
        public var serverNames: ServerNames?
        /// Which clients may come, and how many.
        public var clients = ClientRules()

        /// A listener of a pool. Without a `name` it is called by its address.
        public init(
            address: SocketAddress, pool: Int = 0, name: String? = nil, backlog: Int32? = nil, unix: UnixFile? = nil,
            isIPv6Only: Bool = false, socketOptions: SocketOptions = .init()
        ) {
            self.address = address.canonical
            self.pool = pool
            self.name = name ?? address.canonical.description
            self.backlog = backlog
            self.unix = unix
            self.isIPv6Only = isIPv6Only
            self.socketOptions = socketOptions
            inherited = nil
        }

        /// A listener on a socket that exists already, and has its backlog and file from whoever made it.
        public init(
            inherited: InheritedSocket, pool: Int = 0, name: String? = nil, socketOptions: SocketOptions = .init()
        ) {
            address = inherited.address
            self.pool = pool
            self.name = name ?? inherited.address.description
            isIPv6Only = inherited.isIPv6Only
            self.socketOptions = socketOptions
            self.inherited = inherited
        }
    }

    /// The file of a Unix socket.
    public struct UnixFile: Hashable, Sendable {
        /// Its permissions, as chmod(2) takes them: whoever may write may connect.
        public var mode: UInt32
        /// The number of the user that it belongs to; nil for this process's.
        public var owner: UInt32?
        /// The number of the group that it belongs to; nil for this process's.
        public var group: UInt32?

        /// A file; by default only this user may connect.
        public init(mode: UInt32 = 0o600, owner: UInt32? = nil, group: UInt32? = nil) {
            self.mode = mode
            self.owner = owner
            self.group = group
        }
    }

    /// The timeouts of the process. Those of a pool's sessions are ``PoolTimeouts``.
    public struct Timeouts: Hashable, Sendable {
        /// How long sessions may continue after the request to stop.
        public var drain: Duration = .seconds(10)
        /// The interval between look-ups of backends' names while their probes succeed; a failed probe starts one at
        /// once. HAProxy holds an answer valid for 10 s.
        public var names: Duration = .seconds(10)
        /// How long the bytes of a side are still read, and dropped, after the other side has gone, so that our close
        /// does not become a RST that cuts off what we have just written (nginx: `lingering_timeout`, 5 s).
        public var linger: Duration = .seconds(5)

        /// The defaults.
        public init() {}
    }

    /// Options that trade something for latency. What each gains and costs is measured in the README.
    public struct Latency: Hashable, Sendable {
        /// Looking for events instead of sleeping.
        public enum BusyPoll: Hashable, Sendable {
            /// A loop that has nothing to do sleeps.
            case off
            /// It looks on for at most so long after its last event, while that pays: see ``LookOn``.
            case atMost(Duration)
            /// It never sleeps: a core is always busy, and no event waits for a wake-up. HAProxy calls this
            /// `busy-polling`.
            case always

            var lookOn: Duration {
                if case .atMost(let duration) = self { duration } else { .zero }
            }

            /// What ``atMost(_:)`` may be. Less than the shortest is over after one look; in the longest a core could as
            /// well be busy always.
            public static let durations: ClosedRange<Duration> = .microseconds(1) ... .milliseconds(1)
            /// Of the waits of a lone short connection over loopback, looks of 25 us spare four of five, of 40 us
            /// nineteen of twenty, and of 60 us no more.
            public static let standard = atMost(.microseconds(40))
        }

        /// What a loop does when it has nothing to do.
        public var busyPoll = BusyPoll.standard
        /// Put data that has already arrived from the client into the SYN to the backend (RFC 7413). A SYN may be
        /// delivered twice: only for requests that may be repeated.
        public var fastOpen = false
        /// Connections that each loop holds ready to each backend. The backend sees them before there is a client: only
        /// for protocols in which the client sends first.
        public var warmConnections = 0

        /// The defaults.
        public init() {}
    }

    /// The listeners; at least one.
    public let listeners: [ListenerSettings]
    /// The pools; at least one.
    public let pools: [Pool]
    /// How long look-ups, a drain and the rest of a session may take.
    public let timeouts: Timeouts
    /// How many sessions, and how much memory for them.
    public let limits: Limits
    /// Options that trade something for latency.
    public let latency: Latency
    /// What the log has, and where it goes.
    public let log: LogSettings
    /// How many loops share the work, each on its own thread: see ``LoopGroup``.
    public let threads: Int
    /// When all checks fail at once, verdicts stay what they were until one succeeds: see ``Limits/frozenBackendsMin``.
    public let freezesWhenAllFail: Bool
    /// Where it is asked and steered.
    public let administration: Administration
    /// Which networks may come to a listener, by its name, where not all may. Made here, since a million of them take a
    /// quarter of a second, which no loop has.
    let networks: [String: NetworkTable]

    /// Makes a configuration of its parts and checks it; the error names the part and the remedy.
    public init(
        listeners: [ListenerSettings], pools: [Pool], timeouts: Timeouts = .init(), limits: Limits = .init(),
        latency: Latency = .init(), log: LogSettings = .guide, threads: Int = 1, freezesWhenAllFail: Bool = false,
        administration: Administration = .init()
    ) throws(ConfigurationError) {
        self.freezesWhenAllFail = freezesWhenAllFail
        self.listeners = listeners
        self.pools = pools
        self.timeouts = timeouts
        self.limits = limits
        self.latency = latency
        self.log = log
        self.threads = threads
        self.administration = administration
        networks = Dictionary(
            listeners.filter { !$0.clients.allow.isEmpty || !$0.clients.deny.isEmpty }.map {
                ($0.name, NetworkTable(allow: $0.clients.allow, deny: $0.clients.deny))
            }, uniquingKeysWith: { first, _ in first })
        try check()
    }

    /// The same with other pools, in the same order; the error is that of a configuration with them.
    public func with(_ pools: [Pool]) throws(ConfigurationError) -> Configuration {
        try Configuration(
            listeners: listeners, pools: pools, timeouts: timeouts, limits: limits, latency: latency, log: log,
            threads: threads, freezesWhenAllFail: freezesWhenAllFail, administration: administration)
    }

    /// All backends of all pools.
    public var backendCount: Int { pools.reduce(0) { $0 + $1.backends.count } }
}

/// An invalid configuration: what is wrong, where, and what to do about it.
public struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    /// One line, for display.
    public let description: String

    /// An error with its remedy.
    public init(_ description: String) {
        self.description = description
    }
}

extension Configuration {
    /// The longest time that may be set: a year.
    public static let durationMax: Duration = .seconds(365 * 24 * 3600)
    /// The shortest interval and timeout of probes: shorter ones would be a load in themselves.
    public static let probeDurationMin: Duration = .milliseconds(10)
    /// The shortest timeout of sessions.
    public static let timeoutMin: Duration = .milliseconds(1)
    /// The highest rise and fall count.
    public static let thresholdMax = 1000

    private func check() throws(ConfigurationError) {
        guard !listeners.isEmpty else { throw ConfigurationError("no listener: name an address to listen on") }
        guard !pools.isEmpty else { throw ConfigurationError("no pool: name at least one backend") }
        guard pools.count <= Limits.poolsMax else {
            throw ConfigurationError("\(pools.count) pools: at most \(Limits.poolsMax)")
        }
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
        if let backlog = limits.backlog, !(1...Limits.backlogMax).contains(backlog) {
            throw ConfigurationError("backlog \(backlog): it must be 1 to \(Limits.backlogMax) (--backlog)")
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
        if case .atMost(let duration) = latency.busyPoll, !Latency.BusyPoll.durations.contains(duration) {
            throw ConfigurationError(
                "busy polling for \(duration): it must be 1 us to 1 ms, "
                    + "since a longer look keeps a core busy for nothing")
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
        try administration.check()
        var names: Set<String> = []
        for pool in pools {
            guard names.insert(pool.name).inserted else {
                throw ConfigurationError("two pools '\(pool.name)': each needs a name of its own")
            }
            try pool.check()
        }
        for listener in listeners { try check(listener) }
        try Self.check(timeouts.drain, "drain time", from: .zero)
        try Self.check(timeouts.linger, "linger timeout", from: .zero)
        try Self.check(timeouts.names, "time between looks for names", from: Self.probeDurationMin)
    }

    private func check(_ listener: ListenerSettings) throws(ConfigurationError) {
        guard pools.indices.contains(listener.pool) else {
            throw ConfigurationError("listener \(listener.address): there is no pool \(listener.pool)")
        }
        if let most = listener.sessionsMax, !(1...Int32(Limits.sessionsCeiling)).contains(most) {
            throw ConfigurationError(
                "session limit \(most) of listener '\(listener.name)': it must be 1 to \(Limits.sessionsCeiling)")
        }
        try checkAddresses(listener)
        try listener.check()
        try listener.serverNames?.check(listener.name, pools: pools.count)
        if listeners.filter({ $0.address == listener.address }).count > 1 {
            throw ConfigurationError("two listeners on \(listener.address): name each address once")
        }
        if threads > 1, listener.inherited == nil, case .unix = listener.address {
            throw ConfigurationError(
                "listener \(listener.address): several threads cannot share a Unix socket; set one thread (--threads 1)"
            )
        }
    }

}

extension Configuration {
    static func check(_ duration: Duration, _ name: String, from least: Duration) throws(ConfigurationError) {
        guard duration >= least, duration <= durationMax else {
            throw ConfigurationError("\(name) \(duration): it must be \(least) to \(durationMax)")
        }
    }
}

extension Configuration {
    /// A listener has a limit on its sessions.
    var hasListenerLimits: Bool { listeners.contains { $0.sessionsMax != nil } }

    /// Something happens before the first byte of a session: see ``ListenerRules`` and ``Configuration/ProxySend``.
    var hasPrefaces: Bool { listeners.contains(where: \.hasRules) || pools.contains { $0.proxy != nil } }

    /// It is remembered of each session by which listener it came in.
    var keepsOrigins: Bool {
        if case .transitions = log { true } else { administration.isOn || hasListenerLimits || hasPrefaces }
    }
}
