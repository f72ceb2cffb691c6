import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Backends at which a client's connect has failed, or has had no answer, are picked after the others.
@Suite struct SuspicionTests {
    private static func staged(_ backends: Int, _ body: (inout TargetsStage) throws -> Void) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var stage = try TargetsStage(backends: backends)
            try body(&stage)
        }
        #expect(kernel.descriptors.isEmpty)
    }

    private static func later(_ duration: Duration) -> Instant { Instant(nanoseconds: 1_000_000_000) + duration }

    @Test func aConnectThatFailsMakesOneSuspect() throws {
        try Self.staged(2) { stage in
            stage.targets.note(0, isSuspect: true)
            for _ in 0..<5 {
                let place = try stage.send()
                #expect(place == 1)
            }
            // A connect that succeeds ends it.
            stage.targets.note(0, isSuspect: false)
            let places = try [stage.send(), stage.send()]
            #expect(Set(places) == [0, 1])
        }
    }

    @Test func aConnectWithoutAnAnswerMakesOneSuspect() {
        var suspicion = Suspicion()
        #expect(!suspicion.isDue(Self.later(.seconds(100))))
        suspicion.connectBegan(Self.later(.zero))
        suspicion.connectBegan(Self.later(.milliseconds(270)))
        #expect(!suspicion.isDue(Self.later(.milliseconds(300))))
        #expect(suspicion.isDue(Self.later(.milliseconds(301))))
        suspicion.begin(1)
        #expect(!suspicion.isDue(Self.later(.seconds(2))))
    }

    /// Whoever has an answer shows that there is one.
    @Test func oneAnswerGivesTheOthersTime() {
        var suspicion = Suspicion()
        for _ in 0..<3 { suspicion.connectBegan(Self.later(.zero)) }
        suspicion.connectSucceeded(Self.later(.milliseconds(240)))
        #expect(!suspicion.isDue(Self.later(.milliseconds(510))))
        #expect(suspicion.isDue(Self.later(.milliseconds(541))))
        suspicion.connectEnded()
        suspicion.connectEnded()
        #expect(!suspicion.isDue(Self.later(.seconds(100))))
    }

    /// A client that left before says nothing of the next one's connect.
    @Test func connectsThatWereGivenUpCountNoMore() {
        var suspicion = Suspicion()
        suspicion.connectBegan(Self.later(.zero))
        suspicion.connectEnded()
        suspicion.connectBegan(Self.later(.seconds(50)))
        #expect(!suspicion.isDue(Self.later(.milliseconds(50_270))))
    }

    /// A probe that was under way when the connect failed proves nothing.
    @Test func onlyALaterProbeAnswers() {
        var suspicion = Suspicion()
        func ends(_ answered: UInt32) -> Bool { suspicion.end(answered: answered) }
        suspicion.begin(7)
        #expect(ends(6) == false && suspicion.isOn)
        #expect(ends(7) == true && !suspicion.isOn)
        suspicion.begin(8)
        suspicion.begin(9)
        #expect(ends(8) == false)
        #expect(ends(12) == true)
        // The count goes round.
        suspicion.begin(.max)
        #expect(ends(.max - 1) == false)
        #expect(ends(2) == true)
    }

    /// All loops learn of a probe that has succeeded, and of a verdict.
    @Test func aProbeEndsIt() throws {
        try Self.staged(3) { stage in
            stage.targets.note(0, isSuspect: true)
            stage.targets.note(1, isSuspect: true)
            stage.find(0) { $0.probes.answer(suspicions: 1) }
            stage.targets.adopt(&stage.core, &stage.journal)
            let areSuspect = stage.candidates.map(\.isSuspect)
            #expect(areSuspect == [false, true, false])
            stage.judge(1, isUp: false)
            stage.judge(1, isUp: true)
            let isNone = stage.candidates.allSatisfy { !$0.isSuspect }
            #expect(isNone)
        }
    }
}

/// Sessions of several loops on the same backends.
@Suite struct SharedLoadTests {
    private static func staged(
        loops: Int, adjust: @escaping (inout Configuration.Pool) -> Void = { _ in },
        _ body: (SharedRoster, inout [LoopTargets]) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            let shared = SharedRoster(try .staged(backends: 2, threads: loops, adjust: adjust))
            var all: [LoopTargets] = []
            for loop in 0..<loops { all.append(try LoopTargets(shared, loop, of: loops)) }
            try body(shared, &all)
        }
        #expect(kernel.descriptors.isEmpty)
    }

    /// A limit holds for all loops together, and every place of it can be used by any of them.
    @Test(arguments: [1, 2, 3, 7, 8]) func aLimitIsOfAllLoops(sessionsMax: Int32) throws {
        try Self.staged(loops: 3) { shared, all in
            _ = try shared.apply(.limit(TargetID(rawValue: 0), sessionsMax))
            _ = try shared.apply(.limit(TargetID(rawValue: 1), sessionsMax))
            for loop in all { loop.adopt() }
            // One loop takes all.
            for _ in 0..<2 * sessionsMax { #expect(all[0].send() != nil) }
            for loop in all { #expect(loop.send() == nil) }
            // A place that becomes free in one is another's.
            all[0].leave()
            #expect(all[2].send() != nil)
            for loop in all { #expect(loop.send() == nil) }
        }
    }

    @Test func theFewestSessionsAreThoseOfAllLoops() throws {
        let adjust: (inout Configuration.Pool) -> Void = { $0.policy = .leastConnections }
        try Self.staged(loops: 2, adjust: adjust) { _, all in
            let first = all[0].send()
            // The other loop knows of it.
            let second = all[1].send()
            #expect(first != nil && second != nil && first != second)
            all[0].leave()
            #expect(all[1].send() == first)
        }
    }

    /// A pool begins to count while sessions live, and stops again.
    @Test func countingBeginsWithTheSessionsThatThereAre() throws {
        try Self.staged(loops: 2) { shared, all in
            for loop in all { for _ in 0..<4 { _ = loop.send() } }
            _ = try shared.apply(.limit(TargetID(rawValue: 0), 5))
            for loop in all { loop.adopt() }
            #expect(all.map { $0.candidates[0].sessions } == [4, 4] || all[1].candidates[0].sessions == 4)
            var taken = 0
            for _ in 0..<8 where all[0].send(to: 0) { taken += 1 }
            #expect(taken == 1)
            _ = try shared.apply(.limit(TargetID(rawValue: 0), nil))
            for loop in all { loop.adopt() }
            for loop in all { while loop.leave() {} }
            _ = try shared.apply(.limit(TargetID(rawValue: 0), 1))
            for loop in all { loop.adopt() }
            #expect(all[1].candidates[0].sessions == 0)
        }
    }
}
