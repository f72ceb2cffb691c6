import AdministrationAPI

/// What a running balancer says of its listeners and backends, as far as a file is compared with it.
public struct RunningState: Hashable, Sendable {
    /// A backend of the running balancer.
    public struct Backend: Hashable, Sendable {
        /// The name of its pool.
        public let pool: String
        /// What identifies it in its pool.
        public let title: String
        /// Its address as text; nil while its name has none.
        public let address: String?
        /// Its configured share of the clients relative to the others'.
        public let weight: Int
        /// It gets clients only while no other of its pool is up.
        public let isBackup: Bool
        /// Sessions that are connected or connecting to it.
        public let sessions: Int
    }

    /// An address of a listener of the running balancer.
    public struct Listener: Hashable, Sendable {
        /// What the operator calls it.
        public let name: String
        /// The name of the pool that serves its clients; `-` where those without a route are closed.
        public let pool: String
        /// The address as text.
        public let address: String
    }

    /// The backends, in their order.
    public let backends: [Backend]
    /// The addresses of the listeners, in their order.
    public let listeners: [Listener]

    /// What a status says.
    public init(_ status: Status) {
        backends = status.pools.flatMap { pool in
            pool.backends.map {
                Backend(
                    pool: pool.name, title: $0.name, address: $0.address, weight: $0.configuredWeight,
                    isBackup: $0.isBackup, sessions: $0.sessions)
            }
        }
        listeners = status.listeners.flatMap { listener in
            listener.addresses.map { Listener(name: listener.name, pool: listener.pool ?? "-", address: $0) }
        }
    }
}
