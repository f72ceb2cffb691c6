import Reactor

/// What a new configuration makes of the pools of a roster: names are identity. Of a pool or backend whose name stays,
/// everything stays that the configuration does not say: id, health, counters, sessions, place in the turn.
struct RosterMerge {
    /// Makes a new backend of a pool with these settings.
    let makeTarget: (Configuration.Backend, PoolSettings) -> TargetEntry
    /// Makes a new pool.
    let makePool: (Configuration.Pool) -> PoolEntry
    private(set) var summary = ReloadSummary()

    init(
        makeTarget: @escaping (Configuration.Backend, PoolSettings) -> TargetEntry,
        makePool: @escaping (Configuration.Pool) -> PoolEntry
    ) {
        self.makeTarget = makeTarget
        self.makePool = makePool
    }

    /// The pools of `wanted`: those that were there already first, in their order, then the new ones. (The ids ascend: see
    /// ``PoolEntry/targets``.)
    mutating func pools(_ present: [PoolEntry], _ wanted: [Configuration.Pool]) -> [PoolEntry] {
        var rest = Dictionary(uniqueKeysWithValues: wanted.map { ($0.name, $0) })
        var pools: [PoolEntry] = []
        for entry in present {
            guard let pool = rest.removeValue(forKey: entry.name) else {
                summary.pools.removed += 1
                summary.backends.removed += entry.targets.count
                continue
            }
            pools.append(merge(entry, pool))
        }
        for pool in wanted where rest[pool.name] != nil {
            summary.pools.added += 1
            summary.backends.added += pool.backends.count
            pools.append(makePool(pool))
        }
        return pools
    }

    private mutating func merge(_ entry: PoolEntry, _ pool: Configuration.Pool) -> PoolEntry {
        let settings = PoolSettings(pool)
        if settings != entry.settings { summary.pools.changed += 1 }
        // The backends of a discovered pool are what was found last, until something else is found.
        let backends = pool.isDiscovered ? nil : pool.backends
        return PoolEntry(
            id: entry.id, name: entry.name, settings: settings, shared: entry.shared,
            targets: targets(of: entry, backends, settings))
    }

    /// The backends of a pool with other settings, and with `wanted` unless that is nil.
    mutating func targets(
        of entry: PoolEntry, _ wanted: [Configuration.Backend]?, _ settings: PoolSettings
    ) -> [TargetEntry] {
        guard let wanted else {
            return entry.targets.map { target in
                var target = target
                target.follow(from: entry.settings, to: settings)
                return target
            }
        }
        var rest = Dictionary(wanted.map { ($0.title, $0) }, uniquingKeysWith: { first, _ in first })
        var targets: [TargetEntry] = []
        for old in entry.targets {
            guard let backend = rest.removeValue(forKey: old.name) else {
                summary.backends.removed += 1
                continue
            }
            var target = old
            target.follow(from: entry.settings, to: settings)
            if target.apply(backend, settings) { summary.backends.changed += 1 }
            targets.append(target)
        }
        for backend in wanted where rest.removeValue(forKey: backend.title) != nil {
            summary.backends.added += 1
            targets.append(makeTarget(backend, settings))
        }
        return targets
    }

    /// Notes whether settings of the process are others.
    mutating func compare(_ old: ProcessSettings, _ new: ProcessSettings) {
        summary.hasOtherProcessSettings = old != new
    }

    /// Counts what becomes of the listeners.
    mutating func count(_ plan: ListenerPlan) {
        summary.listeners = .init(added: plan.new.count, removed: plan.gone.count, changed: plan.changed.count)
    }
}

extension TargetEntry {
    /// Applies what a configuration says about the backend of this name; true when that is something else than
    /// before.
    fileprivate mutating func apply(_ backend: Configuration.Backend, _ settings: PoolSettings) -> Bool {
        let before = (weight, sessionsMax, isBackup, host, address)
        // The address that a name had stays until it is looked up; another name may have been looked up already.
        let known = host == backend.name ? self.address ?? backend.address : backend.address ?? self.address
        weight = backend.weight
        sessionsMax = backend.sessionsMax
        isBackup = backend.isBackup
        label = backend.label
        host = backend.name
        if let address = backend.name == nil ? backend.address : known {
            move(to: address, settings)
        }
        return before != (weight, sessionsMax, isBackup, host, address)
    }

    /// The pool has other settings.
    fileprivate mutating func follow(from old: PoolSettings, to new: PoolSettings) {
        if old.sources != new.sources { boundSource = address.flatMap { new.sources(towards: $0).first } }
        startsUnknown = new.health.startsUnknown
        let isChecked = new.health.kind != .none
        guard isChecked != self.isChecked else { return }
        self.isChecked = isChecked
        isUp = true
        probes.forget()
    }

    /// Changes the address. Nothing is known of another one.
    mutating func move(to address: SocketAddress, _ settings: PoolSettings) {
        let address = address.destination
        guard address != self.address else { return }
        probes.forget()
        self.address = address
        boundSource = settings.sources(towards: address).first
    }
}
