import Testing

@testable import Balancer

// Configurations that are taken over while sessions live: the oracle is that of all simulations.
extension SimulationTests {
    @Test func reloads() throws {
        var (reloads, finished) = (0, 0)
        try simulate(
            clients: 30, pools: 3, backends: 2, reloadPercent: 20, .init(),
            also: { run in
                reloads += run.script.count
                finished += run.kernel.output.occurrences(of: "reason=finished")
            })
        #expect(reloads > 10 * Self.seeds.count && finished > 10 * Self.seeds.count)
    }

    @Test(arguments: [Configuration.WhenRemoved.keep, .close, .drain(.seconds(3))])
    func reloadsBesideFaults(whenRemoved: Configuration.WhenRemoved) throws {
        var latency = Configuration.Latency.sleeping
        latency.warmConnections = 2
        try simulate(
            clients: 30, pools: 3, changePercent: 5, reloadPercent: 15,
            .init(
                descriptorsMax: 80, refusedPercent: 20, silentPercent: 20, failedConnectPercent: 5, freezePercent: 5,
                interruptedPercent: 10, fullBatchPercent: 5, resetPercent: 10, closePercent: 10, neverEndsPercent: 20),
            latency: latency, timeouts: .init(idle: .seconds(60)),
            adjustPool: { ($0.whenDown, $0.whenRemoved) = (.close, whenRemoved) })
    }

    @Test(arguments: [5, 60]) func reloadsBeforeADrain(turn: Int) throws {
        try simulate(
            clients: 20, pools: 2, reloadPercent: 30, .init(silentPercent: 10, neverEndsPercent: 20), drainAfter: turn)
    }
}
