import Reactor

/// The pools and backends at one moment, as configured and as known: an immutable value.
///
/// ``SharedRoster`` holds the latest; each loop, and the prober, takes it over at the start of a turn when its version
/// has changed. So all events of a turn see the same backends.
struct Roster: Sendable {
    /// The revision, from 1.
    var version: UInt64 = 1
    var pools: [PoolEntry] = []

    /// All backends, pool by pool.
    var targets: some Sequence<TargetEntry> { pools.lazy.flatMap(\.targets) }

    var targetCount: Int { pools.reduce(0) { $0 + $1.targets.count } }

    /// How many backends new sessions may be sent to.
    var targetsUp: Int { pools.reduce(0) { $0 + $1.targets.count(where: \.isEligible) } }

    /// True while every pool has a backend for a new client.
    var isServing: Bool { pools.allSatisfy { $0.targets.contains(where: \.isCandidate) } }
}

/// One pool of a roster.
struct PoolEntry: Sendable {
    let id: PoolID
    /// Its configured name: its lasting identity, of which there is one at a time.
    let name: String
    let policy: PolicyKind
    let health: Configuration.HealthCheck
    /// The source address of connections to backends; nil leaves it to the kernel.
    let source: SocketAddress?
    var targets: [TargetEntry]
}

/// One backend of a roster.
struct TargetEntry: Sendable {
    let id: TargetID
    /// Its configured name or address: its lasting identity, which hashing policies use as their key.
    let name: String
    /// The host name that is looked up for its address; nil for a backend configured by address.
    let host: HostName?
    /// Its address; nil while its name has none.
    var address: SocketAddress?
    /// Its share relative to the others'.
    var weight: Int32 = 1
    /// The most sessions that it gets at the same time; nil for no limit.
    var sessionsMax: Int32?
    /// The prober's verdict; true before there is one.
    var isUp = true
    /// What its probes have shown.
    var probes = ProbeHistory()
    /// What a session's socket must be bound to, so that it comes from the pool's source; nil when the kernel chooses
    /// that address by itself: see ``SourceBinding``.
    var boundSource: SocketAddress?
    let counters: TargetCounters

    /// True when new sessions may be sent to it.
    var isEligible: Bool { isUp && address != nil }

    /// True when policies may pick it.
    var isCandidate: Bool { isEligible && weight > 0 }
}
