import AdministrationAPI

/// What happens in a second, from two statuses of one process.
public struct Rates: Hashable, Sendable {
    /// Of the process, a listener or a backend.
    public struct Flow: Hashable, Sendable {
        /// Clients accepted, or attempts to connect.
        public var sessions = 0.0
        /// Clients sent away, or attempts to connect that have failed.
        public var failures = 0.0
        /// Bytes to backends.
        public var bytesUp = 0.0
        /// Bytes to clients.
        public var bytesDown = 0.0
        /// Of a backend: how long bytes waited for its clients, as a share of the time: above 1 where several waited.
        public var clientStalls = 0.0
        /// Of a backend: how long bytes waited for it.
        public var backendStalls = 0.0
    }

    /// Of the process.
    public let total: Flow
    /// Processor time as a share of one core.
    public let processor: Double
    /// Of each listener, by its name.
    public let listeners: [String: Flow]
    /// Clients that met no backend, by the pool's name.
    public let noBackend: [String: Double]
    /// Of each backend.
    public let backends: [BackendReference: Flow]

    /// Two statuses that are closer together say too little.
    public static let secondsMin = 0.2

    /// What has happened between two statuses; nil when they are of different processes, or too close together. What is
    /// not in both has no rates.
    public init?(from earlier: Status, to later: Status) {
        let seconds = later.uptimeSeconds - earlier.uptimeSeconds
        guard earlier.pid == later.pid, earlier.started == later.started, seconds >= Self.secondsMin else { return nil }
        func rate(_ earlier: UInt64, _ later: UInt64) -> Double { Self.difference(earlier, later) / seconds }
        total = Flow(
            sessions: rate(earlier.acceptedTotal, later.acceptedTotal),
            failures: Self.rate(Self.failures(of: earlier), Self.failures(of: later), seconds),
            bytesUp: rate(earlier.bytesUpTotal, later.bytesUpTotal),
            bytesDown: rate(earlier.bytesDownTotal, later.bytesDownTotal))
        processor = Self.rate(earlier.resources.cpuSeconds, later.resources.cpuSeconds, seconds)

        let oldListeners = Dictionary(earlier.listeners.map { ($0.name, $0) }) { first, _ in first }
        var listeners: [String: Flow] = [:]
        for listener in later.listeners {
            guard let old = oldListeners[listener.name] else { continue }
            listeners[listener.name] = Flow(
                sessions: rate(old.acceptedTotal, listener.acceptedTotal),
                failures: Self.rate(Self.sum(old.rejectedTotal), Self.sum(listener.rejectedTotal), seconds),
                bytesUp: rate(old.bytesUpTotal, listener.bytesUpTotal),
                bytesDown: rate(old.bytesDownTotal, listener.bytesDownTotal))
        }
        self.listeners = listeners

        let oldPools = Dictionary(earlier.pools.map { ($0.name, $0.noBackendTotal) }) { first, _ in first }
        noBackend = Dictionary(
            later.pools.map { ($0.name, rate(oldPools[$0.name] ?? $0.noBackendTotal, $0.noBackendTotal)) }
        ) {
            first, _ in first
        }

        let oldBackends = Dictionary(earlier.backendsByReference) { first, _ in first }
        var backends: [BackendReference: Flow] = [:]
        for (reference, backend) in later.backendsByReference {
            guard let old = oldBackends[reference] else { continue }
            backends[reference] = Flow(
                sessions: rate(old.sessionsTotal, backend.sessionsTotal),
                failures: Self.rate(
                    Self.sum(old.connectFailuresTotal), Self.sum(backend.connectFailuresTotal), seconds),
                bytesUp: rate(old.bytesUpTotal, backend.bytesUpTotal),
                bytesDown: rate(old.bytesDownTotal, backend.bytesDownTotal),
                clientStalls: Self.rate(old.clientStallSecondsTotal, backend.clientStallSecondsTotal, seconds),
                backendStalls: Self.rate(old.backendStallSecondsTotal, backend.backendStallSecondsTotal, seconds))
        }
        self.backends = backends
    }

    /// A counter that has decreased is that of another thing with the same name: it has no rate.
    private static func difference(_ earlier: UInt64, _ later: UInt64) -> Double {
        later >= earlier ? Double(later - earlier) : 0
    }

    private static func rate(_ earlier: Double, _ later: Double, _ seconds: Double) -> Double {
        max(later - earlier, 0) / seconds
    }

    private static func sum(_ counters: [String: UInt64]) -> Double { counters.values.reduce(0) { $0 + Double($1) } }

    /// Attempts to connect that have failed, clients sent away, and those that met no backend.
    private static func failures(of status: Status) -> Double {
        let backends = status.pools.flatMap(\.backends).reduce(0) { $0 + sum($1.connectFailuresTotal) }
        let listeners = status.listeners.reduce(0) { $0 + sum($1.rejectedTotal) }
        return backends + listeners + status.pools.reduce(0) { $0 + Double($1.noBackendTotal) }
    }
}
