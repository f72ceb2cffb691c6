import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Ejections for what clients have met, and the slow way back.
@Suite struct PassiveHealthTests {
    private static func at(_ duration: Duration) -> Instant { Instant(nanoseconds: 1_000_000_000_000) + duration }

    private static func settings(
        failures: Int = 3, within: Duration = .seconds(10), ejected: Duration = .seconds(5),
        ejectedMax: Duration = .seconds(60)
    ) -> PassiveHealth.Settings {
        var settings = PassiveHealth.Settings()
        (settings.failures, settings.within) = (failures, within)
        (settings.ejected, settings.ejectedMax) = (ejected, ejectedMax)
        return settings
    }

    @Test func soManyFailuresWithinTheWindowEject() {
        var health = PassiveHealth(Self.settings())
        func fails(_ time: Duration) -> Bool { health.fail(1, Self.at(time)) }
        #expect(fails(.seconds(0)) == false)
        #expect(fails(.seconds(5)) == false)
        // The first is too old by now.
        #expect(fails(.milliseconds(10_001)) == false)
        // These three are within 10 s.
        #expect(fails(.seconds(15)) == true)
        #expect(!health.isOut(isChecked: true))
        // It was not ejected, since the pool could not do without: the next failure asks again.
        #expect(fails(.seconds(16)) == true)
        var other = PassiveHealth(Self.settings())
        let atOnce = other.fail(3, Self.at(.zero))
        #expect(atOnce)
    }

    @Test func theTimeDoublesUpToTheLimitAndIsForgotten() {
        var health = PassiveHealth(Self.settings())
        var now = Duration.zero
        for expected in [5, 10, 20, 40, 60, 60, 60] {
            let time = health.eject(Self.at(now))
            #expect(time == .seconds(expected))
            #expect(health.isOut(isChecked: true) && health.isOut(isChecked: false))
            let isEarly = health.expire(Self.at(now + time - .milliseconds(1)))
            let isOver = health.expire(Self.at(now + time))
            #expect(!isEarly && isOver)
            // Probed ones wait for a probe, others are tried.
            #expect(health.isOut(isChecked: true) && !health.isOut(isChecked: false))
            now += time
            let ejectsAgain = health.fail(1, Self.at(now))
            #expect(ejectsAgain)
        }
        // Back, and well for as long as the longest ejection: the next one is short.
        let ended = health.succeed(Self.at(now))
        #expect(ended && !health.isOut(isChecked: true))
        let time = health.eject(Self.at(now + .seconds(60)))
        #expect(time == .seconds(5))
    }

    @Test func oneThatIsSoonEjectedAgainIsOutForLonger() {
        var health = PassiveHealth(Self.settings())
        _ = health.eject(Self.at(.zero))
        _ = health.expire(Self.at(.seconds(5)))
        _ = health.succeed(Self.at(.seconds(5)))
        let time = health.eject(Self.at(.seconds(30)))
        #expect(time == .seconds(10))
    }

    /// Without checks nobody ends a trial: the window without a failure does, and then several are needed again.
    @Test func aTrialWithoutAFailureEnds() {
        var health = PassiveHealth(Self.settings())
        _ = health.eject(Self.at(.zero))
        _ = health.expire(Self.at(.seconds(5)))
        var soon = health
        let ejectsSoon = soon.fail(1, Self.at(.seconds(14)))
        let ejectsLater = health.fail(1, Self.at(.seconds(15)))
        #expect(ejectsSoon && !ejectsLater && health.state == .trusted)
    }

    /// Reported once until it is taken, also when nobody knew the backend at that time.
    @Test func failuresAreReportedAgainAfterTheyWereTaken() {
        let (reports, counters) = (FailureReports(), TargetCounters(loops: 1))
        let id = TargetID(rawValue: 7)
        for round in 1...3 {
            for _ in 0..<round { reports.report(id, counters) }
            let taken = reports.take()
            #expect(taken.map(\.failures) == [round] && taken.first?.id == id)
            #expect(reports.take().isEmpty)
        }
    }

    @Test func nothingOverflows() {
        var health = PassiveHealth(
            Self.settings(failures: 1, ejected: .seconds(365 * 86400), ejectedMax: .seconds(365 * 86400)))
        for _ in 0..<100 {
            let time = health.eject(Self.at(.zero))
            #expect(time == .seconds(365 * 86400))
        }
    }

    @Test func settingsMayChangeMeanwhile() {
        var health = PassiveHealth(Self.settings(failures: 5))
        _ = health.fail(4, Self.at(.zero))
        health.set(Self.settings(failures: 2))
        let suffices = health.fail(1, Self.at(.seconds(1)))
        #expect(suffices)
    }

    // MARK: slow start

    @Test func theWeightGrowsEvenly() {
        let start = SlowStart(Self.at(.zero), for: .seconds(90))
        for (seconds, percent) in [(0, 10), (1, 11), (10, 20), (45, 55), (89, 99), (90, 100), (1000, 100)] {
            #expect(start.percent(Self.at(.seconds(seconds))) == Int32(percent))
        }
        #expect(start.percent(Self.at(.seconds(-5))) == 10)
        #expect(start.step == .seconds(1))
        #expect(SlowStart(Self.at(.zero), for: .milliseconds(1)).step == SlowStart.stepMin)
    }

    private static func staged(
        _ backends: Int, _ adjust: (inout Configuration.Pool) -> Void, _ body: (inout TargetsStage) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var stage = try TargetsStage(backends: backends, adjust: adjust)
            try body(&stage)
        }
        #expect(kernel.descriptors.isEmpty)
    }

    /// How many of `count` sessions, which all end, go to the backend.
    private static func share(of number: Int, _ count: Int, _ stage: inout TargetsStage) throws -> Int {
        var hits = 0
        for _ in 0..<count {
            let place = try stage.send()
            if stage.address(place) == .backend(number) { hits += 1 }
            stage.targets.drop(place)
            stage.targets.release(place)
        }
        return hits
    }

    @Test func oneThatComesBackBeginsWithATenth() throws {
        try Self.staged(2) {
            $0.slowStart = .seconds(90)
        } _: { stage in
            let before = try Self.share(of: 0, 100, &stage)
            #expect(before == 50)
            stage.judge(0, isUp: false)
            stage.find(0) { ($0.isUp, $0.comebacks) = (true, 1) }
            stage.targets.adopt(&stage.core, &stage.journal)
            let first = try Self.share(of: 0, 110, &stage)
            #expect(first == 10)
            try stage.pass(.seconds(40))
            let half = try Self.share(of: 0, 150, &stage)
            #expect(half == 50)
            try stage.pass(.seconds(50))
            let whole = try Self.share(of: 0, 100, &stage)
            let left = stage.targets.slowStarts.starts.count
            #expect(whole == 50 && left == 0)
        }
    }

    /// Those of the first configuration are all new; one that joins later is the only one.
    @Test func oneThatJoinsBeginsWithATenth() throws {
        try Self.staged(2) {
            $0.slowStart = .seconds(90)
        } _: { stage in
            stage.shared.publish([], endsFirstRound: true)
            stage.targets.adopt(&stage.core, &stage.journal)
            try stage.change(.add(.init(address: .backend(7)), to: PoolID(rawValue: 0)))
            let first = try Self.share(of: 7, 210, &stage)
            #expect(first == 10)
        }
    }

    @Test func oneThatStartsSlowlyMayLeave() throws {
        try Self.staged(3) {
            $0.slowStart = .seconds(90)
        } _: { stage in
            stage.find(0) { $0.comebacks = 1 }
            stage.find(1) { $0.comebacks = 1 }
            stage.targets.adopt(&stage.core, &stage.journal)
            try stage.change(.remove(TargetsStage.id(0)))
            try stage.change(.move(TargetsStage.id(1), to: .backend(9)))
            try stage.pass(.seconds(1))
            let share = try Self.share(of: 2, 100, &stage)
            #expect(share == 50)
        }
    }

    // MARK: ejected, panic

    @Test func anEjectedOneGetsNoClientsAndKeepsItsSessions() throws {
        try Self.staged(2) {
            $0.passive = .init()
        } _: { stage in
            stage.find(0) { $0.isEjected = true }
            stage.targets.adopt(&stage.core, &stage.journal)
            let none = try Self.share(of: 0, 20, &stage)
            let isClosing = stage.targets.states[0].closing != nil
            #expect(none == 0 && !isClosing)
        }
    }

    /// Fewer may be picked than the threshold asks for: all are, also those that are down or ejected.
    @Test func inAPanicAllAreUsed() throws {
        try Self.staged(4) {
            $0.panicThreshold = 500_000
        } _: { stage in
            for number in 0..<2 { stage.judge(number, isUp: false) }
            let some = try Self.share(of: 2, 20, &stage) + Self.share(of: 3, 20, &stage)
            #expect(some == 20)
            stage.find(2) { $0.isEjected = true }
            stage.targets.adopt(&stage.core, &stage.journal)
            let all = try (0..<4).map { try Self.share(of: $0, 20, &stage) }
            #expect(all == [5, 5, 5, 5])
            stage.judge(3, isUp: false)
            let reason = try Self.share(of: 3, 20, &stage)
            #expect(reason == 5)
            stage.judge(0, isUp: true)
            stage.judge(1, isUp: true)
            let good = try (0..<4).map { try Self.share(of: $0, 20, &stage) }
            #expect(good == [10, 10, 0, 0])
        }
    }

    @Test func withoutAThresholdThereIsNoPanic() throws {
        try Self.staged(2) { _ in
        } _: { stage in
            for number in 0..<2 { stage.judge(number, isUp: false) }
            let picked = stage.pick()
            #expect(picked == nil)
        }
    }
}
