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
        let process = Pair(earlier: earlier, later: later, seconds: seconds)
        total = Flow(process)
        processor = process.rate { $0.resources.cpuSeconds }
        listeners = Self.pairs(earlier.listeners, later.listeners, seconds) { $0.name }.mapValues { Flow($0) }
        noBackend = Self.pairs(earlier.pools, later.pools, seconds) { $0.name }
            .mapValues { $0.rate { Double($0.noBackendTotal) } }
        backends = Self.pairs(earlier.backendsByReference, later.backendsByReference, seconds) { $0.0 }
            .mapValues { pair in
                Flow(Pair(earlier: pair.earlier.1, later: pair.later.1, seconds: seconds))
            }
    }

    /// What is in both lists, by its name.
    private static func pairs<Item, Name: Hashable>(
        _ earlier: [Item], _ later: [Item], _ seconds: Double, name: (Item) -> Name
    ) -> [Name: Pair<Item>] {
        let old = Dictionary(earlier.map { (name($0), $0) }) { first, _ in first }
        let pairs = later.compactMap { item in
            old[name(item)].map { (name(item), Pair(earlier: $0, later: item, seconds: seconds)) }
        }
        return Dictionary(pairs) { first, _ in first }
    }
}

/// The same thing at two times.
private struct Pair<Item> {
    let earlier: Item
    let later: Item
    /// The time between them.
    let seconds: Double

    /// By how much a counter has grown in a second. One that has decreased is that of another thing with the same name:
    /// it has no rate.
    func rate(_ counter: (Item) -> Double) -> Double { max(counter(later) - counter(earlier), 0) / seconds }
}

extension Rates.Flow {
    fileprivate init(_ process: Pair<Status>) {
        sessions = process.rate { Double($0.acceptedTotal) }
        failures = process.rate { $0.failures }
        bytesUp = process.rate { Double($0.bytesUpTotal) }
        bytesDown = process.rate { Double($0.bytesDownTotal) }
    }

    fileprivate init(_ listener: Pair<Status.Listener>) {
        sessions = listener.rate { Double($0.acceptedTotal) }
        failures = listener.rate { $0.rejectedTotal.sum }
        bytesUp = listener.rate { Double($0.bytesUpTotal) }
        bytesDown = listener.rate { Double($0.bytesDownTotal) }
    }

    fileprivate init(_ backend: Pair<Status.Backend>) {
        sessions = backend.rate { Double($0.sessionsTotal) }
        failures = backend.rate { $0.connectFailuresTotal.sum }
        bytesUp = backend.rate { Double($0.bytesUpTotal) }
        bytesDown = backend.rate { Double($0.bytesDownTotal) }
        clientStalls = backend.rate { $0.clientStallSecondsTotal }
        backendStalls = backend.rate { $0.backendStallSecondsTotal }
    }
}

extension Status {
    /// Attempts to connect that have failed, clients sent away, and those that met no backend.
    fileprivate var failures: Double {
        let backends = pools.flatMap(\.backends).reduce(0) { $0 + $1.connectFailuresTotal.sum }
        let listeners = listeners.reduce(0) { $0 + $1.rejectedTotal.sum }
        return backends + listeners + pools.reduce(0) { $0 + Double($1.noBackendTotal) }
    }
}

extension [String: UInt64] {
    fileprivate var sum: Double { values.reduce(0) { $0 + Double($1) } }
}
