import Reactor

@testable import Balancer

// Configurations that are taken over while a loop runs.
extension RosterScript {
    /// Takes another configuration over, of which anything may be new: listeners, pools, their settings, backends, their
    /// addresses, weights and limits, the limit on sessions. A listener on port n serves the pool n, if there is one.
    mutating func reload(_ loop: inout BalancerLoop, from first: Configuration, _ kernel: SimulatedKernel) {
        let before = loop.shared.roster.current()
        var pools: [Configuration.Pool] = []
        // The names of the run's own pools, of which those that have left come back.
        for number in first.pools.indices where pools.isEmpty || !random.chance(15) {
            let present = before.pools.first { $0.name == "\(number)" }
            pools.append(pool(number, present, first.pools[number]))
        }
        pools.shuffle(using: &random)
        var listeners = pools.indices.filter { $0 == 0 || !random.chance(15) }.map { index in
            Configuration.ListenerSettings(
                address: .ipv4(0x7F00_0001, port: UInt16(SimulatedKernel.firstPort + (Int(pools[index].name) ?? 0))),
                pool: index, backlog: random.chance(50) ? nil : 7)
        }
        kernel.book?.adjust(&listeners, pools: pools.map { Int($0.name) ?? 0 })
        var limits = first.limits
        limits.sessionsMax = random.chance(50) ? first.limits.sessionsMax : Int.random(in: 2...8, using: &random)
        guard
            let configuration = try? Configuration(
                listeners: listeners, pools: pools, timeouts: first.timeouts, limits: limits, latency: first.latency,
                log: first.log, administration: first.administration)
        else { return violations.append("the script has made a configuration that is none") }
        apply(configuration, &loop, before, kernel)
    }

    private mutating func pool(
        _ number: Int, _ present: PoolEntry?, _ first: Configuration.Pool
    ) -> Configuration.Pool {
        var backends: [Configuration.Backend] = []
        for target in present?.targets ?? [] where !random.chance(20) {
            guard let address = target.address else { continue }
            // A label keeps the identity of one that moves.
            let moves = target.label != nil && random.chance(20)
            let kept = Configuration.Backend(
                address: moves ? self.address(in: number) : address,
                sessionsMax: random.chance(70) ? target.sessionsMax : limit(), label: target.label,
                weight: random.chance(70) ? target.weight : Int32.random(in: 0...3, using: &random),
                isBackup: random.chance(90) ? target.isBackup : !target.isBackup)
            // One without a label that was moved is called by its new address from now on.
            if !backends.contains(where: { $0.title == kept.title }) { backends.append(kept) }
        }
        while backends.isEmpty || random.chance(30) {
            let address = address(in: number)
            let label = random.chance(50) ? "b\(Int.random(in: 0...20, using: &random))" : nil
            let new = Configuration.Backend(address: address, sessionsMax: limit(), label: label)
            if !backends.contains(where: { $0.title == new.title }) { backends.append(new) }
        }
        var pool = Configuration.Pool(
            name: "\(number)", backends: backends, health: first.health, timeouts: first.timeouts,
            retries: random.chance(70) ? first.retries : .init(max: 2), whenDown: first.whenDown,
            whenRemoved: first.whenRemoved)
        pool.proxy = first.proxy
        if random.chance(20) { pool.health.fall = 2 }
        return pool
    }

    private mutating func apply(
        _ configuration: Configuration, _ loop: inout BalancerLoop, _ before: Roster,
        _ kernel: SimulatedKernel
    ) {
        count += 1
        let isFull = loop.admission.places.isFull
        let lost = kernel.arrivalsLost
        do throws(ReloadError) { _ = try loop.reload(configuration) } catch {
            let isShortage = error.description.contains("Too many open files")
            if !isShortage { violations.append("a reload was refused: \(error)") }
            if loop.shared.roster.version != before.version {
                violations.append("a refused reload has changed something")
            }
            return
        }
        loop.adoptRoster()
        loop.core.endTurn()
        // The records of clients that waited at a listener that has gone are of before.
        loop.journal.endTurn()
        if kernel.arrivalsLost > lost, !isFull, !loop.admission.places.isFull {
            violations.append("clients that waited at a listener were lost")
        }
        check(configuration, loop, before)
    }

    /// What there is is what the configuration says; what has kept its name and address has kept its id and health.
    private mutating func check(_ wanted: Configuration, _ loop: borrowing BalancerLoop, _ before: Roster) {
        let after = loop.targets.roster
        if Set(after.pools.map(\.name)) != Set(wanted.pools.map(\.name)) {
            violations.append("other pools than wanted")
        }
        for pool in wanted.pools {
            guard let entry = after.pools.first(where: { $0.name == pool.name }) else { continue }
            if entry.settings != PoolSettings(pool) { violations.append("pool \(pool.name) has other settings") }
            let old = before.pools.first { $0.name == pool.name }
            if let old, old.id != entry.id { violations.append("pool \(pool.name) has another id") }
            if Set(entry.targets.map(\.name)) != Set(pool.backends.map(\.title))
                || entry.targets.count != pool.backends.count
            {
                violations.append("pool \(pool.name) has other backends than wanted")
            }
            for backend in pool.backends {
                guard let target = entry.targets.first(where: { $0.name == backend.title }) else { continue }
                let isRight =
                    target.address == backend.address && target.weight == backend.weight
                    && target.sessionsMax == backend.sessionsMax && target.isBackup == backend.isBackup
                if !isRight { violations.append("backend \(backend.title) is not as wanted") }
                guard let earlier = old?.targets.first(where: { $0.name == backend.title }) else { continue }
                if earlier.id != target.id { violations.append("backend \(backend.title) has another id") }
                if earlier.address == target.address, earlier.isUp != target.isUp || earlier.probes != target.probes {
                    violations.append("backend \(backend.title) has forgotten its health")
                }
            }
        }
        let ports = Set(wanted.listeners.map(\.address.port))
        if Set(loop.admission.listeners.map { loop.targets.pools[$0.pool].name })
            != Set(wanted.listeners.map { wanted.pools[$0.pool].name })
            || loop.admission.listeners.count != ports.count
        {
            violations.append("other listeners than wanted")
        }
    }
}
