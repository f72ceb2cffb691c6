import Reactor

/// One target of a pool, as a loop sees it.
struct Backend: ~Copyable {
    let address: SocketAddress
    /// The place of its pool.
    let pool: Int
    /// The address that connections to it come from.
    var source: SourceBinding
    var health: Health
    var probe: Probe
    /// For sessions to come.
    var warm: WarmConnections
}

/// Backends that serve the same clients.
struct Pool {
    let healthCheck: Configuration.HealthCheck
    /// Its backends' keys in the loop's slab, in the order of their turns.
    var members: [SlabKey]
    var policy: Policy
    /// While no member is up: the clients that were closed for it.
    var outage = Episode()
}
