import Balancer
import ConfigurationFile
import Reactor
import Testing

@testable import Discovery
@testable import PoolDiscovery

/// When pools are asked for, and what of the answers is told.
@Suite struct ScheduleTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)

    private static func backends(_ last: UInt32...) -> [Configuration.Backend] {
        last.map { .init(address: .ipv4(0x0A00_0000 + $0, port: 80)) }
    }

    private static func failed(_ kind: Failure.Kind, _ reason: String = "why") -> SourceAnswer {
        .failed(Failure(kind: kind, reason: reason))
    }

    /// A schedule without chance, and its clock.
    private struct Clockwork {
        var schedule: Schedule
        var now = ScheduleTests.start

        init(_ pools: [DiscoveredPool], chance: Double = 0.5) {
            schedule = Schedule { chance }
            schedule.update(pools, now: now)
        }

        mutating func next() throws -> Schedule.Question {
            let question = schedule.next(now: now)
            return try #require(question)
        }

        /// Answers the next question; returns what is told.
        mutating func answer(_ answer: SourceAnswer) throws -> [String] {
            let question = try next()
            return schedule.finish(question, answer, now: now).map(\.line)
        }

        /// Moves on to the next question; returns how long that took.
        mutating func moveOn() throws -> Duration {
            let due = try #require(schedule.deadline(after: now))
            defer { now = due }
            return due - now
        }
    }

    @Test func theTimeToLiveIsThePauseWithinBounds() throws {
        var clock = Clockwork([try .names()])
        for (seconds, pause) in [(5, 5), (0, 1), (600, 10), (1, 1), (10, 10)] {
            _ = try clock.answer(.backends(Self.backends(1), timeToLive: .seconds(seconds)))
            #expect(clock.schedule.next(now: clock.now) == nil)
            #expect(try clock.moveOn() == .seconds(pause))
        }
        var every = Clockwork([try .names(every: .seconds(60))])
        _ = try every.answer(.backends(Self.backends(1), timeToLive: .seconds(5)))
        #expect(try every.moveOn() == .seconds(60))
    }

    @Test(arguments: [(0, 9000), (0.5, 10_000), (0.999_999_999, 11_000)])
    func pausesDiffer(chance: Double, milliseconds: Int) throws {
        var clock = Clockwork([try .names()], chance: chance)
        _ = try clock.answer(.backends(Self.backends(1), timeToLive: .seconds(600)))
        let pause = try clock.moveOn().milliseconds
        #expect(abs(pause - Double(milliseconds)) < 1)
    }

    @Test func failuresMakePausesLonger() throws {
        var clock = Clockwork([try .names(every: .seconds(5))])
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            _ = try clock.answer(Self.failed(.unanswered))
            #expect(try clock.moveOn() == .seconds(seconds))
        }
        _ = try clock.answer(.backends(Self.backends(1)))
        #expect(try clock.moveOn() == .seconds(5))
        _ = try clock.answer(Self.failed(.unanswered))
        #expect(try clock.moveOn() == .seconds(1))
        var seldom = Clockwork([try .names(every: .seconds(3600))])
        for _ in 0..<20 {
            _ = try seldom.answer(Self.failed(.unanswered))
            #expect(try seldom.moveOn() <= .seconds(3600))
        }
    }

    /// A server that says "there is nothing" is not overloaded.
    @Test func aVerdictDoesNotMakePausesLongerThanUsual() throws {
        var clock = Clockwork([try .names(every: .seconds(5))])
        for seconds in [1, 2, 4, 5, 5] {
            _ = try clock.answer(Self.failed(.nothing))
            #expect(try clock.moveOn() == .seconds(seconds))
        }
    }

    @Test func changesAreTold() throws {
        var clock = Clockwork([try .names()])
        #expect(try clock.answer(.backends(Self.backends(1, 2))) == ["db: 10.0.0.1:80, 10.0.0.2:80"])
        _ = try clock.moveOn()
        #expect(try clock.answer(.backends(Self.backends(1, 2))) == [])
        _ = try clock.moveOn()
        #expect(try clock.answer(.backends(Self.backends(2))) == ["db: 10.0.0.2:80"])
    }

    @Test func eachKindOfFailureIsToldOnce() throws {
        var clock = Clockwork([try .names()])
        _ = try clock.answer(.backends(Self.backends(1)))
        for (answer, told) in [
            (Self.failed(.unanswered, "one"), ["db! one"]), (Self.failed(.unanswered, "two"), []),
            (Self.failed(.nothing, "three"), ["db! three"]), (Self.failed(.unanswered, "four"), []),
            (.backends(Self.backends(1)), ["db: 10.0.0.1:80", "db# discovered again: 1 backend"]),
            (.backends(Self.backends(1)), []), (Self.failed(.unanswered, "five"), ["db! five"]),
        ] {
            _ = try clock.moveOn()
            #expect(try clock.answer(answer) == told)
        }
    }

    @Test func aRemarkIsToldWhenItIsNew() throws {
        var clock = Clockwork([try .names()])
        func answer(_ remarks: String...) -> SourceAnswer { .backends(Self.backends(1), remarks: remarks) }
        for (remarks, told) in [
            (answer("x"), ["db: 10.0.0.1:80", "db# x"]), (answer("x"), []), (answer("x", "y"), ["db# y"]),
            (answer(), []), (answer("x"), ["db# x"]),
        ] {
            #expect(try clock.answer(remarks) == told)
            _ = try clock.moveOn()
        }
    }

    @Test func aWakeUpAsksAtOnce() throws {
        var clock = Clockwork([try .names(every: .seconds(3600))])
        _ = try clock.answer(.backends(Self.backends(1)))
        clock.schedule.wake(now: clock.now)
        let question = try clock.next()
        #expect(question.isForced)
        // Somebody wants to know while the question is open: its answer may be old.
        clock.schedule.wake(now: clock.now)
        #expect(clock.schedule.next(now: clock.now) == nil)
        _ = clock.schedule.finish(question, .backends(Self.backends(1)), now: clock.now)
        #expect(try clock.moveOn() == Schedule.settling)
        _ = try clock.answer(.backends(Self.backends(1)))
        #expect(try clock.moveOn() == .seconds(3600))
    }

    @Test func poolsComeGoAndChange() throws {
        let other = try DiscoveredPool.service("other")
        var clock = Clockwork([try .names(), other])
        let first = try clock.next()
        let second = try clock.next()
        #expect([first.pool.name, second.pool.name] == ["db", "other"])
        // The one leaves, and the other is looked for elsewhere: neither of the answers counts.
        var moved = other
        moved.source = .services(try SoughtName("_new._tcp.example."))
        clock.schedule.update([moved], now: clock.now)
        #expect(clock.schedule.finish(first, .backends(Self.backends(1)), now: clock.now).isEmpty)
        #expect(clock.schedule.finish(second, .backends(Self.backends(1)), now: clock.now).isEmpty)
        #expect(try clock.answer(.backends(Self.backends(2))) == ["other: 10.0.0.2:80"])
        // One that stays is told anew.
        clock.schedule.update([moved], now: clock.now)
        #expect(try clock.answer(.backends(Self.backends(2))) == ["other: 10.0.0.2:80"])
        clock.schedule.update([], now: clock.now)
        #expect(clock.schedule.next(now: clock.now) == nil && clock.schedule.deadline(after: clock.now) == nil)
    }

    @Test func dueOnesWaitForAThread() throws {
        var clock = Clockwork(try (0..<10).map { try .names("p\($0)") })
        let open = (0..<Schedule.questionsMax).compactMap { _ in clock.schedule.next(now: clock.now) }
        #expect(open.map(\.pool.name) == ["p0", "p1", "p2", "p3"])
        #expect(clock.schedule.next(now: clock.now) == nil && !clock.schedule.hasQuestion(now: clock.now))
        _ = clock.schedule.finish(open[2], .backends(Self.backends(1)), now: clock.now)
        #expect(clock.schedule.next(now: clock.now)?.pool.name == "p4")
        #expect(!clock.schedule.isComplete)
    }

    /// Pools whose name servers did not answer hold three threads at the most: the others are asked by the fourth.
    @Test func failingPoolsLeaveOneThread() throws {
        var clock = Clockwork(try (0..<8).map { try .names("p\($0)", every: .seconds(1)) })
        for index in 0..<8 {
            _ = try clock.answer(index < 7 ? Self.failed(.unanswered) : .backends(Self.backends(1)))
        }
        #expect(clock.schedule.isComplete)
        clock.schedule.wake(now: clock.now)
        let open = (0..<8).compactMap { _ in clock.schedule.next(now: clock.now) }
        #expect(open.map(\.pool.name) == ["p0", "p1", "p2", "p7"])
    }

    @Test func aFileThatIsBeingWrittenIsReadALittleLater() throws {
        var clock = Clockwork([.file("/run/jobs.yaml", every: .seconds(60))])
        for _ in 0..<Schedule.waitsMax {
            let question = try clock.next()
            #expect(question.mayWait && question.isForced)
            #expect(clock.schedule.finish(question, .unsettled, now: clock.now).isEmpty)
            #expect(!clock.schedule.isComplete)
            #expect(try clock.moveOn() == Schedule.settling)
        }
        let question = try clock.next()
        #expect(!question.mayWait)
        _ = clock.schedule.finish(question, .backends(Self.backends(1)), now: clock.now)
        #expect(try clock.moveOn() == .seconds(60))
        #expect(try clock.answer(.unchanged) == [])
        clock.schedule.filesHaveChanged(now: clock.now)
        #expect(try clock.moveOn() == Schedule.settling)
    }
}
