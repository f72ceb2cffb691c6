import Reactor

/// The prober's state of one backend.
struct ProbedTarget: ~Copyable {
    let id: TargetID
    private let label: String?
    private let name: String
    private let poolName: String
    private let counters: TargetCounters
    /// The name that is looked up for its address; nil for a backend configured by address.
    let host: HostName?
    let check: Configuration.HealthCheck
    let rhythm: ProbeRhythm
    private let settings: PoolSettings
    /// Its address; nil while its name has none.
    private(set) var address: SocketAddress?
    var source: SourceBinding
    var health: Health
    /// What clients have met there; nil where that ejects nobody.
    var passive: PassiveHealth?
    /// How often it has come back from being down or ejected.
    var comebacks: UInt32
    var probes: ProbeHistory
    /// Probes in a row that could not be made.
    var notMade = 0
    var probe: Probe
    /// The connection to its agent; with the timer of ``probe``, and never under way, where it has none.
    var agentProbe: Probe
    /// What its agent has said.
    var standing: AgentStanding
    /// The log has told of a word of its agent that means nothing.
    var hasToldUnknownWord = false
    /// Its name is another than the one that its address was found by: it is looked up with the next probe.
    var isNameNew = false
    /// A look-up of its name is in progress.
    var isBeingLookedUp = false
    /// The last look-up of its name failed.
    var isNameLost = false
    /// When a new address last caused a probe at once.
    var probedByMove: Instant?
    /// Its present address was found to be one of the balancer's own: new sessions are not sent there, without waiting
    /// for as many failures as take a backend down.
    var isItself = false
    /// The present address does not answer: the next answer to a look-up is used to try another.
    var wantsAnother = false
    /// Addresses of its name that were tried since a probe last succeeded.
    var tried: [SocketAddress] = []
    /// The address that the log last named as that of its name.
    var announced: SocketAddress?
    /// The finding that the roster has.
    var published: Finding
    /// It stands in the list of those whose finding may be another.
    var isNoted = false
    /// Since when its checks have failed; nil while they succeed, or before the first.
    var failingSince: Instant?
    /// Its verdict before they failed.
    var healthBefore: Health?
    /// Its last check has succeeded.
    var answersChecks = false
    /// Its verdict stays what it was, since all checks failed at once.
    var isOfTheFrozen = false
    /// The first round of probes waits for it.
    var isInFirstRound = false
    /// What an operator has set.
    var steered = TargetSteering.State.ready

    init(
        _ entry: TargetEntry, of pool: PoolEntry, rhythm: ProbeRhythm, timer: TimerID, agentTimer: TimerID? = nil,
        due: Instant
    ) {
        id = entry.id
        label = entry.label
        name = entry.name
        poolName = pool.name
        counters = entry.counters
        self.rhythm = rhythm
        host = entry.host
        check = pool.settings.health
        settings = pool.settings
        address = entry.address
        announced = entry.address
        source = Self.source(pool.settings, towards: entry.address)
        health = Health(rise: pool.settings.health.rise, fall: pool.settings.health.fall)
        passive = pool.settings.passive.map { PassiveHealth($0) }
        comebacks = entry.comebacks
        probes = entry.probes
        probe = Probe(timer: timer, due: due)
        agentProbe = Probe(timer: agentTimer ?? timer, due: due)
        standing = pool.settings.agent == nil ? AgentStanding() : entry.agent
        steered = entry.steering?.state ?? .ready
        published = Finding(
            id: entry.id, pool: pool.id, isUp: entry.isUp, isEjected: entry.isEjected, comebacks: entry.comebacks,
            probes: entry.probes, address: entry.address, boundSource: entry.boundSource, agent: entry.agent)
    }

    /// How its agent is asked; nil for no agent.
    var agent: Configuration.AgentCheck? { settings.agent }

    /// True when the roster wants something else probed than this, or in another way.
    func differs(from entry: TargetEntry, of pool: PoolEntry) -> Bool {
        host != entry.host || check != pool.settings.health || settings.sources != pool.settings.sources
            || settings.agent != pool.settings.agent || settings.whenDown != pool.settings.whenDown
            || settings.passive != pool.settings.passive || settings.proxy != pool.settings.proxy
            || label != entry.label
    }

    private static func source(_ settings: PoolSettings, towards address: SocketAddress?) -> SourceBinding {
        SourceBinding(among: address.map { settings.sources(towards: $0) } ?? [])
    }

    /// The current finding.
    var finding: Finding {
        Finding(
            id: id, pool: published.pool, isUp: health.isUp && !isItself && !standing.isDown, isEjected: isEjected,
            comebacks: comebacks, probes: probes, address: address, boundSource: source.forSessions, agent: standing)
    }

    /// What is probed: its address, at the port of its pool's check if that has one.
    var probedAddress: SocketAddress? {
        guard let port = check.port, let address, !address.isUnix else { return address }
        return address.with(port: port)
    }

    /// Its probes are over once they are connected, and end with a RST.
    var endsWithReset: Bool { check.kind == .tcp && check.close == .reset && !sendsHeader }

    /// What a probe says once it is connected; nil when that is all.
    func dialogue(at address: SocketAddress, from source: SocketAddress?) -> Dialogue? {
        let header = header(from: source, to: address)
        return switch check.kind {
        case .tcp, .none: header.isEmpty ? nil : Dialogue([], after: header)
        case .exchange: Dialogue(check.steps, after: header)
        case .http: Dialogue(check.http, authority: address.description, after: header)
        }
    }

    /// A backend that waits for a PROXY header gets one from a probe, too. Not at a port of the check's own, as with HAProxy's
    /// `check-send-proxy`: there it is not the backend that listens.
    private var sendsHeader: Bool { settings.proxy != nil && check.port == nil }

    /// The header of its probes names their own ends.
    var namesItself: Bool { sendsHeader && settings.proxy?.version == .v1 }

    /// It says `LOCAL`: there is no client. Version 1 has no word for that; as HAProxy's it names the probe's own connection,
    /// since Postfix 3.7 refuses UNKNOWN.
    private func header(from source: SocketAddress?, to address: SocketAddress) -> [UInt8] {
        guard sendsHeader, let proxy = settings.proxy else { return [] }
        return ProxyHeaderWriter.probe(proxy.version, from: source, to: address)
    }

    /// It gets no clients for what others have met there.
    var isEjected: Bool { passive?.isOut(isChecked: check.kind != .none) ?? false }

    /// Counts an ejection. Only the loop with the prober does, which is the first.
    func countEjection() { counters.cells(ofLoop: 0).add(.ejections) }

    /// Its name in log lines.
    var title: BackendTitle { label.map { .label($0, addressOrName) } ?? addressOrName }

    /// What events name; it was up, or not, before the probe that they are about.
    func facts(wasUp: Bool) -> BackendFacts {
        BackendFacts(
            pool: poolName, name: name, address: address, wasUp: wasUp,
            sessions: counters[.connects] &- counters[.disconnects], whenDown: settings.whenDown)
    }

    private var addressOrName: BackendTitle {
        if let address { return .address(address) }
        if let host { return .name(host) }
        preconditionFailure("a backend has an address or a name: Configuration.Backend")
    }

    /// A probe of it begins, or would, if it were probed.
    mutating func noteSuspicions() { probe.suspicions = counters.suspicions }

    /// It is not probed, and an interval is over: clients that had come to suspect it before that try it again.
    mutating func forgetSuspicions() {
        probes.answer(suspicions: probe.suspicions)
        noteSuspicions()
    }

    /// Nothing is known of it any more.
    mutating func forget() {
        if check.startsUnknown { health = Health(rise: health.rise, fall: health.fall) }
        probes.forget()
        notMade = 0
    }

    /// Sets its address. The source binding and the history of its probes start again: they were found at the old
    /// address. Where the first probe decides, it is unknown again; only one that is down and is searched for at all
    /// addresses of its name stays down until it is found.
    mutating func move(to address: SocketAddress, isSearch: Bool = false) {
        if check.startsUnknown, !isSearch { health = Health(rise: health.rise, fall: health.fall) }
        self.address = address
        isItself = false
        wantsAnother = false
        probes.forget()
        notMade = 0
        source = Self.source(settings, towards: address)
    }

    /// Records the result of a probe that could be made. A backend that is down, or has never answered at its present
    /// address, may answer at another one of its name.
    mutating func record(_ outcome: ProbeHistory.Outcome) -> Health.Verdict {
        let decides = isUndecided
        probes.record(outcome)
        notMade = 0
        if outcome == .succeeded {
            tried.removeAll()
            probes.answer(suspicions: probe.suspicions)
        }
        let wasDown = !health.isUp
        let verdict = health.record(success: outcome == .succeeded, decides: decides)
        if wasDown, health.isUp { comebacks &+= 1 }
        wantsAnother = outcome == .failed && host != nil && !(health.isUp && probes.hasSucceeded)
        return verdict
    }

    /// Its next probe decides alone.
    var isUndecided: Bool { check.startsUnknown && probes.last == nil }

    /// The address to use, of those that its name has: the present one while it answers. Otherwise the next that was
    /// not tried, whatever their order, and after the last of them the first again.
    mutating func choose(from addresses: [SocketAddress]) -> SocketAddress? {
        guard wantsAnother, let address, addresses.contains(address) else {
            return host?.choose(from: addresses, current: address)
        }
        wantsAnother = false
        tried = addresses.filter { $0 == address || tried.contains($0) }
        if let next = host?.choose(from: addresses.filter { !tried.contains($0) }) { return next }
        tried = [address]
        return host?.choose(from: addresses.filter { $0 != address }) ?? address
    }
}
