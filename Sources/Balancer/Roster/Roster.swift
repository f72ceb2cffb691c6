import Reactor

/// The pools and backends at one moment, as configured and as known: an immutable value.
///
/// ``SharedRoster`` holds the latest; each loop, and the prober, takes it over at the start of a turn when its version
/// has changed. So all events of a turn see the same backends.
struct Roster: Sendable {
    /// The revision, from 1.
    var version: UInt64 = 1
    /// How many configurations were taken over since the start: with each, listeners may be others as well.
    var reload: UInt64 = 0
    /// How often an operator has paused or resumed a listener.
    var listenerSteers: UInt64 = 0
    var pools: [PoolEntry] = []
    /// The listeners, whose pools are among `pools`.
    var listeners: [ListenerEntry] = []
    /// What else of a configuration can change while the balancer runs.
    var process = ProcessSettings()
    /// The first round of probes has not ended: ``FirstRound``.
    var isFirstRound = true
    /// All checks have failed at once: verdicts are those of before.
    var isFrozen = false

    /// All backends, pool by pool.
    var targets: some Sequence<TargetEntry> { pools.lazy.flatMap(\.targets) }

    var targetCount: Int { pools.reduce(0) { $0 + $1.targets.count } }

    /// How many backends new sessions may be sent to that have answered a probe, or get none.
    var targetsUp: Int { pools.reduce(0) { $0 + $1.census.proven } }
    /// How many of these get none.
    var targetsUnchecked: Int { pools.reduce(0) { $0 + $1.census.unchecked } }
    /// How many backends' names have no address.
    var targetsUnresolved: Int { pools.reduce(0) { $0 + $1.census.unresolved } }

    /// What a new client may expect of the worst pool.
    var prospect: Prospect {
        let worst = pools.map(\.prospect).max() ?? .noBackend
        return isFrozen ? max(worst, .unknown) : worst
    }
}

/// What of a configuration's process-wide settings can change while the balancer runs.
struct ProcessSettings: Hashable, Sendable {
    /// The limit on sessions.
    var sessionsMax = 0
    /// How long sessions may continue after the request to stop.
    var drain: Duration = .zero
    /// See ``Configuration/freezesWhenAllFail``.
    var freezesWhenAllFail = false

    init() {}

    init(_ configuration: Configuration) {
        sessionsMax = configuration.limits.sessionsMax
        drain = configuration.timeouts.drain
        freezesWhenAllFail = configuration.freezesWhenAllFail
    }
}

/// The place of a backend in a roster, valid until pools or backends come or leave.
struct TargetPlace: Hashable, Sendable {
    let pool: Int
    let position: Int
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
    let settings: PoolSettings
    /// What all loops have of it together.
    let shared: SharedPool
    /// By their ids, in ascending order: each new one is at the end.
    private(set) var targets: [TargetEntry]
    /// What `targets` are, by number: maintained, so that nobody walks over all of them when one has changed.
    private(set) var census = TargetCensus()

    init(
        id: PoolID, name: String, settings: PoolSettings = .init(), shared: SharedPool = .init(loops: 1),
        targets: [TargetEntry]
    ) {
        self.shared = shared
        self.id = id
        self.name = name
        self.settings = settings
        self.targets = targets
        for target in targets { census.count(target, 1) }
    }

    /// The position of a backend; nil when the pool does not have it.
    /// - Complexity: O(log backends).
    func position(of id: TargetID) -> Int? {
        targets.position(where: { $0.id.rawValue }, is: id.rawValue)
    }

    /// Adds a backend, whose id is higher than all others'.
    mutating func append(_ target: TargetEntry) {
        targets.append(target)
        census.count(target, 1)
    }

    mutating func remove(at position: Int) {
        census.count(targets.remove(at: position), -1)
    }

    /// Changes the entry of a backend, in place.
    mutating func revise(_ position: Int, _ change: (inout TargetEntry) -> Void) {
        census.count(targets[position], -1)
        change(&targets[position])
        census.count(targets[position], 1)
    }

    /// The rank of the backends that get new sessions.
    var rank: TargetRank { isInPanic ? .all : census.ranks.first }

    /// Fewer backends may be picked than its threshold asks for: all of them are, since verdicts on so many are more likely
    /// wrong than right, and those that are left would be overrun. Envoy's `healthy_panic_threshold`.
    var isInPanic: Bool {
        settings.panicThreshold > 0 && census.usable > 0
            && census.ranks.sum * 1_000_000 < settings.panicThreshold * census.usable
    }

    /// True when policies may pick this backend of the pool.
    func isCandidate(_ target: TargetEntry) -> Bool {
        let rank = rank
        return rank == .all ? target.isUsable : target.isCandidate && target.rank == rank
    }

    /// What a new client may expect.
    var prospect: Prospect {
        if census.candidatesProbed > 0 { return .served }
        if isInPanic { return .unknown }
        if census.untestedProbed > 0, census.candidates == 0 { return .starting }
        return census.candidates == 0 && census.untested == 0 ? .noBackend : .unknown
    }
}

/// What a pool is set to, besides its name and its backends.
struct PoolSettings: Hashable, Sendable {
    var policy = PolicyKind.roundRobin
    var sourceHash = SourceHash.Settings()
    var health = Configuration.HealthCheck()
    var agent: Configuration.AgentCheck?
    /// The source addresses of connections to backends; none leaves the choice to the kernel.
    var sources: [SocketAddress] = []
    var timeouts = Configuration.PoolTimeouts()
    var retries = Configuration.Retries()
    var socketOptions = Configuration.SocketOptions()
    var whenDown = Configuration.WhenDown.keep
    var whenRemoved = Configuration.WhenRemoved.keep
    var passive: Configuration.PassiveCheck?
    var slowStart: Duration?
    var panicThreshold = 0
    var queue: Configuration.Queue?
    var rebalance: Configuration.Rebalance?
    /// The most sessions on all its backends; nil for no limit.
    var sessionsMax: Int32?
    /// The header with which each session begins; nil for none.
    var proxy: Configuration.ProxySend?
    /// Its backends are found out while the balancer runs.
    var isDiscovered = false

    /// The defaults.
    init() {}

    init(_ pool: Configuration.Pool) {
        policy = pool.policy
        sourceHash = pool.sourceHash
        health = pool.health
        agent = pool.agent
        sources = pool.sources
        timeouts = pool.timeouts
        retries = pool.retries
        socketOptions = pool.socketOptions
        whenDown = pool.whenDown
        whenRemoved = pool.whenRemoved
        passive = pool.passive
        slowStart = pool.slowStart
        panicThreshold = pool.panicThreshold
        queue = pool.queue
        rebalance = pool.rebalance
        sessionsMax = pool.sessionsMax
        proxy = pool.proxy
        isDiscovered = pool.isDiscovered
    }
}

extension PoolSettings {
    /// See ``PolicyKind/make(share:seed:_:)``.
    func makePolicy(share: Double, seed: UInt64) -> any Policy { policy.make(share: share, seed: seed, sourceHash) }

    /// True when the policy of the other settings is another, or has other settings of its own.
    func hasOtherPolicy(than other: PoolSettings) -> Bool {
        policy != other.policy || policy == .sourceHash && sourceHash != other.sourceHash
    }

    /// Which clients are one for the policy; nil when it does not ask for them.
    var clientPrefix: ClientPrefix? {
        policy == .sourceHash ? ClientPrefix(prefix4: sourceHash.prefix4, prefix6: sourceHash.prefix6) : nil
    }

    /// The sources from which an address can be reached, in their order.
    func sources(towards address: SocketAddress) -> [SocketAddress] {
        sources.compactMap { $0.usable(towards: address) }
    }
}

/// How many backends of a pool are what.
struct TargetCensus: Hashable, Sendable {
    /// Policies may pick them, when it is their rank's turn.
    private(set) var ranks = RankCounts()
    /// They have an address and a weight, whatever their state is.
    private(set) var usable = 0
    /// Up, and have answered a probe or get none.
    private(set) var proven = 0
    /// Of these, those that get none.
    private(set) var unchecked = 0
    /// Of these, those that policies may pick.
    private(set) var candidates = 0
    /// Of these, those that probes can be made of.
    private(set) var candidatesProbed = 0
    /// Not judged yet, and policies may pick them.
    private(set) var untested = 0
    /// Of these, those that probes can be made of.
    private(set) var untestedProbed = 0
    /// Their name has no address.
    private(set) var unresolved = 0

    /// Counts a backend in (`step` 1) or out (-1).
    mutating func count(_ target: TargetEntry, _ step: Int) {
        if target.address == nil { unresolved += step }
        if target.isUsable { usable += step }
        if target.isCandidate { ranks.count(target.rank, step) }
        if target.isProven {
            proven += step
            if target.isUnchecked { unchecked += step }
            guard target.isCandidate else { return }
            candidates += step
            if target.probes.canProbe { candidatesProbed += step }
        }
        if target.isUntested, target.weightNow > 0 {
            untested += step
            if target.probes.canProbe { untestedProbed += step }
        }
    }
}

extension Array {
    /// The position of the element whose `key` is `value`, where keys ascend; nil when there is none.
    func position(where key: (Element) -> UInt32, is value: UInt32) -> Int? {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if key(self[middle]) < value { low = middle + 1 } else { high = middle }
        }
        return low < count && key(self[low]) == value ? low : nil
    }
}

/// One backend of a roster.
struct TargetEntry: Sendable {
    let id: TargetID
    /// Its label, or else its configured name or address: its lasting identity, which hashing policies use as their key.
    let name: String
    /// What the operator calls it; nil where ``name`` is its host or address.
    var label: String?
    /// The host name that is looked up for its address; nil for a backend configured by address.
    var host: HostName?
    /// It may be picked only while no other backend of its pool may be: see ``PoolEntry/isCandidate(_:)``.
    var isBackup = false
    /// Its address; nil while its name has none.
    var address: SocketAddress?
    /// Its share relative to the others'.
    var weight: Int32 = 1
    /// The most sessions that it gets at the same time; nil for no limit.
    var sessionsMax: Int32?
    /// It is probed: ``Configuration/HealthCheck/Kind``.
    var isChecked = true
    /// Its first probe decides: ``isUnknown``.
    var startsUnknown = false
    /// The prober's verdict; true before there is one.
    var isUp = true
    /// It gets no clients for a while, for what clients have met there: ``PassiveHealth``.
    var isEjected = false
    /// How often it has come back from being down or ejected: each time it starts slowly.
    var comebacks: UInt32 = 0
    /// What its probes have shown.
    var probes = ProbeHistory()
    /// What its agent has said of it.
    var agent = AgentStanding()
    /// What an operator has set; nil for nothing.
    var steering: TargetSteering?
    /// What a session's socket must be bound to, so that it comes from the pool's source; nil when the kernel chooses
    /// that address by itself: see ``SourceBinding``. Of several sources this is the first: see ``SourceTurns``.
    var boundSource: SocketAddress?
    let counters: TargetCounters

    /// True when new sessions may be sent to it and it has answered a probe, unless it gets none: before the first probe
    /// it is up in good faith, and until it has failed ``Configuration/HealthCheck/fall`` times.
    var isProven: Bool { isEligible && (probes.hasSucceeded || !isChecked) }

    /// True while its first probe, at this address, has not ended.
    var isUntested: Bool { isChecked && isUp && probes.last == nil }

    /// True when new sessions may be sent to it, and nobody asks whether it is there.
    var isUnchecked: Bool { !isChecked && isEligible }

    /// True when new sessions may be sent to it.
    var isEligible: Bool { isUp && !isEjected && address != nil }

    /// True when sessions could be sent to it, whatever its state is.
    var isUsable: Bool { address != nil && weightNow > 0 }

    /// True when policies may pick it, unless another rank has its turn.
    var isCandidate: Bool { isEligible && weightNow > 0 }

    /// What of its weight counts, as its agent says; 0 while that wants no new clients for it.
    var weightNow: Int32 { agent.weight(of: steering.map { $0.weight(of: weight) } ?? weight) }

    /// The most sessions that it gets, by its configuration, an operator or its agent; nil for no limit.
    var sessionsMaxNow: Int32? {
        agent.sessionsMax(of: steering.map { $0.sessionsMax(of: sessionsMax) } ?? sessionsMax)
    }
}
