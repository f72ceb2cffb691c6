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

    /// How many backends new sessions may be sent to that have answered a probe.
    var targetsUp: Int { pools.reduce(0) { $0 + $1.targets.count(where: \.isProven) } }

    /// What a new client may expect of the worst pool.
    var prospect: Prospect { pools.map(\.prospect).max() ?? .noBackend }
}

/// What a new client may expect of a pool's backends, the best first.
enum Prospect: Int, Comparable {
    /// One that has answered a probe is up.
    case served
    /// Nothing is known any more: no probe can be made, for lack of descriptors, ports, memory or a source address.
    case unknown
    /// The first probes have not ended yet.
    case starting
    /// None is up, or none has ever answered.
    case noBackend

    static func < (left: Prospect, right: Prospect) -> Bool { left.rawValue < right.rawValue }
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

    /// What a new client may expect.
    var prospect: Prospect {
        let proven = targets.filter { $0.isProven && $0.isCandidate }
        if proven.contains(where: \.probes.canProbe) { return .served }
        let untested = targets.filter { $0.isUntested && $0.weight > 0 }
        if untested.contains(where: \.probes.canProbe), proven.isEmpty { return .starting }
        return proven.isEmpty && untested.isEmpty ? .noBackend : .unknown
    }
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

    /// True when new sessions may be sent to it and it has answered a probe: before the first probe it is up in good
    /// faith, and until it has failed ``Configuration/HealthCheck/fall`` times.
    var isProven: Bool { isEligible && probes.hasSucceeded }

    /// True while its first probe, at this address, has not ended.
    var isUntested: Bool { isUp && probes.last == nil }

    /// True when new sessions may be sent to it.
    var isEligible: Bool { isUp && address != nil }

    /// True when policies may pick it.
    var isCandidate: Bool { isEligible && weight > 0 }
}
