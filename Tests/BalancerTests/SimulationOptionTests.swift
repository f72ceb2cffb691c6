import Reactor
import TestSupport
import Testing

@testable import Balancer

// Pools with any options: limits hold, nobody starves, and nobody is picked who must not be.
extension SimulationTests {
    /// Any policy, limits, queue, ejections, slow starts, panic and rebalancing, from a seed. Every fourth seed has a policy
    /// that rebalances, so that few seeds see it too.
    private static func adjust(_ pool: inout Configuration.Pool, _ random: inout SeededGenerator, seed: UInt64) {
        let policies = PolicyKind.allCases.filter {
            seed % 4 != 0 || Configuration.Rebalance.policies.contains($0)
        }
        pool.policy = policies.randomElement(using: &random) ?? .roundRobin
        if random.chance(30) { pool.sourceHash.loadMax = Int.random(in: 1_000_000...2_000_000, using: &random) }
        if random.chance(60) {
            pool.queue = .init(
                max: Int.random(in: 1...6, using: &random), timeout: .seconds(Int.random(in: 1...20, using: &random)))
        }
        if random.chance(40) { pool.sessionsMax = Int32.random(in: 1...6, using: &random) }
        if random.chance(40) {
            pool.passive = .init()
            pool.passive?.failures = Int.random(in: 1...3, using: &random)
            pool.passive?.ejected = .seconds(Int.random(in: 1...5, using: &random))
            pool.passive?.shareMax = Int.random(in: 1...1_000_000, using: &random)
        }
        if random.chance(40) { pool.slowStart = .seconds(Int.random(in: 1...10, using: &random)) }
        if random.chance(40) { pool.panicThreshold = Int.random(in: 0...1_000_000, using: &random) }
        if seed % 4 == 0 || random.chance(40), Configuration.Rebalance.policies.contains(pool.policy) {
            pool.rebalance = .init(
                share: Int.random(in: 1...1_000_000, using: &random),
                every: .seconds(Int.random(in: 1...5, using: &random)),
                idle: .seconds(Int.random(in: 1...3, using: &random)))
        }
        if random.chance(40) { pool.health.startsUnknown = true }
        if random.chance(30) { pool.whenDown = .close }
        if random.chance(30) { pool.retries.max = Int.random(in: 1...3, using: &random) }
    }

    private static func backend(_ address: SocketAddress, _ random: inout SeededGenerator) -> Configuration.Backend {
        .init(
            address: address, sessionsMax: random.chance(70) ? Int32.random(in: 1...3, using: &random) : nil,
            weight: Int32.random(in: 0...3, using: &random), isBackup: random.chance(20))
    }

    /// - Parameter faults: What the network does, the same for all seeds.
    private func simulateOptions(
        clients: Int, changePercent: Int = 0, _ faults: SimulatedKernel.Faults
    ) throws -> [EndReason: Int] {
        var ends: [EndReason: Int] = [:]
        for seed in Self.seeds {
            var random = SeededGenerator(seed: seed ^ 0x0B71_0A5)
            var backends = SeededGenerator(seed: seed ^ 0xBAC_E4D5)
            var run = try SimulationRun(
                seed: seed, clients: clients, pools: 2, backends: 3, changePercent: changePercent, faults: faults,
                freezes: random.chance(50),
                listenerMax: random.chance(30) ? Int32.random(in: 2...20, using: &random) : nil,
                backend: { Self.backend($0, &backends) }, adjustPool: { Self.adjust(&$0, &random, seed: seed) })
            try run.run()
            let violations = run.violations()
            if !violations.isEmpty {
                Issue.record("seed \(seed): \(violations.joined(separator: "; "))\n\(run.kernel.output)")
                return ends
            }
            for record in PrintedRecord.all(in: run.kernel.output) { ends[record.reason, default: 0] += 1 }
        }
        return ends
    }

    /// Sessions that stay, so that limits are reached and clients wait.
    @Test func anyOptions() throws {
        let ends = try simulateOptions(clients: 60, .init(neverEndsPercent: 30))
        for reason in [EndReason.finished, .queueTimeout, .queueFull, .backendsFull, .rebalanced] {
            #expect(ends[reason] ?? 0 > 0, "\(reason): \(ends)")
        }
    }

    /// Without spurious events: they keep a session from being idle, and the steps of slow starts let many come.
    @Test func anyOptionsBesideFaultsAndChanges() throws {
        let ends = try simulateOptions(
            clients: 40, changePercent: 10,
            .init(
                refusedPercent: 20, silentPercent: 10, failedConnectPercent: 5, freezePercent: 5,
                resetPercent: 10, closePercent: 10, neverEndsPercent: 20))
        #expect(ends[.queueTimeout] ?? 0 > 0 && ends[.finished] ?? 0 > 0, "\(ends)")
    }
}
