import Reactor
import Synchronization

/// The latest roster of the process, and the one place where it is revised.
///
/// Readers compare ``version``, one atomic load per turn, and take the roster over when it has changed. Writes are rare
/// (a verdict, an address, a change of configuration); the writer holds a lock during the change, and then wakes the
/// loops that may be asleep.
///
/// Where thousands of backends are probed there may be a finding in every turn. So its cost does not depend on their
/// number: an entry is found by its ids, changed in place, and noted; a reader that has an older version of the same
/// pools and backends copies the entries that were noted since (``update(_:)``), and not all.
final class SharedRoster: Sendable {
    private let latest = Atomic<UInt64>(1)
    /// The latest revision that was a ``RosterChange``, and no finding.
    private let changed = Atomic<UInt64>(1)
    private let lock = Lock()
    /// Accessed only with the lock held.
    nonisolated(unsafe) private var roster = Roster()
    nonisolated(unsafe) private var findings = RecentFindings()
    nonisolated(unsafe) private var nextTarget: UInt32 = 0
    nonisolated(unsafe) private var nextPool: UInt32 = 0
    nonisolated(unsafe) private var nextListener: UInt32 = 0
    nonisolated(unsafe) private var departed = DepartedTargets()
    nonisolated(unsafe) private var listenerCounters: [String: LoopCounters] = [:]
    /// What loops report to the prober.
    let failures = FailureReports()
    private let loopCount: Int

    /// The first roster of a configuration: every backend is up until a probe has judged it.
    init(_ configuration: Configuration) {
        loopCount = configuration.threads
        for pool in configuration.pools { unsafe roster.pools.append(makePool(pool)) }
        let plan = unsafe ListenerPlan(from: [], to: configuration.listeners, next: &nextListener)
        unsafe roster.listeners = listeners(plan, [], roster.pools, configuration)
        unsafe roster.process = ProcessSettings(configuration)
    }

    /// The latest revision. Acquire: a reader that sees it also sees the roster that was stored before it.
    @inline(__always) var version: UInt64 { latest.load(ordering: .acquiring) }

    /// The latest revision by a ``RosterChange``. Whoever has seen a ``version`` sees at least its change.
    var changeVersion: UInt64 { changed.load(ordering: .relaxed) }

    func current() -> Roster {
        lock.lock()
        defer { lock.unlock() }
        return unsafe roster
    }

    /// Backends that have left, some of whose sessions may live.
    func departedTargets() -> DepartedTargets {
        lock.lock()
        defer { lock.unlock() }
        return unsafe departed
    }

    /// What a reader's roster lacked.
    enum Update {
        /// Something was found out about the backends at these places.
        case found([TargetPlace])
        /// More has changed: the reader has to look at all.
        case changed
        /// So have the listeners. The reader's roster is as it was, so that it can take over both together.
        case reloaded(Roster)
    }

    /// Brings a reader's roster up to date.
    func update(_ copy: inout Roster) -> Update {
        lock.lock()
        defer { lock.unlock() }
        guard unsafe copy.reload == roster.reload else { return .reloaded(unsafe roster) }
        guard let places = unsafe findings.places(since: copy.version) else {
            unsafe copy = roster
            return .changed
        }
        for place in places {
            let entry = unsafe roster.pools[place.pool].targets[place.position]
            copy.pools[place.pool].revise(place.position) { $0 = entry }
        }
        unsafe copy.version = roster.version
        unsafe copy.isFirstRound = roster.isFirstRound
        unsafe copy.isFrozen = roster.isFrozen
        return .found(places)
    }

    /// Checks and applies a change. Returns what was changed; nil when it, or its pool, no longer exists. Throws the
    /// error of an invalid change, which changes nothing.
    @discardableResult func apply(
        _ change: RosterChange, _ listeners: [RosterChange.Listening] = []
    ) throws(ConfigurationError) -> RosterChange.Subject? {
        lock.lock()
        defer { lock.unlock() }
        unsafe try change.check(roster, listeners)
        if case .pause(let listener, let isPaused) = change, !pause(listener, isPaused) { return nil }
        return reviseLocked { pools in
            switch change {
            case .addPool(let pool):
                let entry = makePool(pool)
                pools.append(entry)
                return .pool(entry.id)
            case .removePool(let id):
                guard let place = pools.firstIndex(where: { $0.id == id }) else { return nil }
                pools.remove(at: place)
                return .pool(id)
            case .add(let backend, let pool):
                guard let place = pools.firstIndex(where: { $0.id == pool }) else { return nil }
                let target = makeTarget(backend, pools[place].settings)
                pools[place].append(target)
                return .target(target.id)
            case .remove(let id):
                guard let (pool, place) = Self.find(id, pools) else { return nil }
                pools[pool].remove(at: place)
                return .target(id)
            case .move(let id, let address):
                return Self.revise(id, &pools) { target, settings in target.move(to: address, settings) }
            case .replace(let backends, let pool):
                guard let place = pools.firstIndex(where: { $0.id == pool }) else { return nil }
                var merge = merge
                let targets = merge.targets(of: pools[place], backends, pools[place].settings)
                guard !merge.summary.isEmpty else { return nil }
                pools[place] = PoolEntry(
                    id: pool, name: pools[place].name, settings: pools[place].settings, shared: pools[place].shared,
                    targets: targets)
                return .pool(pool)
            case .weigh(let id, let weight): return Self.revise(id, &pools) { target, _ in target.weight = weight }
            case .limit(let id, let most): return Self.revise(id, &pools) { target, _ in target.sessionsMax = most }
            case .steer(let id, let steering):
                return Self.revise(id, &pools) { target, _ in target.steering = steering }
            // Done already: not a change of pools.
            case .pause(let listener, _): return .listener(listener)
            }
        }
    }

    /// False when there is no such listener. Only with the lock held.
    private func pause(_ listener: String, _ isPaused: Bool) -> Bool {
        var hasAny = false
        for place in unsafe roster.listeners.indices where unsafe roster.listeners[place].settings.name == listener {
            unsafe roster.listeners[place].isPaused = isPaused
            hasAny = true
        }
        unsafe roster.listenerSteers += 1
        return hasAny
    }

    // MARK: reload

    /// What a configuration makes of the listeners. New ones are to be bound before ``reload(_:_:)``.
    func planListeners(_ configuration: Configuration) -> ListenerPlan {
        lock.lock()
        defer { lock.unlock() }
        return unsafe ListenerPlan(from: roster.listeners, to: configuration.listeners, next: &nextListener)
    }

    /// Takes a configuration over, whose new listeners are bound. Backends that are known otherwise, by a name or as those of
    /// a discovered pool, may be the balancer itself from now on: their probes find that out.
    func reload(_ configuration: Configuration, _ plan: ListenerPlan) -> ReloadSummary {
        lock.lock()
        defer { lock.unlock() }
        var merge = merge
        let pools = unsafe merge.pools(roster.pools, configuration.pools)
        merge.count(plan)
        merge.compare(unsafe roster.process, ProcessSettings(configuration))
        unsafe roster.listeners = listeners(plan, roster.listeners, pools, configuration)
        unsafe roster.process = ProcessSettings(configuration)
        unsafe roster.reload += 1
        reviseLocked {
            $0 = pools
            return ()
        }
        return merge.summary
    }

    /// Only with the lock held, or before another thread can reach this roster.
    private func listeners(
        _ plan: ListenerPlan, _ old: [ListenerEntry], _ pools: [PoolEntry], _ configuration: Configuration
    ) -> [ListenerEntry] {
        let byName = Dictionary(uniqueKeysWithValues: pools.map { ($0.name, $0.id) })
        let ids = configuration.pools.compactMap { byName[$0.name] }
        var places = Dictionary(old.map { ($0.settings.name, $0.places) }, uniquingKeysWith: { first, _ in first })
        var standings = Dictionary(
            old.compactMap { entry in entry.standing.map { (entry.settings.name, $0) } },
            uniquingKeysWith: { first, _ in first })
        let paused = Set(old.filter(\.isPaused).map(\.settings.name))
        var rules: [String: ListenerRules] = [:]
        return plan.entries.compactMap { id, settings in
            guard ids.indices.contains(settings.pool) else { return nil }
            let own = places[settings.name] ?? ListenerPlaces()
            places[settings.name] = own
            own.limit(to: settings.sessionsMax.map(Int.init) ?? .max)
            if settings.hasRules, rules[settings.name] == nil {
                let standing = standings[settings.name] ?? ListenerStanding()
                standings[settings.name] = standing
                standing.apply(settings.clients)
                rules[settings.name] = ListenerRules(
                    settings, ids, configuration.networks[settings.name], standing)
            }
            return ListenerEntry(
                id: id, settings: settings, pool: ids[settings.pool], places: own,
                counters: counters(ofListener: settings.name), rules: rules[settings.name],
                standing: standings[settings.name], isPaused: paused.contains(settings.name))
        }
    }

    /// The counters of a listener's name: one that comes again goes on from where it was. Only with the lock held.
    private func counters(ofListener name: String) -> LoopCounters {
        if let known = unsafe listenerCounters[name] { return known }
        // Names that have come and gone with reloads.
        if unsafe listenerCounters.count >= 4 * Limits.listenersMax {
            let present = unsafe Set(roster.listeners.map(\.settings.name))
            unsafe listenerCounters = listenerCounters.filter { present.contains($0.key) }
        }
        let counters = LoopCounters(loops: loopCount)
        unsafe listenerCounters[name] = counters
        return counters
    }

    /// Only with the lock held.
    private var merge: RosterMerge { RosterMerge(makeTarget: makeTarget, makePool: makePool) }

    /// Applies the prober's findings: `new` replaces `old`, which it published last. Backends that have left meanwhile
    /// are skipped. One that another thread has moved meanwhile keeps its new address: the prober takes that over
    /// together with this revision. With the end of the first round there may be none, nor when checks freeze or thaw.
    func publish(_ findings: [(old: Finding, new: Finding)], endsFirstRound: Bool = false, isFrozen: Bool = false) {
        lock.lock()
        defer { lock.unlock() }
        guard unsafe !findings.isEmpty || endsFirstRound || isFrozen != roster.isFrozen else { return }
        unsafe roster.version += 1
        unsafe roster.isFrozen = isFrozen
        if endsFirstRound { unsafe roster.isFirstRound = false }
        for (old, new) in findings { record(old, new) }
        latest.store(unsafe roster.version, ordering: .releasing)
    }

    /// Only with the lock held.
    private func record(_ old: Finding, _ new: Finding) {
        let pool = unsafe roster.pools.position(where: { $0.id.rawValue }, is: new.pool.rawValue)
        guard let pool, let position = unsafe roster.pools[pool].position(of: new.id) else { return }
        unsafe roster.pools[pool].revise(position) { target in
            // A verdict that comes after the pool's check was switched off means nothing any more.
            target.agent = new.agent
            target.isUp = target.isChecked ? new.isUp : !new.agent.isDown
            target.isEjected = new.isEjected
            target.comebacks = new.comebacks
            guard target.address == old.address else { return }
            target.address = new.address
            target.boundSource = new.boundSource
            target.probes = new.probes
        }
        unsafe findings.note(TargetPlace(pool: pool, position: position), at: roster.version)
    }

    /// Only with the lock held.
    @discardableResult private func reviseLocked<Subject>(_ change: (inout [PoolEntry]) -> Subject?) -> Subject? {
        let before = unsafe roster.pools
        guard let subject = unsafe change(&roster.pools) else { return nil }
        unsafe departed.note(from: before, to: roster.pools)
        unsafe roster.version += 1
        unsafe findings.forget(before: roster.version)
        changed.store(unsafe roster.version, ordering: .relaxed)
        latest.store(unsafe roster.version, ordering: .releasing)
        return subject
    }

    private static func revise(
        _ id: TargetID, _ pools: inout [PoolEntry], _ change: (inout TargetEntry, PoolSettings) -> Void
    ) -> RosterChange.Subject? {
        guard let (pool, place) = find(id, pools) else { return nil }
        let settings = pools[pool].settings
        pools[pool].revise(place) { change(&$0, settings) }
        return .target(id)
    }

    private static func find(_ id: TargetID, _ pools: [PoolEntry]) -> (pool: Int, place: Int)? {
        for pool in pools.indices {
            if let place = pools[pool].position(of: id) { return (pool, place) }
        }
        return nil
    }

    /// Only with the lock held, or before another thread can reach this roster.
    private func makePool(_ pool: Configuration.Pool) -> PoolEntry {
        defer { unsafe nextPool += 1 }
        let settings = PoolSettings(pool)
        return PoolEntry(
            id: PoolID(rawValue: unsafe nextPool), name: pool.name, settings: settings,
            shared: SharedPool(loops: loopCount),
            targets: pool.backends.map { makeTarget($0, settings) })
    }

    /// As ``makePool(_:)``.
    private func makeTarget(_ backend: Configuration.Backend, _ settings: PoolSettings) -> TargetEntry {
        defer { unsafe nextTarget += 1 }
        return TargetEntry(
            id: TargetID(rawValue: unsafe nextTarget),
            name: backend.title, label: backend.label, host: backend.name, isBackup: backend.isBackup,
            address: backend.address, weight: backend.weight, sessionsMax: backend.sessionsMax,
            isChecked: settings.health.kind != .none, startsUnknown: settings.health.startsUnknown,
            boundSource: backend.address.flatMap { settings.sources(towards: $0).first },
            counters: TargetCounters(loops: loopCount))
    }
}

/// What the prober has found out about a backend.
struct Finding: Hashable, Sendable {
    let id: TargetID
    let pool: PoolID
    var isUp: Bool
    var isEjected = false
    var comebacks: UInt32 = 0
    var probes: ProbeHistory
    var address: SocketAddress?
    var boundSource: SocketAddress?
    /// What its agent has said.
    var agent = AgentStanding()
}

/// Which entries of a roster were changed by findings, in the order of the revisions; pools and backends are the same in
/// all of these.
struct RecentFindings {
    private var noted: [(version: UInt64, place: TargetPlace)] = []
    /// The places that a roster of this version, or a later one, lacks are all in `noted`.
    private var base: UInt64 = 1

    /// As many are kept: a reader that lacks more than the pools have backends takes all of them over as cheaply.
    private static let countMax = 2 * Limits.backendsMax

    /// The places changed after a version; nil when that is not known.
    func places(since version: UInt64) -> [TargetPlace]? {
        guard version >= base else { return nil }
        var first = noted.count
        while first > 0, noted[first - 1].version > version { first -= 1 }
        return noted[first...].map(\.place)
    }

    mutating func note(_ place: TargetPlace, at version: UInt64) {
        if noted.count == Self.countMax {
            base = noted[Self.countMax / 2 - 1].version
            noted.removeFirst(Self.countMax / 2)
        }
        noted.append((version, place))
    }

    /// Pools or backends have changed with `version`: places of before mean nothing any more.
    mutating func forget(before version: UInt64) {
        noted.removeAll(keepingCapacity: true)
        base = version
    }
}
