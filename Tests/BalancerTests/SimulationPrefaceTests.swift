import Testing

@testable import Balancer

// Clients that say who they are and what they want before their first byte, and listeners that ask for it.
extension SimulationTests {
    private static let hostile = SimulatedKernel.Faults(
        refusedPercent: 15, silentPercent: 10, failedConnectPercent: 5, abortedAcceptPercent: 10, freezePercent: 3,
        interruptedPercent: 10, fullBatchPercent: 5, resetPercent: 15, closePercent: 10,
        neverEndsPercent: 20, neverReadsPercent: 5)

    /// - Parameter share: One of so many seeds is used: to look at each client between any two turns takes its time.
    private func simulatePrefaces(
        share: Int = 2, clients: Int = 40, stopPercent: Int = 10, changePercent: Int = 0, reloadPercent: Int = 0,
        _ faults: SimulatedKernel.Faults, drainAfter: Int? = nil
    ) throws -> [EndReason: Int] {
        var ends: [EndReason: Int] = [:]
        for seed in Self.seeds.prefix(max(1, Self.seeds.count / share)) {
            var run = try SimulationRun(
                seed: seed, clients: clients, pools: 3, backends: 2, changePercent: changePercent,
                reloadPercent: reloadPercent, faults: faults, drainAfter: drainAfter,
                prefaces: PrefaceBook(seed: seed, stopPercent: stopPercent))
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

    /// Nobody who may be served starves.
    @Test func prefaces() throws {
        let ends = try simulatePrefaces(.init())
        for reason in [EndReason.finished, .denied, .clientLimit, .badHeader, .prefaceTimeout, .noRoute] {
            #expect(ends[reason] ?? 0 > 0, "\(reason): \(ends)")
        }
    }

    @Test func prefacesBesideFaults() throws {
        let ends = try simulatePrefaces(stopPercent: 20, changePercent: 5, Self.hostile)
        #expect(ends[.finished] ?? 0 > 0 && ends[.prefaceTimeout] ?? 0 > 0 && ends[.clientLimit] ?? 0 > 0, "\(ends)")
    }

    /// Events for nothing, also before the first byte.
    @Test func prefacesBesideSpuriousEvents() throws {
        let ends = try simulatePrefaces(
            stopPercent: 0,
            .init(
                refusedPercent: 20, interruptedPercent: 10, fullBatchPercent: 10, spuriousPercent: 30, resetPercent: 20)
        )
        #expect(ends[.finished] ?? 0 > 0 && ends[.noRoute] ?? 0 > 0, "\(ends)")
    }

    /// Rules change while clients are before their first byte.
    @Test(arguments: [false, true]) func prefacesBesideReloads(hasFaults: Bool) throws {
        let ends = try simulatePrefaces(
            share: 4, stopPercent: 20, reloadPercent: 8, hasFaults ? Self.hostile : .init(neverEndsPercent: 20))
        #expect(ends[.finished] ?? 0 > 0 && ends[.clientLimit] ?? 0 > 0 && ends[.denied] ?? 0 > 0, "\(ends)")
    }

    @Test(arguments: [5, 40]) func prefacesBeforeADrain(turn: Int) throws {
        let ends = try simulatePrefaces(
            stopPercent: 30, reloadPercent: 5, .init(silentPercent: 10, resetPercent: 10, neverEndsPercent: 20),
            drainAfter: turn)
        #expect(ends[.prefaceTimeout] ?? 0 > 0, "\(ends)")
    }

    @Test func aLoopWithPrefacesMayBeDroppedAfterAnyTurn() throws {
        var sessions = 0
        for seed in Self.seeds {
            for turns in [Int(seed % 16), Int(seed &* 37 % 150)] {
                var run = try SimulationRun(
                    seed: seed, clients: 30, pools: 3, backends: 2, reloadPercent: 5, faults: Self.hostile,
                    prefaces: PrefaceBook(seed: seed, stopPercent: 30))
                sessions += try run.dropLoop(after: turns)
                let numbers = run.kernel.objects.keys.sorted()
                #expect(run.kernel.openDescriptors == 0, "seed \(seed), \(turns) turns: not closed: \(numbers)")
                #expect(run.watch.violations.isEmpty, "seed \(seed), \(turns) turns: \(run.watch.violations)")
            }
        }
        #expect(sessions > 0)
    }
}
