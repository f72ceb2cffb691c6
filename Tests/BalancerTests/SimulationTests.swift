import Glibc
import Testing

@testable import Balancer

/// The whole loop against kernels and networks of any kind: bytes out are bytes in, every descriptor is closed, no row
/// is left, every session has one record.
///
/// A failure prints its seed; `SEED=n swift test --filter SimulationTests` runs that seed alone, `RUNS=n` as many.
@Suite struct SimulationTests {
    /// The seeds of each kind of network.
    static let seeds: ClosedRange<UInt64> = {
        func number(_ name: String) -> UInt64? { unsafe getenv(name).flatMap { unsafe UInt64(String(cString: $0)) } }
        if let seed = number("SEED") { return seed...seed }
        return 1...max(1, number("RUNS") ?? 40)
    }()

    func simulate(
        clients: Int = 12, pools: Int = 1, backends: Int = 3, changePercent: Int = 0,
        reloadPercent: Int = 0, orderPercent: Int = 0, _ faults: SimulatedKernel.Faults, drainAfter: Int? = nil,
        isSignalled: Bool = false,
        latency: Configuration.Latency = .sleeping,
        timeouts: Configuration.PoolTimeouts = .init(idle: .seconds(20)),
        adjustPool: (inout Configuration.Pool) -> Void = { _ in },
        adjust: (inout Limits) -> Void = { _ in },
        also check: (SimulationRun) -> Void = { _ in }
    ) throws {
        for seed in Self.seeds {
            var run = try SimulationRun(
                seed: seed, clients: clients, pools: pools, backends: backends, changePercent: changePercent,
                reloadPercent: reloadPercent, orderPercent: orderPercent, faults: faults, drainAfter: drainAfter,
                isSignalled: isSignalled,
                latency: latency,
                timeouts: timeouts, adjustPool: adjustPool, adjust: adjust)
            try run.run()
            let violations = run.violations()
            if !violations.isEmpty {
                Issue.record("seed \(seed): \(violations.joined(separator: "; "))\n\(run.kernel.output)")
                return
            }
            check(run)
        }
    }

    @Test func aFriendlyNetwork() throws {
        try simulate(
            .init(),
            also: { run in
                #expect(run.kernel.output.occurrences(of: "reason=finished") == 12, "seed \(run.seed)")
            })
    }

    /// Every other test may splice as well; this one says that it happens, in both directions of the same oracle.
    @Test func bulkTransfersAreSpliced() throws {
        var spliced = 0
        try simulate(
            clients: 5, .init(stallPercent: 60, roomMax: 1500, plannedMax: 6000), adjust: { $0.pipesMax = 2 },
            also: { run in
                #expect(run.kernel.output.occurrences(of: "reason=finished") == 5, "seed \(run.seed)")
                spliced += run.kernel.splicedBytes
                // A direction has a quantum, which its last piece may exceed; one that was served at its event may have
                // it once more when its turn comes.
                #expect(run.kernel.mostSplicedInTurn <= 2 * 2 * 128, "seed \(run.seed)")
            })
        #expect(spliced > 10_000)
    }

    @Test func bulkTransfersBesideResets() throws {
        try simulate(
            clients: 6,
            .init(spuriousPercent: 10, resetPercent: 30, closePercent: 20, stallPercent: 60, plannedMax: 5000),
            adjust: { $0.pipesMax = 1 })
    }

    @Test func pipesThatCannotBeHad() throws {
        try simulate(
            clients: 6, .init(failedPipePercent: 50, resetPercent: 10, stallPercent: 60, plannedMax: 5000))
    }

    @Test func aKernelThatDoesNotSplice() throws {
        var spliced = 0
        try simulate(
            clients: 6, .init(refusedSplicePercent: 100, plannedMax: 5000),
            also: { run in
                spliced += run.kernel.splicedBytes
                #expect(run.kernel.spliceCalls <= Limits.spliceRefusalsMax, "seed \(run.seed)")
            })
        #expect(spliced == 0)
    }

    /// No session waits for ever, and none goes on with a gap in its bytes; the oracle sees both.
    @Test(arguments: [10, 100]) func splicesThatMoveNothing(percent: Int) throws {
        var failed = 0
        try simulate(
            clients: 6, .init(emptySplicePercent: percent, stallPercent: 60, roomMax: 1500, plannedMax: 6000),
            also: { failed += $0.kernel.output.occurrences(of: "reason=reset") })
        #expect(failed > 0)
    }

    @Test func aKernelThatSplicesNoMore() throws {
        try simulate(.init(refusedSplicePercent: 10, resetPercent: 10, plannedMax: 10_000))
    }

    /// The first bytes may go with the SYN, to several backends one after the other, and count once.
    @Test func fastOpen() throws {
        var latency = Configuration.Latency.sleeping
        latency.fastOpen = true
        var sent = 0
        try simulate(
            .init(refusedPercent: 30, spuriousPercent: 20, resetPercent: 10, closePercent: 10), latency: latency,
            also: { sent += $0.kernel.sentWithSYN })
        #expect(sent > 1000)
    }

    /// Several polls for one wait.
    @Test func loopsThatLookOn() throws {
        var latency = Configuration.Latency.sleeping
        latency.busyPoll = .atMost(.microseconds(1))
        try simulate(
            .init(refusedPercent: 30, interruptedPercent: 20, fullBatchPercent: 20, resetPercent: 10), latency: latency)
    }

    /// Backends end, reset or refuse connections that nobody uses yet. One of them may be handed to a client at that
    /// moment, as any backend may leave a client; nothing may be lost or mixed up.
    @Test func warmConnections() throws {
        var latency = Configuration.Latency.sleeping
        latency.warmConnections = 3
        try simulate(
            .init(
                descriptorsMax: 40, refusedPercent: 20, silentPercent: 10, spuriousPercent: 20, resetPercent: 20,
                closePercent: 10), latency: latency)
    }

    @Test func fastOpenBesideWarmConnections() throws {
        var latency = Configuration.Latency.sleeping
        latency.fastOpen = true
        latency.warmConnections = 1
        try simulate(.init(refusedPercent: 40, spuriousPercent: 20, closePercent: 10), latency: latency)
    }

    @Test(arguments: [1, 40]) func warmConnectionsWhileDraining(turn: Int) throws {
        var latency = Configuration.Latency.sleeping
        latency.warmConnections = 3
        try simulate(.init(neverEndsPercent: 20), drainAfter: turn, latency: latency)
    }

    @Test func resets() throws {
        try simulate(.init(resetPercent: 40))
    }

    @Test func backendsThatSpeakAndReset() throws {
        try simulate(.init(resetPercent: 80, clientsAreFriendly: true, stallPercent: 0))
    }

    @Test func clientsAndBackendsThatCloseWithoutReading() throws {
        try simulate(.init(closePercent: 40))
    }

    @Test func backendsThatRefuseAndBackendsThatAreSilent() throws {
        try simulate(.init(refusedPercent: 30, silentPercent: 20))
    }

    @Test func allBackendsRefuse() throws {
        try simulate(
            .init(refusedPercent: 100),
            also: { run in
                #expect(run.kernel.clients.allSatisfy { $0.host.received.isEmpty }, "seed \(run.seed)")
            })
    }

    @Test func portsRunOut() throws {
        // It tells of this machine: no backend is held responsible.
        try simulate(
            .init(failedConnectPercent: 50),
            also: { run in
                #expect(!run.kernel.output.contains("Server is bad"), "seed \(run.seed)")
            })
    }

    @Test func acceptsThatFail() throws {
        try simulate(
            .init(abortedAcceptPercent: 50),
            also: { run in
                #expect(run.kernel.output.occurrences(of: "reason=finished") == 12, "seed \(run.seed)")
            })
    }

    /// With 6 there is room for a single session, and for none while the probes hold their descriptors.
    @Test(arguments: [6, 7, 13]) func descriptorsRunOut(descriptors: Int) throws {
        var exhaustions = 0
        // Silent backends keep the probes' descriptors, while time stands still and clients come.
        try simulate(
            .init(descriptorsMax: descriptors, silentPercent: 75), also: { exhaustions += $0.kernel.exhaustions })
        #expect(exhaustions > 0)
    }

    /// No session is there whose end could wake the listener: only time can bring it back.
    @Test func acceptsWithoutMemory() throws {
        try simulate(
            .init(acceptsWithoutMemory: 3),
            also: { run in
                #expect(run.kernel.output.occurrences(of: "reason=finished") == 12, "seed \(run.seed)")
            })
    }

    @Test func hostsThatNeverEnd() throws {
        var idle = 0
        try simulate(.init(neverEndsPercent: 30), also: { idle += $0.kernel.output.occurrences(of: "reason=idle") })
        #expect(idle > 0)
    }

    /// Sessions of which one side has ended are waited for shorter, and none grows old: ``LoopWatch`` says when they may
    /// end.
    @Test func sessionsThatEndByTime() throws {
        var ended: [String: Int] = [:]
        for ageMax in [nil, Duration.seconds(10)] {
            try simulate(
                .init(resetPercent: 10, neverEndsPercent: 40, neverReadsPercent: 10),
                timeouts: .init(idle: .seconds(20), halfClosed: .seconds(5), sessionAgeMax: ageMax),
                also: { run in
                    for reason in ["idle", "half-closed", "session-age"] {
                        ended[reason, default: 0] += run.kernel.output.occurrences(of: "reason=\(reason)")
                    }
                })
        }
        #expect(ended.count == 3 && ended.values.allSatisfy { $0 > 0 }, "\(ended)")
    }

    @Test func hostsThatNeverReadBesideHostsThatReset() throws {
        try simulate(.init(resetPercent: 40, neverEndsPercent: 10, neverReadsPercent: 30, roomMax: 60))
    }

    @Test(arguments: [1, 20, 60]) func draining(turn: Int) throws {
        var (cut, finished) = (0, 0)
        try simulate(
            .init(neverEndsPercent: 20), drainAfter: turn,
            also: { run in
                cut += run.kernel.output.occurrences(of: "reason=cut")
                finished += run.kernel.output.occurrences(of: "reason=finished")
            })
        #expect(turn == 1 || cut > 0 && finished > 0)
    }

    @Test func fewerSessionsThanClients() throws {
        try simulate(
            .init(), adjust: { $0.sessionsMax = 2 },
            also: { run in
                #expect(run.kernel.output.occurrences(of: "reason=finished") == 12, "seed \(run.seed)")
            })
    }

    @Test func noMemoryForSlowReaders() throws {
        try simulate(
            .init(resetPercent: 10, closePercent: 10, stallPercent: 60, roomMax: 60), adjust: { $0.blocksMax = 1 })
    }

    @Test func noMemoryForSlowReadersAtAll() throws {
        try simulate(.init(resetPercent: 20, stallPercent: 60, roomMax: 60), adjust: { $0.blocksMax = 0 })
    }

    @Test func smallestChunk() throws {
        try simulate(.init(resetPercent: 20, roomMax: 40, plannedMax: 200), adjust: { $0.chunkBytes = 1 })
    }

    // MARK: the end of a loop

    /// The first SIGTERM drains, the second stops, and nothing that comes later in the batch reaches a listener or a
    /// session. Every fourth run gets both at a time, in the middle of its clients.
    @Test(arguments: [3, 20, 60]) func signalsInTheMiddleOfABatch(turn: Int) throws {
        var cut = 0
        try simulate(
            .init(spuriousPercent: 30, neverEndsPercent: 20), drainAfter: turn, isSignalled: true,
            also: { cut += $0.kernel.output.occurrences(of: "reason=cut") })
        #expect(cut > 0)
    }

    /// An embedder may drop a loop at any moment, without a stop.
    @Test(arguments: [nil, 30]) func aLoopMayBeDroppedAfterAnyTurn(drainAfter: Int?) throws {
        var latency = Configuration.Latency.sleeping
        latency.fastOpen = true
        latency.warmConnections = 2
        var sessions = 0
        for seed in Self.seeds {
            for turns in [Int(seed % 16), Int(seed &* 37 % 150)] {
                var run = try SimulationRun(
                    seed: seed, clients: 20, pools: 2, changePercent: 20,
                    faults: .init(
                        refusedPercent: 10, silentPercent: 10, spuriousPercent: 10, resetPercent: 10, closePercent: 10,
                        neverEndsPercent: 30, neverReadsPercent: 20),
                    drainAfter: drainAfter, isSignalled: seed % 2 == 0, latency: latency)
                sessions += try run.dropLoop(after: turns)
                let numbers = run.kernel.objects.keys.sorted()
                #expect(run.kernel.openDescriptors == 0, "seed \(seed), \(turns) turns: not closed: \(numbers)")
                #expect(run.watch.violations.isEmpty, "seed \(seed), \(turns) turns")
            }
        }
        #expect(sessions > 0)
    }

    // MARK: the shares of a turn

    /// Shares that a few sessions use up.
    private static func makeScarce(_ limits: inout Limits) {
        limits.chunkBytes = 64
        limits.shares.reads = 2
        limits.shares.readsPerQuantum = 2
        limits.shares.chunks = 1
        limits.shares.bulkChunksAlone = 2
        limits.shares.connects = 1
        limits.shares.accepts = 1
        limits.shares.timers = 2
    }

    /// Whoever waits is served: ``ShareWatch``.
    @Test func sharesThatAreUsedUp() throws {
        var waited = [0, 0, 0, 0]
        try simulate(
            clients: 40, pools: 2, backends: 6,
            .init(refusedPercent: 30, failedConnectPercent: 30, spuriousPercent: 50, plannedMax: 1000),
            adjust: Self.makeScarce, also: { run in waited = zip(waited, run.watch.shares.turnsWaited).map(+) })
        #expect(waited.allSatisfy { $0 > Self.seeds.count }, "\(waited)")
    }

    @Test(arguments: [nil, 30]) func sharesThatAreUsedUpBesideFaults(drainAfter: Int?) throws {
        try simulate(
            clients: 24, pools: 2, backends: 4, changePercent: 5,
            .init(
                descriptorsMax: 70, refusedPercent: 30, silentPercent: 10, failedConnectPercent: 20, freezePercent: 5,
                fullBatchPercent: 20, spuriousPercent: 50, resetPercent: 20, closePercent: 10),
            drainAfter: drainAfter, adjust: Self.makeScarce)
    }

    // MARK: a process that stands still

    /// Deadlines do not pay for it, and what happened on the network meanwhile comes before them: ``LoopWatch``.
    @Test func aProcessThatStandsStill() throws {
        var stalls = 0
        try simulate(
            .init(refusedPercent: 10, freezePercent: 10, interruptedPercent: 20, fullBatchPercent: 20),
            also: { stalls += $0.watch.stalls })
        #expect(stalls > 0)
    }

    @Test func aProcessThatStandsStillBesideSilence() throws {
        var (idle, timedOut) = (0, UInt64(0))
        try simulate(
            .init(
                refusedPercent: 10, silentPercent: 30, freezePercent: 20, interruptedPercent: 10, fullBatchPercent: 10,
                resetPercent: 10, closePercent: 10, neverEndsPercent: 20, neverReadsPercent: 5),
            also: {
                idle += $0.kernel.output.occurrences(of: "reason=idle")
                timedOut += $0.watch.counts.all[.failedTimedOut] ?? 0
            })
        #expect(idle > 0 && timedOut > 0)
    }

    @Test(arguments: [1, 40]) func aProcessThatStandsStillWhileDraining(turn: Int) throws {
        var latency = Configuration.Latency.sleeping
        latency.fastOpen = true
        latency.warmConnections = 2
        try simulate(
            .init(
                descriptorsMax: 60, refusedPercent: 20, silentPercent: 10, freezePercent: 10, interruptedPercent: 30,
                fullBatchPercent: 10, spuriousPercent: 20, neverEndsPercent: 20),
            drainAfter: turn, latency: latency)
    }
}
