import Testing

@testable import Balancer

// Backends that come and go.
extension SimulationTests {
    /// No session moves, and none loses its backend: ``LoopWatch``.
    @Test func rostersThatChange() throws {
        var (changes, unserved, finished) = (0, 0, 0)
        try simulate(
            pools: 2, backends: 2, changePercent: 30, .init(),
            also: { run in
                changes += run.script.count
                unserved += run.kernel.output.occurrences(of: "reason=no-backend")
                finished += run.kernel.output.occurrences(of: "reason=finished")
            })
        #expect(changes > 20 * Self.seeds.count && unserved > 0 && finished > unserved)
    }

    /// Many sessions that stay, and few backends with small limits: some clients find all of them full.
    @Test func rostersWithLimits() throws {
        var full = 0
        try simulate(
            clients: 40, pools: 2, backends: 1, changePercent: 30, .init(neverEndsPercent: 60),
            also: { full += $0.kernel.output.occurrences(of: "reason=backends-full") })
        #expect(full > 0)
    }

    /// Sessions end with their backends: those that are found down, and those that are removed, at once or after a while.
    @Test(arguments: [Configuration.WhenRemoved.close, .drain(.seconds(3))])
    func sessionsThatEndWithTheirBackends(whenRemoved: Configuration.WhenRemoved) throws {
        var (down, removed) = (0, 0)
        try simulate(
            clients: 20, pools: 2, changePercent: 10,
            .init(refusedPercent: 30, resetPercent: 10, neverEndsPercent: 50), timeouts: .init(idle: .seconds(60)),
            adjustPool: {
                ($0.whenDown, $0.whenRemoved) = (.close, whenRemoved)
                $0.health.fall = 1
            },
            also: { run in
                down += run.kernel.output.occurrences(of: "reason=backend-down")
                removed += run.kernel.output.occurrences(of: "reason=backend-removed")
            })
        #expect(down > 0 && removed > 0, "\(down) \(removed)")
    }

    /// Probes and connects are under way when their backends leave, and connections are held ready for them.
    @Test(arguments: [false, true]) func rostersThatChangeBesideFaults(fastOpen: Bool) throws {
        var latency = Configuration.Latency.sleeping
        latency.fastOpen = fastOpen
        latency.warmConnections = 2
        try simulate(
            pools: 2, changePercent: 20,
            .init(
                descriptorsMax: 60, refusedPercent: 20, silentPercent: 20, failedConnectPercent: 5, freezePercent: 5,
                interruptedPercent: 10, fullBatchPercent: 5, spuriousPercent: 10, resetPercent: 10, closePercent: 10),
            latency: latency)
    }

    /// The same where a backend is unknown until its first probe has ended, which decides.
    @Test func rostersOfUnknownBackends() throws {
        var latency = Configuration.Latency.sleeping
        latency.warmConnections = 2
        var (finished, served) = (0, 0)
        try simulate(
            clients: 30, pools: 2, backends: 4, changePercent: 20,
            .init(
                refusedPercent: 30, silentPercent: 20, failedConnectPercent: 5, freezePercent: 5, resetPercent: 10),
            latency: latency, adjustPool: { $0.health.startsUnknown = true },
            also: { run in
                finished += run.kernel.output.occurrences(of: "reason=finished")
                served += run.kernel.output.occurrences(of: "reason=no-backend")
            })
        #expect(finished > 5 * Self.seeds.count && served > 0)
    }

    /// Sessions outlive their backends by far.
    @Test func rostersThatChangeBesideHostsThatNeverEnd() throws {
        try simulate(
            pools: 2, changePercent: 30,
            .init(refusedPercent: 10, silentPercent: 10, resetPercent: 10, neverEndsPercent: 30))
    }

    @Test(arguments: [1, 40]) func rostersThatChangeWhileDraining(turn: Int) throws {
        var latency = Configuration.Latency.sleeping
        latency.warmConnections = 2
        try simulate(
            pools: 2, changePercent: 30, .init(silentPercent: 20, neverEndsPercent: 20), drainAfter: turn,
            latency: latency)
    }

    @Test func everythingAtOnce() throws {
        try simulate(
            clients: 20,
            .init(
                descriptorsMax: 20, refusedPercent: 15, silentPercent: 10, failedConnectPercent: 5,
                abortedAcceptPercent: 10, spuriousPercent: 20, spuriousBlockPercent: 20, resetPercent: 20,
                closePercent: 20, stallPercent: 50, roomMax: 300))
    }
}

extension String {
    /// How often `part` occurs.
    func occurrences(of part: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: part) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
