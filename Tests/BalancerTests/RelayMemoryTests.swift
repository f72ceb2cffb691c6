import Testing

@testable import Balancer
@testable import Reactor

@Suite struct RelayMemoryTests {
    /// Where bytes wait for a client that never reads.
    enum Store { case block, pipe }

    /// An embedder may drop a loop at any moment: everything that it holds is given back, and nothing traps.
    @Test(arguments: [Store.block, .pipe]) func aLoopCanBeDroppedWhileBytesWait(in store: Store) throws {
        for seed in SimulationTests.seeds {
            let kernel = SimulatedKernel(
                seed: seed, clients: 6,
                faults: .init(neverEndsPercent: 100, neverReadsPercent: 100, roomMax: 1500, plannedMax: 6000))
            var limits = Limits(sessionsMax: 64)
            limits.chunkBytes = 128
            limits.pipesMax = store == .pipe ? 4 : 0
            let configuration = try Configuration(
                listeners: [.init(address: .ipv4(0x7F00_0001, port: 20000))],
                pools: [.init(backends: [.init(address: .ipv4(0x0A00_0000, port: 8001))])], limits: limits, log: .none)
            let hasWaited = try withScriptedKernel(kernel) {
                let log = EventLog(.none, output: OutputStream(number: 1), errors: OutputStream(number: 2))
                var loop = try BalancerLoop(configuration, output: log)
                var turns = 0
                func taken() -> Int {
                    store == .pipe ? loop.sessions.relay.memory.pipes.taken : loop.sessions.relay.memory.blocks.taken
                }
                while taken() == 0, turns < 1000 {
                    try loop.turn()
                    turns += 1
                }
                return taken() > 0
            }
            #expect(hasWaited, "seed \(seed)")
            #expect(kernel.objects.isEmpty, "seed \(seed): descriptors not closed: \(kernel.objects.keys.sorted())")
        }
    }
}
