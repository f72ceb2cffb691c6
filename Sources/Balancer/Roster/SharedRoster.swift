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
    private let loopCount: Int

    /// The first roster of a configuration: every backend is up until a probe has judged it.
    init(_ configuration: Configuration) {
        loopCount = configuration.threads
        var pools: [PoolEntry] = []
        for (place, pool) in configuration.pools.enumerated() {
            var entry = PoolEntry(
                id: PoolID(rawValue: UInt32(place)), policy: pool.policy, health: pool.health, source: pool.source,
                targets: [])
            for backend in pool.backends { entry.targets.append(makeTarget(backend, source: pool.source)) }
            pools.append(entry)
        }
        unsafe roster.pools = pools
    }

    /// The latest revision. Acquire: a reader that sees it also sees the roster that was stored before it.
    @inline(__always) var version: UInt64 { latest.load(ordering: .acquiring) }

    func current() -> Roster {
        lock.lock()
        defer { lock.unlock() }
        return unsafe roster
    }

    /// Applies a checked change. Returns the backend that was changed; nil when it, or its pool, no longer exists.
    func apply(_ change: RosterChange) -> TargetID? {
        switch change {
        case .add(let backend, let pool):
            revise { pools in
                guard let place = pools.firstIndex(where: { $0.id == pool }) else { return nil }
                let target = makeTarget(backend, source: pools[place].source)
                pools[place].targets.append(target)
                return target.id
            }
        case .remove(let id):
            revise { pools in
                guard let (pool, place) = Self.find(id, pools) else { return nil }
                pools[pool].targets.remove(at: place)
                return id
            }
        case .move(let id, let address):
            revise { pools in
                guard let (pool, place) = Self.find(id, pools) else { return nil }
                pools[pool].targets[place].address = address
                pools[pool].targets[place].boundSource = pools[pool].source?.usable(towards: address)
                return id
            }
        case .weigh(let id, let weight):
            revise { pools in
                guard let (pool, place) = Self.find(id, pools) else { return nil }
                pools[pool].targets[place].weight = weight
                return id
            }
        }
    }

    /// Applies the prober's findings: `new` replaces `old`, which it published last. Backends that have left meanwhile
    /// are skipped. One that another thread has moved meanwhile keeps its new address: the prober takes that over
    /// together with this revision.
    func publish(_ findings: [(old: Finding, new: Finding)]) {
        _ = revise { pools in
            for (old, new) in findings {
                guard let (pool, place) = Self.find(new.id, pools) else { continue }
                pools[pool].targets[place].isUp = new.isUp
                guard pools[pool].targets[place].address == old.address else { continue }
                pools[pool].targets[place].address = new.address
                pools[pool].targets[place].boundSource = new.boundSource
            }
            return findings.first?.new.id
        }
    }

    private func revise(_ change: (inout [PoolEntry]) -> TargetID?) -> TargetID? {
        lock.lock()
        defer { lock.unlock() }
        guard let id = unsafe change(&roster.pools) else { return nil }
        unsafe roster.version += 1
        latest.store(unsafe roster.version, ordering: .releasing)
        return id
    }

    private static func find(_ id: TargetID, _ pools: [PoolEntry]) -> (pool: Int, place: Int)? {
        for pool in pools.indices {
            if let place = pools[pool].targets.firstIndex(where: { $0.id == id }) { return (pool, place) }
        }
        return nil
    }

    /// Only with the lock held, or before another thread can reach this roster.
    private func makeTarget(_ backend: Configuration.Backend, source: SocketAddress?) -> TargetEntry {
        defer { unsafe nextTarget += 1 }
        return TargetEntry(
            id: TargetID(rawValue: unsafe nextTarget),
            name: backend.name.map { "\($0.host):\($0.port)" } ?? backend.address?.description ?? "-",
            host: backend.name, address: backend.address,
            boundSource: backend.address.flatMap { source?.usable(towards: $0) },
            counters: TargetCounters(loops: loopCount))
    }
}

/// What the prober has found out about a backend.
struct Finding: Hashable, Sendable {
    let id: TargetID
    var isUp: Bool
    var address: SocketAddress?
    var boundSource: SocketAddress?
}

extension SocketAddress {
    /// The address itself as the source of connections to `target`; nil for a target of another address family.
    func usable(towards target: SocketAddress) -> SocketAddress? {
        family == target.family ? self : nil
    }
}
