import Testing

@testable import Balancer

// Operators who order and ask at any time: traces, the mailbox, drills, pauses and kills.
extension SimulationTests {
    @Test func operatorsWhoOrderAtAnyTime() throws {
        var (orders, killed, answered, finished) = (0, 0, 0, 0)
        try simulate(
            clients: 20, pools: 2, backends: 3, orderPercent: 40, .init(resetPercent: 10, neverEndsPercent: 20),
            also: { run in
                orders += run.orders?.count ?? 0
                killed += run.orders?.killed ?? 0
                answered += run.orders?.answered ?? 0
                finished += run.kernel.output.occurrences(of: "reason=finished")
            })
        let runs = Self.seeds.count
        #expect(orders > 10 * runs && killed > 0 && answered > 10 * runs && finished > runs)
    }

    /// The simulated sockets of drills connect to nobody.
    @Test func ordersBesideFaults() throws {
        var latency = Configuration.Latency.sleeping
        latency.warmConnections = 2
        try simulate(
            clients: 20, pools: 2, changePercent: 10, orderPercent: 30,
            .init(
                descriptorsMax: 60, refusedPercent: 20, silentPercent: 20, failedConnectPercent: 5, freezePercent: 5,
                interruptedPercent: 10, fullBatchPercent: 5, spuriousPercent: 10, resetPercent: 10, closePercent: 10),
            latency: latency)
    }

    @Test func ordersBesideReloadsAndQueues() throws {
        try simulate(
            clients: 20, pools: 2, backends: 2, reloadPercent: 10, orderPercent: 30,
            .init(refusedPercent: 10, resetPercent: 10, neverEndsPercent: 30),
            adjustPool: { $0.queue = .init(max: 4, timeout: .seconds(10)) })
    }

    @Test(arguments: [1, 40]) func ordersBeforeADrain(turn: Int) throws {
        try simulate(
            clients: 20, pools: 2, orderPercent: 40, .init(silentPercent: 20, neverEndsPercent: 20), drainAfter: turn)
    }
}
