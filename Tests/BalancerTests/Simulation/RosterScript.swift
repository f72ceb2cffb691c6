import Reactor
import TestSupport

@testable import Balancer

/// Changes of pools and backends while a loop runs, of all kinds and in any order, from one seed.
struct RosterScript {
    var random: SeededGenerator
    /// Addresses are given out by number; the last one given in any pool.
    private var lastNumber = 100
    /// Likewise the numbers of pools, which are their names; those below 10 are the run's own.
    private var lastPool = 9
    /// How many changes were made.
    var count = 0
    /// What did not hold, for people.
    var violations: [String] = []

    /// More backends than this no pool gets.
    private static let targetsMax = 8

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed ^ 0x5EED_0F_C4A9_6E5)
    }

    /// An address of a pool, by which the pool is known.
    static func address(_ number: Int, in pool: Int) -> SocketAddress {
        .ipv4(0x0A00_0000 + UInt32(pool) << 8, port: UInt16(8000 + number))
    }

    /// The pool of an address.
    static func pool(of address: SocketAddress) -> Int? {
        guard case .ipv4(let host, _) = address else { return nil }
        return Int(host >> 8 & 0xFF)
    }

    /// True with a probability of `percent`.
    mutating func isDue(_ percent: Int) -> Bool { percent > 0 && random.chance(percent) }

    /// Makes one change, or removes all backends of a pool.
    mutating func change(_ loop: inout BalancerLoop) {
        let roster = loop.shared.roster.current()
        // While it drains, the pools of its listeners can be removed as well.
        guard !roster.pools.isEmpty else { return }
        let pool = roster.pools[Int.random(in: 0..<roster.pools.count, using: &random)]
        let place = Int(pool.name) ?? -1
        if random.chance(10) { return changePools(pool, &loop) }
        let target = pool.targets.randomElement(using: &random)
        switch (Int.random(in: 0..<100, using: &random), target) {
        case (..<30, _) where pool.targets.count < Self.targetsMax, (_, nil):
            apply(.add(newBackend(in: place, pool), to: pool.id), &loop)
        case (..<55, .some(let target)):
            remove(target.id, &loop)
        case (..<60, _):
            for target in pool.targets { remove(target.id, &loop) }
        case (..<80, .some(let target)):
            apply(.move(target.id, to: address(in: place)), &loop)
        case (..<90, .some(let target)):
            apply(.limit(target.id, limit()), &loop)
        case (_, .some(let target)):
            apply(.weigh(target.id, Int32.random(in: 0...3, using: &random)), &loop)
        }
    }

    /// Adds a pool that no listener uses, or removes one. Backends of such pools are probed, and get no clients.
    private mutating func changePools(_ pool: PoolEntry, _ loop: inout BalancerLoop) {
        guard loop.admission.listeners.contains(where: { loop.targets.pools[$0.pool].id == pool.id }) else {
            return apply(.removePool(pool.id), &loop)
        }
        if (try? loop.change(.removePool(pool.id))) != nil { violations.append("a pool in use was removed") }
        lastPool = lastPool == 250 ? 10 : lastPool + 1
        let backend = Configuration.Backend(address: Self.address(1, in: lastPool))
        guard !loop.shared.roster.current().pools.contains(where: { $0.name == "\(lastPool)" }) else { return }
        apply(.addPool(.init(name: "\(lastPool)", backends: [backend], health: pool.settings.health)), &loop)
    }

    /// A backend that the pool does not have, at times with a limit.
    mutating func newBackend(in place: Int, _ pool: PoolEntry) -> Configuration.Backend {
        while true {
            let backend = Configuration.Backend(
                address: address(in: place), sessionsMax: limit(), weight: Int32.random(in: 0...3, using: &random),
                isBackup: random.chance(30))
            if !pool.targets.contains(where: { $0.name == backend.title }) { return backend }
        }
    }

    mutating func limit() -> Int32? { random.chance(40) ? nil : Int32.random(in: 1...2, using: &random) }

    private mutating func remove(_ target: TargetID, _ loop: inout BalancerLoop) {
        apply(.remove(target), &loop)
        let again = try? loop.change(.remove(target))
        if again != nil { violations.append("\(target) was removed twice") }
    }

    private mutating func apply(_ change: RosterChange, _ loop: inout BalancerLoop) {
        count += 1
        let subject = (try? loop.change(change)) ?? nil
        var target: TargetID?
        if case .target(let id) = subject { target = id }
        let entry = loop.targets.roster.targets.first { $0.id == target }
        let pools = loop.targets.roster.pools
        let isDone =
            switch change {
            case .add(let backend, let pool):
                entry != nil && entry?.address == backend.address
                    && pools.contains { $0.id == pool && $0.targets.last?.id == target }
            case .replace: false
            case .remove(let id): target == id && entry == nil
            case .move(let id, let address): target == id && entry?.address == address
            case .weigh(let id, let weight): target == id && entry?.weight == weight
            case .limit(let id, let most): target == id && entry?.sessionsMax == most
            case .addPool(let pool): pools.contains { .pool($0.id) == subject && $0.name == pool.name }
            case .removePool(let id): subject == .pool(id) && !pools.contains { $0.id == id }
            // Those of operators: ``OrderScript``.
            case .steer, .pause: false
            }
        if !isDone { violations.append("\(change) was not carried out") }
    }

    /// A new address, or one that a backend had before.
    mutating func address(in pool: Int) -> SocketAddress {
        if random.chance(40) { return Self.address(Int.random(in: 1...lastNumber, using: &random), in: pool) }
        lastNumber += 1
        return Self.address(lastNumber, in: pool)
    }
}
