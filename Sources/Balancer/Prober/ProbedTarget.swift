import Reactor

/// The prober's state of one backend.
struct ProbedTarget: ~Copyable {
    let id: TargetID
    /// The name that is looked up for its address; nil for a backend configured by address.
    let host: HostName?
    let check: Configuration.HealthCheck
    /// The source address of its pool's connections; nil leaves it to the kernel.
    let wantedSource: SocketAddress?
    /// Its address; nil while its name has none.
    private(set) var address: SocketAddress?
    var source: SourceBinding
    var health: Health
    var probes: ProbeHistory
    /// Probes in a row that could not be made.
    var notMade = 0
    var probe: Probe
    /// A look-up of its name is in progress.
    var isBeingLookedUp = false
    /// The last look-up of its name failed.
    var isNameLost = false
    /// When a new address last caused a probe at once.
    var probedByMove: Instant?
    /// The finding that the roster has.
    var published: Finding

    init(_ entry: TargetEntry, of pool: PoolEntry, timer: TimerID, due: Instant) {
        id = entry.id
        host = entry.host
        check = pool.health
        wantedSource = pool.source
        address = entry.address
        source = Self.source(pool.source, towards: entry.address)
        health = Health(rise: pool.health.rise, fall: pool.health.fall)
        probes = entry.probes
        probe = Probe(timer: timer, due: due)
        published = Finding(
            id: entry.id, isUp: entry.isUp, probes: entry.probes, address: entry.address,
            boundSource: entry.boundSource)
    }

    private static func source(_ wanted: SocketAddress?, towards address: SocketAddress?) -> SourceBinding {
        SourceBinding(address.flatMap { wanted?.usable(towards: $0) })
    }

    /// The current finding.
    var finding: Finding {
        Finding(
            id: id, isUp: health.isUp, probes: probes, address: address, boundSource: source.forSessions)
    }

    /// True when new sessions may be sent to it.
    var isUp: Bool { health.isUp && address != nil }

    /// Its name in log lines.
    var title: BackendTitle {
        if let address { return .address(address) }
        if let host { return .name(host) }
        preconditionFailure("a backend has an address or a name: Configuration.Backend")
    }

    /// Records the result of a probe that could be made, beside the verdict.
    mutating func record(_ outcome: ProbeHistory.Outcome) {
        probes.record(outcome)
        notMade = 0
    }

    /// Sets its address. The source binding and the history of its probes start again: they were found at the old
    /// address.
    mutating func move(to address: SocketAddress) {
        self.address = address
        probes.forget()
        notMade = 0
        source = Self.source(wantedSource, towards: address)
    }
}
