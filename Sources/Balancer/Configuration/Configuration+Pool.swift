import Reactor

// Pools and their backends.
extension Configuration {
    /// One backend of a pool.
    public struct Backend: Hashable, Sendable {
        /// Its address; nil while its name has none. Never `0.0.0.0` or `::`: see ``unspecified``.
        public let address: SocketAddress?
        /// `0.0.0.0` or `::`, if that was configured: ``address`` is then loopback, where connect(2) leads.
        public let unspecified: SocketAddress?
        /// The name that is looked up periodically for its address; nil for a backend configured by address.
        public let name: HostName?
        /// The most sessions that it gets at the same time; nil for no limit. Several loops divide it among them.
        public let sessionsMax: Int32?
        /// What the operator calls it; nil for its ``title``.
        public let label: String?
        /// Its share of the clients relative to the others' of its pool, 0 to ``Limits/weightMax``; with 0 it gets none.
        public let weight: Int32
        /// It gets clients only while no other backend of its pool is up; several backups share them.
        public let isBackup: Bool

        /// A backend at an address.
        public init(
            address: SocketAddress, sessionsMax: Int32? = nil, label: String? = nil, weight: Int32 = 1,
            isBackup: Bool = false
        ) {
            self.address = address.destination
            unspecified = address.canonical.isWildcard ? address.canonical : nil
            name = nil
            self.sessionsMax = sessionsMax
            self.label = label
            self.weight = weight
            self.isBackup = isBackup
        }

        /// A backend with a name, and the address that the name has now, if it has one.
        public init(
            name: HostName, address: SocketAddress?, sessionsMax: Int32? = nil, label: String? = nil, weight: Int32 = 1,
            isBackup: Bool = false
        ) {
            self.address = address?.destination
            unspecified = nil
            self.name = name
            self.sessionsMax = sessionsMax
            self.label = label
            self.weight = weight
            self.isBackup = isBackup
        }

        /// What identifies it in its pool: its label, its name as `HOST:PORT`, or its address.
        public var title: String {
            label ?? name.map { "\($0.host):\($0.port)" } ?? address?.description ?? "-"
        }
    }

    /// Backends that serve the same clients, and how they are picked and probed.
    public struct Pool: Hashable, Sendable {
        /// What identifies it in the process.
        public let name: String
        /// The backends, in the order of round robin.
        public private(set) var backends: [Backend]
        /// Its backends are found out while the balancer runs: `backends` may be empty, and ``ControlChannel`` brings them.
        public let isDiscovered: Bool
        /// How a backend is picked.
        public var policy: PolicyKind
        /// What the policy `source-hash` goes by.
        public var sourceHash = SourceHash.Settings()
        /// How they are probed.
        public var health: HealthCheck
        /// What says beside each backend how it is; nil for nothing.
        public var agent: AgentCheck?
        /// The source addresses of connections to backends, used in turn; none leaves the choice to the kernel. From each
        /// there are as many ports towards a backend as `net.ipv4.ip_local_port_range` has, 28,232 unless set. One is not
        /// used towards a backend that cannot be reached from it: see `SocketAddress.usable(towards:)`.
        public let sources: [SocketAddress]
        /// How long its sessions may take.
        public var timeouts: PoolTimeouts
        /// How often, and for how long, backends are tried for a client.
        public var retries: Retries
        /// Options of the sockets of its backends.
        public var socketOptions: SocketOptions
        /// When clients' failures eject a backend; nil for never.
        public var passive: PassiveCheck?
        /// How long a backend that comes back, or that joins, takes to get its whole weight; nil for no time.
        public var slowStart: Duration?
        /// How clients wait for a place when every backend has its most sessions; nil for not at all.
        public var queue: Queue?
        /// The most sessions on all backends together; nil for no limit.
        public var sessionsMax: Int32?
        /// How idle sessions of backends that have too many are ended; nil for not at all.
        public var rebalance: Rebalance?
        /// The header with which each session tells its backend who the client is; nil for none. No connections to such
        /// backends are held ready, and nothing is sent with a SYN: see `docs/preface.md`.
        public var proxy: ProxySend?
        /// When fewer than this share of the backends, in millionths, may be picked, all are; 0 for never.
        public var panicThreshold = 0
        /// What becomes of the sessions of a backend that goes down.
        public var whenDown: WhenDown
        /// What becomes of the sessions of a backend that is removed.
        public var whenRemoved: WhenRemoved

        /// A pool. `source` is one more of `sources`, and the first.
        public init(
            name: String = "default", backends: [Backend], isDiscovered: Bool = false, policy: PolicyKind = .roundRobin,
            health: HealthCheck = .init(),
            source: SocketAddress? = nil, sources: [SocketAddress] = [], timeouts: PoolTimeouts = .init(),
            retries: Retries = .init(), socketOptions: SocketOptions = .init(),
            whenDown: WhenDown = .keep, whenRemoved: WhenRemoved = .keep
        ) {
            self.name = name
            self.backends = backends
            self.isDiscovered = isDiscovered
            self.policy = policy
            self.health = health
            self.sources = ([source].compactMap(\.self) + sources).map(\.canonical).filter { !$0.isWildcard }
            self.timeouts = timeouts
            self.retries = retries
            self.socketOptions = socketOptions
            self.whenDown = whenDown
            self.whenRemoved = whenRemoved
        }

        /// The same pool with other backends.
        public func with(_ backends: [Backend]) -> Pool {
            var pool = self
            pool.backends = backends
            return pool
        }
    }
}

extension Configuration.Pool {
    /// Throws an error that names the fault and the remedy.
    func check() throws(ConfigurationError) {
        guard isDiscovered || !backends.isEmpty else {
            throw ConfigurationError("a pool without backends: name at least one")
        }
        var titles: Set<String> = []
        for backend in backends {
            guard titles.insert(backend.title).inserted else {
                throw ConfigurationError("backend \(backend.title) is named twice: name each once")
            }
            try backend.check()
        }
        try checkSources()
        try timeouts.check()
        try retries.check()
        try whenRemoved.check()
        try passive?.check()
        try queue?.check()
        try rebalance?.check(policy)
        if let sessionsMax {
            guard (1...Int32(Limits.sessionsCeiling)).contains(sessionsMax) else {
                throw ConfigurationError(
                    "session limit \(sessionsMax) of pool '\(name)': it must be 1 to \(Limits.sessionsCeiling)")
            }
        }
        if let slowStart { try Configuration.check(slowStart, "slow start", from: Configuration.timeoutMin) }
        guard (0...1_000_000).contains(panicThreshold) else {
            throw ConfigurationError("panic threshold \(panicThreshold) millionths: it must be 0 to 1000000")
        }
        try socketOptions.check("pool '\(name)'")
        try health.check()
        try agent?.check()
        try proxy?.check(name)
    }
}

extension Configuration.Pool {
    private func checkSources() throws(ConfigurationError) {
        guard sources.count <= Limits.sourcesMax else {
            throw ConfigurationError("pool '\(name)': \(sources.count) source addresses: at most \(Limits.sourcesMax)")
        }
        var seen: Set<SocketAddress> = []
        for source in sources {
            if source.isUnix {
                throw ConfigurationError("pool '\(name)': source \(source): an IP address is needed")
            }
            if source.lacksScope {
                throw ConfigurationError(
                    "pool '\(name)': source \(source.host): a link-local address needs its interface: "
                        + "\(source.host)%eth0")
            }
            guard seen.insert(source.with(port: 0)).inserted else {
                throw ConfigurationError("pool '\(name)': source \(source.host) is named twice: name each once")
            }
        }
    }
}

extension Configuration.Backend {
    /// Throws an error that names the fault and the remedy.
    func check() throws(ConfigurationError) {
        try checkScope()
        if let label, !Self.isLabel(label) {
            throw ConfigurationError(
                "backend '\(label)': a label has 1 to \(Limits.labelBytesMax) bytes, without spaces, control characters, "
                    + "quotes or '='")
        }
        try Self.check(weight: weight, of: title)
        guard let sessionsMax, !(1...Int32(Limits.sessionsCeiling)).contains(sessionsMax) else { return }
        throw ConfigurationError("\(title): \(sessionsMax) sessions at most: it must be 1 to \(Limits.sessionsCeiling)")
    }
    /// Throws an error that names the fault and the remedy.
    static func check(weight: Int32, of title: String? = nil) throws(ConfigurationError) {
        guard !(0...Limits.weightMax).contains(weight) else { return }
        throw ConfigurationError(
            (title.map { "backend \($0): " } ?? "") + "weight \(weight): it must be 0 to \(Limits.weightMax)")
    }

    /// A label stands in lines of `key=value`, where it must not look like anything else.
    private static func isLabel(_ text: String) -> Bool {
        (1...Limits.labelBytesMax).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { character in
                !character.properties.isWhitespace && character.properties.generalCategory != .control
                    && character.properties.generalCategory != .format && !"\"'=".unicodeScalars.contains(character)
            }
    }
}
