import Reactor
import Synchronization

/// The latest roster of the process, and the one place where it is revised.
///
/// Readers compare ``version``, one atomic load per turn, and take the roster over when it has changed. Writes are rare
/// (a verdict, an address, a change of configuration); the writer holds a lock during the change, and then wakes the
/// loops that may be asleep.
final class SharedRoster: Sendable {
    private let latest = Atomic<UInt64>(1)
    private let lock = Lock()
    /// Accessed only with the lock held.
    nonisolated(unsafe) private var roster = Roster()
    nonisolated(unsafe) private var nextTarget: UInt32 = 0
    nonisolated(unsafe) private var nextPool: UInt32 = 0
    private let loopCount: Int

    /// The first roster of a configuration: every backend is up until a probe has judged it.
    init(_ configuration: Configuration) {
        loopCount = configuration.threads
        for pool in configuration.pools { unsafe roster.pools.append(makePool(pool)) }
    }

    /// The latest revision. Acquire: a reader that sees it also sees the roster that was stored before it.
    @inline(__always) var version: UInt64 { latest.load(ordering: .acquiring) }

    func current() -> Roster {
        lock.lock()
        defer { lock.unlock() }
        return unsafe roster
    }

    /// Checks and applies a change. Returns what was changed; nil when it, or its pool, no longer exists. Throws the
    /// error of an invalid change, which changes nothing.
    @discardableResult func apply(
        _ change: RosterChange, _ listeners: [RosterChange.Listening] = []
    ) throws(ConfigurationError) -> RosterChange.Subject? {
        lock.lock()
        defer { lock.unlock() }
        unsafe try change.check(roster, listeners)
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
                let target = makeTarget(backend, source: pools[place].source)
                pools[place].targets.append(target)
                return .target(target.id)
            case .remove(let id):
                guard let (pool, place) = Self.find(id, pools) else { return nil }
                pools[pool].targets.remove(at: place)
                return .target(id)
            case .move(let id, let address):
                let address = address.destination
                return Self.revise(id, &pools) { target, source in
                    if address != target.address { target.probes.forget() }
                    target.address = address
                    target.boundSource = source?.usable(towards: address)
                }
            case .weigh(let id, let weight): return Self.revise(id, &pools) { target, _ in target.weight = weight }
            case .limit(let id, let most): return Self.revise(id, &pools) { target, _ in target.sessionsMax = most }
            }
        }
    }

    /// Applies the prober's findings: `new` replaces `old`, which it published last. Backends that have left meanwhile
    /// are skipped. One that another thread has moved meanwhile keeps its new address: the prober takes that over
    /// together with this revision.
    func publish(_ findings: [(old: Finding, new: Finding)]) {
        lock.lock()
        defer { lock.unlock() }
        _ = reviseLocked { pools in
            for (old, new) in findings {
                guard let (pool, place) = Self.find(new.id, pools) else { continue }
                pools[pool].targets[place].isUp = new.isUp
                guard pools[pool].targets[place].address == old.address else { continue }
                pools[pool].targets[place].address = new.address
                pools[pool].targets[place].boundSource = new.boundSource
                pools[pool].targets[place].probes = new.probes
            }
            return findings.first?.new.id
        }
    }

    /// Only with the lock held.
    private func reviseLocked<Subject>(_ change: (inout [PoolEntry]) -> Subject?) -> Subject? {
        guard let subject = unsafe change(&roster.pools) else { return nil }
        unsafe roster.version += 1
        latest.store(unsafe roster.version, ordering: .releasing)
        return subject
    }

    private static func revise(
        _ id: TargetID, _ pools: inout [PoolEntry], _ change: (inout TargetEntry, _ source: SocketAddress?) -> Void
    ) -> RosterChange.Subject? {
        guard let (pool, place) = find(id, pools) else { return nil }
        change(&pools[pool].targets[place], pools[pool].source)
        return .target(id)
    }

    private static func find(_ id: TargetID, _ pools: [PoolEntry]) -> (pool: Int, place: Int)? {
        for pool in pools.indices {
            if let place = pools[pool].targets.firstIndex(where: { $0.id == id }) { return (pool, place) }
        }
        return nil
    }

    /// Only with the lock held, or before another thread can reach this roster.
    private func makePool(_ pool: Configuration.Pool) -> PoolEntry {
        defer { unsafe nextPool += 1 }
        return PoolEntry(
            id: PoolID(rawValue: unsafe nextPool), name: pool.name, policy: pool.policy, health: pool.health,
            source: pool.source, targets: pool.backends.map { makeTarget($0, source: pool.source) })
    }

    /// As ``makePool(_:)``.
    private func makeTarget(_ backend: Configuration.Backend, source: SocketAddress?) -> TargetEntry {
        defer { unsafe nextTarget += 1 }
        return TargetEntry(
            id: TargetID(rawValue: unsafe nextTarget),
            name: backend.title, host: backend.name, address: backend.address, sessionsMax: backend.sessionsMax,
            boundSource: backend.address.flatMap { source?.usable(towards: $0) },
            counters: TargetCounters(loops: loopCount))
    }
}

/// What the prober has found out about a backend.
struct Finding: Hashable, Sendable {
    let id: TargetID
    var isUp: Bool
    var probes: ProbeHistory
    var address: SocketAddress?
    var boundSource: SocketAddress?
}
