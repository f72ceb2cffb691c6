import CEpoll
import Glibc
import Reactor
import TestSupport
import Testing

private let millisecond: UInt64 = 1_000_000
private let second: UInt64 = 1_000 * millisecond

private enum Kind: UInt8, TokenKind {
    case clock
    case job
    case stream
}

private func stream(_ number: Int) -> Token { Token(Kind.stream, SlabKey(index: number, generation: 1)) }

/// What one turn did, in its order.
private struct Turn: Equatable {
    /// The tokens of each batch of events.
    var batches: [[Token]] = []
    var expired: [Token] = []
}

extension LoopCore {
    /// One turn as a loop takes it.
    fileprivate mutating func turn(
        _ timeout: Poller.Timeout = .never, onEvent: (inout LoopCore, Token) -> Void = { _, _ in }
    ) throws -> Turn {
        var turn = Turn()
        try beginTurn(timeout)
        repeat {
            var batch: [Token] = []
            for index in 0..<events.count { batch.append(events[index].token) }
            turn.batches.append(batch)
            for token in batch { onEvent(&self, token) }
        } while try looksAgain()
        while let token = popDue() { turn.expired.append(token) }
        endTurn()
        return turn
    }

    /// One turn, after which exactly these timers must have run.
    fileprivate mutating func expectExpired(
        _ tokens: [Token], at location: SourceLocation = #_sourceLocation
    ) throws {
        let turn = try turn()
        #expect(turn.expired == tokens, sourceLocation: location)
    }

    /// How long the loop sleeps at most, in nanoseconds. The wheel may want to be asked before the first deadline.
    fileprivate var plannedSleep: UInt64 { ((timers.nextDeadline ?? now) - now).wholeNanoseconds }

    /// Arms a new timer.
    fileprivate mutating func arm(_ number: Int, in nanoseconds: UInt64) -> TimerID {
        let timer = timers.add(job(number))
        timers.arm(timer, at: now.advanced(nanoseconds: nanoseconds))
        return timer
    }
}

private func job(_ number: Int) -> Token { Token(Kind.job, SlabKey(index: number, generation: 1)) }

private func withPlannedKernel(
    eventsPerTurn: Int = 4, _ body: (PlannedKernel, inout LoopCore) throws -> Void
) throws {
    let kernel = PlannedKernel()
    try withScriptedKernel(kernel) {
        var core = try LoopCore(
            clock: .monotonic, timers: 2, ready: 2, eventsPerTurn: eventsPerTurn, clockToken: Token(Kind.clock))
        try body(kernel, &core)
    }
}

@Suite struct LoopCoreTests {
    // MARK: events win over timers

    @Test func aTimerRunsAfterAPollThatBeganAfterItsDeadline() throws {
        try withPlannedKernel { kernel, core in
            _ = core.arm(1, in: 10 * millisecond)
            core.endTurn()
            kernel.waits = [
                .init(nanoseconds: 10 * millisecond, tokens: [Token(Kind.clock)]),
                .init(tokens: [stream(1)]),
            ]
            let turn = try core.turn()
            #expect(turn == Turn(batches: [[Token(Kind.clock)], [stream(1)]], expired: [job(1)]))
            #expect(kernel.timeouts == [-1, 0])
        }
    }

    @Test func anEventOfTheSecondLookCanStillStopTheTimer() throws {
        try withPlannedKernel { kernel, core in
            let timer = core.arm(1, in: 10 * millisecond)
            core.endTurn()
            kernel.waits = [.init(nanoseconds: 10 * millisecond), .init(tokens: [stream(1)])]
            let turn = try core.turn { core, _ in core.timers.disarm(timer) }
            #expect(turn == Turn(batches: [[], [stream(1)]], expired: []))
        }
    }

    @Test func aTurnInWhichNothingIsDueLooksOnce() throws {
        try withPlannedKernel { kernel, core in
            _ = core.arm(1, in: 10 * millisecond)
            core.endTurn()
            // Full, interrupted, and just before the deadline: none of it matters without a timer to run.
            kernel.waits = [
                .init(tokens: (0..<4).map(stream)), .init(isInterrupted: true),
                .init(nanoseconds: 10 * millisecond - 1),
            ]
            for _ in 0..<3 {
                let turn = try core.turn()
                #expect(turn.batches.count == 1)
            }
            #expect(kernel.timeouts == [-1, -1, -1])
        }
    }

    @Test func anInterruptedPollIsRepeatedBeforeTimersRun() throws {
        try withPlannedKernel { kernel, core in
            let timer = core.arm(1, in: 10 * millisecond)
            core.endTurn()
            kernel.waits = [
                .init(nanoseconds: 10 * millisecond, isInterrupted: true), .init(isInterrupted: true),
                .init(isInterrupted: true), .init(tokens: [stream(1)]),
            ]
            let first = try core.turn()
            #expect(first == Turn(batches: [[], []], expired: []))
            let second = try core.turn { core, _ in core.timers.disarm(timer) }
            #expect(second == Turn(batches: [[], [stream(1)]], expired: []))
            #expect(kernel.timeouts == [-1, 0, 0, 0])
            // With the timer gone there is nothing to look for.
            let third = try core.turn()
            #expect(third == Turn(batches: [[]], expired: []))
            _ = try core.turn()
            #expect(kernel.timeouts.last == -1)
        }
    }

    @Test func aFullPollIsRepeatedBeforeTimersRun() throws {
        try withPlannedKernel(eventsPerTurn: 2) { kernel, core in
            let timer = core.arm(1, in: 10 * millisecond)
            core.endTurn()
            kernel.waits = [
                .init(nanoseconds: 10 * millisecond, tokens: [stream(1), stream(2)]),
                .init(tokens: [stream(3), stream(4)]), .init(tokens: [stream(5)]),
            ]
            let first = try core.turn()
            #expect(first == Turn(batches: [[stream(1), stream(2)], [stream(3), stream(4)]], expired: []))
            core.endTurn()
            let second = try core.turn { core, token in if token == stream(5) { core.timers.disarm(timer) } }
            #expect(second == Turn(batches: [[stream(5)], []], expired: []))
        }
    }

    @Test func timersArePutOffForSoManyTurnsAtMost() throws {
        try withPlannedKernel(eventsPerTurn: 1) { kernel, core in
            for isInterrupted in [true, false] {
                _ = core.arm(1, in: 10 * millisecond)
                core.endTurn()
                let wait = PlannedKernel.Wait(isInterrupted: isInterrupted, tokens: isInterrupted ? [] : [stream(1)])
                kernel.timeouts = []
                kernel.waits = [.init(nanoseconds: 10 * millisecond)] + Array(repeating: wait, count: 100)
                for _ in 0..<LoopCore.putOffMax {
                    try core.expectExpired([])
                    core.endTurn()
                }
                try core.expectExpired([job(1)])
                #expect(kernel.timeouts == [-1] + Array(repeating: 0, count: 2 * LoopCore.putOffMax + 1))
            }
        }
    }

    @Test func aPollThatFailsEndsTheTurn() throws {
        final class BrokenKernel: ForwardingKernel {
            var isBroken = false
            override func epollWait(
                _ epoll: CInt, _ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt
            ) -> CInt { isBroken ? -EBADF : 0 }
        }
        let kernel = BrokenKernel()
        try withScriptedKernel(kernel) {
            var core = try LoopCore(
                clock: .monotonic, timers: 1, ready: 1, eventsPerTurn: 1, clockToken: Token(Kind.clock))
            core.timers.arm(core.timers.add(job(1)), at: Instant(nanoseconds: 0))
            try core.beginTurn(.immediately)
            kernel.isBroken = true
            #expect(throws: SystemCallError.self) { _ = try core.looksAgain() }
            #expect(throws: SystemCallError.self) { try core.beginTurn(.immediately) }
        }
    }

    // MARK: the queue and the timerfd

    @Test func aLoopWithMoreToDoDoesNotWait() throws {
        try withPlannedKernel { kernel, core in
            core.ready.append(stream(1))
            _ = try core.turn(.never)
            _ = core.ready.popFirst()
            _ = try core.turn(.milliseconds(5))
            #expect(kernel.timeouts == [0, 5])
        }
    }

    @Test func theTimerIsSetOnlyWhenADeadlineMovesForward() throws {
        try withPlannedKernel { kernel, core in
            let start = kernel.nanoseconds
            core.endTurn()
            #expect(kernel.settings.isEmpty)
            let timer = core.arm(1, in: 100 * second)
            core.endTurn()
            #expect(kernel.settings.count == 1)
            core.timers.arm(timer, at: core.now + .seconds(3000))
            core.endTurn()
            core.timers.disarm(timer)
            core.endTurn()
            #expect(kernel.settings.count == 1)
            core.timers.arm(timer, at: core.now + .milliseconds(10))
            core.endTurn()
            #expect(kernel.settings.count == 2)
            #expect(kernel.settings[1] == start + 10 * millisecond)
            // Once it has expired it has to be set again, for a later deadline too.
            kernel.waits = [.init(nanoseconds: 10 * millisecond, tokens: [Token(Kind.clock)])]
            try core.expectExpired([job(1)])
            core.timers.arm(timer, at: core.now + .milliseconds(30))
            core.endTurn()
            #expect(kernel.settings.count == 3)
            #expect(kernel.settings[2] == start + 40 * millisecond)
        }
    }

    @Test func aDeadlineAtZeroIsNotTheSettingThatDisarms() throws {
        let kernel = PlannedKernel()
        kernel.nanoseconds = 0
        try withScriptedKernel(kernel) {
            var core = try LoopCore(
                clock: .monotonic, timers: 1, ready: 1, eventsPerTurn: 1, clockToken: Token(Kind.clock))
            _ = core.arm(1, in: 0)
            core.endTurn()
            #expect(kernel.settings == [1])
        }
    }

    @Test func aPollerThatRefusesTheTimerLeavesNoDescriptorBehind() throws {
        final class FullPollerKernel: ForwardingKernel {
            override func epollAdd(_ epoll: CInt, _ descriptor: CInt, interest: UInt32, data: UInt64) -> CInt {
                -ENOSPC
            }
        }
        let kernel = FullPollerKernel()
        #expect(throws: SystemCallError.self) {
            try withScriptedKernel(kernel) {
                _ = try LoopCore(
                    clock: .monotonic, timers: 1, ready: 1, eventsPerTurn: 1, clockToken: Token(Kind.clock))
            }
        }
        #expect(kernel.opened.count == 2)
        #expect(kernel.closed.sorted() == kernel.opened.sorted())
    }

    // MARK: stalls

    @Test func aStallIsNotPaidForByDeadlines() throws {
        try withPlannedKernel { kernel, core in
            _ = core.arm(1, in: 40 * millisecond)
            _ = core.arm(2, in: 60 * millisecond)
            core.endTurn()
            let before = core.now
            kernel.waits = [.init(nanoseconds: 60 * second)]
            try core.expectExpired([])
            // When it began is not known: the time until the first deadline may have been part of it.
            #expect(core.stall == 60 * second)
            #expect(core.now == before)
            // Both deadlines have moved by the same length, and the timer is set by the kernel's clock.
            #expect(kernel.settings.last == kernel.nanoseconds + 40 * millisecond)
            kernel.waits = [.init(nanoseconds: 40 * millisecond)]
            try core.expectExpired([job(1)])
            #expect(core.stall == 0)
            kernel.waits = [.init(nanoseconds: 19 * millisecond)]
            try core.expectExpired([])
            kernel.waits = [.init(nanoseconds: millisecond)]
            try core.expectExpired([job(2)])
        }
    }

    @Test func aStallIsLeftOutNoFurtherThanItMayHaveLasted() throws {
        try withPlannedKernel { kernel, core in
            _ = core.arm(1, in: 60 * second)
            core.endTurn()
            let before = core.now
            let planned = core.plannedSleep
            try #require(planned > 1 * second)
            kernel.waits = [.init(nanoseconds: planned + 1 * second)]
            try core.expectExpired([])
            // One second too late: it lasted at least that long, and began at most that much before the wake-up.
            #expect(core.stall == 2 * second)
            #expect(core.now == before.advanced(nanoseconds: planned - 1 * second))
        }
    }

    @Test func aBusyMachineIsNoStall() throws {
        try withPlannedKernel { kernel, core in
            _ = core.arm(1, in: 40 * millisecond)
            core.endTurn()
            kernel.waits = [.init(nanoseconds: 40 * millisecond + LoopCore.stallMin.wholeNanoseconds)]
            try core.expectExpired([job(1)])
            #expect(core.stall == 0)
        }
    }

    @Test func aLongWaitWithoutDeadlinesIsNoStall() throws {
        try withPlannedKernel { kernel, core in
            core.endTurn()
            let before = core.now
            kernel.waits = [.init(nanoseconds: 3600 * second)]
            _ = try core.turn()
            #expect(core.stall == 0)
            #expect(core.now == before + .seconds(3600))
        }
    }

    /// Time is given back once for a deadline. Otherwise a process that is late at every wake-up would wait for ever.
    @Test func aProcessThatIsAlwaysLateGetsToItsDeadlines() throws {
        try withPlannedKernel { kernel, core in
            _ = core.arm(1, in: 1 * second)
            core.endTurn()
            var turns = 0
            var expired: [Token] = []
            while expired.isEmpty, turns < 100 {
                kernel.waits = [.init(nanoseconds: core.plannedSleep + 300 * millisecond)]
                expired = try core.turn().expired
                turns += 1
            }
            #expect(expired == [job(1)])
            // Late and given back, then late and not, for the deadline and for each level of the wheel above it.
            #expect(turns <= 2 * 6)
        }
    }

    // MARK: at random

    /// Whatever polls, stalls, interruptions and events come: loop time never runs back and never ahead of the clock; a
    /// timer never runs early, nor after an incomplete poll unless it has been put off too often; and each runs.
    @Test(arguments: Seeds.all) func keepsItsPromisesAtRandom(seed: UInt64) throws {
        var random = Randomness(seed: seed)
        try withPlannedKernel(eventsPerTurn: 2) { kernel, core in
            let start = core.now.nanoseconds
            let startOfClock = kernel.nanoseconds
            var deadlines: [Int: UInt64] = [:]
            var last = core.now
            var putOff = 0
            for turn in 0..<2_000 {
                if random.oneIn(2), deadlines.count < 20 {
                    let delay = UInt64.random(in: 0...(3 * second), using: &random)
                    _ = core.arm(turn, in: delay)
                    deadlines[turn] = core.now.nanoseconds + delay
                    core.endTurn()
                }
                let pollsBefore = kernel.timeouts.count
                kernel.waits = Self.plan(&random, sleeping: core.plannedSleep)
                let planned = kernel.waits
                let result = try core.turn()
                let polls = kernel.timeouts.count - pollsBefore
                let isLastComplete =
                    polls > planned.count || (!planned[polls - 1].isInterrupted && planned[polls - 1].tokens.count < 2)
                let context = Comment(rawValue: "SEED=\(seed), turn \(turn)")
                try #require(core.now >= last, context)
                try #require(core.now.nanoseconds - start <= kernel.nanoseconds - startOfClock, context)
                if !result.expired.isEmpty {
                    try #require(polls == 2 && (isLastComplete || putOff >= LoopCore.putOffMax - 1), context)
                }
                for token in result.expired {
                    let deadline = try #require(deadlines.removeValue(forKey: token.index) as UInt64?, context)
                    try #require(deadline <= core.now.nanoseconds, context)
                }
                let overdue = deadlines.values.filter { $0 + millisecond <= core.now.nanoseconds }
                putOff = overdue.isEmpty ? 0 : putOff + 1
                try #require(overdue.isEmpty || !isLastComplete && putOff <= LoopCore.putOffMax, context)
                last = core.now
            }
            for _ in 0..<1000 where !deadlines.isEmpty {
                kernel.waits = [.init(nanoseconds: core.plannedSleep)]
                for token in try core.turn().expired { deadlines[token.index] = nil }
            }
            #expect(deadlines.isEmpty, "SEED=\(seed)")
        }
    }

    /// The first wait ends before, at or after the planned wake-up, at times far after it; all may be interrupted or
    /// full.
    private static func plan(_ random: inout Randomness, sleeping planned: UInt64) -> [PlannedKernel.Wait] {
        var waits: [PlannedKernel.Wait] = []
        for place in 0..<8 {
            var wait = PlannedKernel.Wait()
            if place == 0 {
                wait.nanoseconds =
                    switch random.next() % 6 {
                    case 0: UInt64.random(in: 0...planned, using: &random)
                    case 1: planned + UInt64.random(in: 0...(3 * second), using: &random)
                    case 2: 0
                    default: planned + UInt64.random(in: 0...millisecond, using: &random)
                    }
            }
            wait.isInterrupted = random.oneIn(3)
            if !wait.isInterrupted { wait.tokens = (0..<Int(random.next() % 3)).map(stream) }
            waits.append(wait)
        }
        return waits
    }

    // MARK: the real kernel

    @Test func timersFireOnTheRealClockAgainAndAgain() throws {
        let clock = Clock.monotonic
        var core = try LoopCore(clock: clock, timers: 1, ready: 1, eventsPerTurn: 4, clockToken: Token(Kind.clock))
        let timer = core.timers.add(job(1))
        // The expiry is never read: the later rounds show that the next one is an event all the same.
        for _ in 0..<3 {
            let deadline = core.now + .milliseconds(5)
            core.timers.arm(timer, at: deadline)
            core.endTurn()
            var expired: [Token] = []
            while expired.isEmpty { expired = try core.turn(.milliseconds(10_000)).expired }
            #expect(expired == [job(1)])
            #expect(core.now >= deadline && clock.now() >= deadline)
        }
    }

    @Test func whatHappenedBeforeTheDeadlineIsSeenFirst() throws {
        let hand = ManualClock()
        var core = try LoopCore(
            clock: .manual(hand), timers: 1, ready: 1, eventsPerTurn: 1, clockToken: Token(Kind.clock))
        var pair = try StreamPair()
        #expect(pair.near.add(to: core.poller, stream(1)) == nil)
        let timer = core.arm(1, in: 50 * millisecond)
        core.endTurn()
        #expect(pair.far.send("just in time") == .bytes(12))
        hand.now = hand.now + .milliseconds(51)
        // One event fits a poll. The timer's own, which has expired on the real clock, may come first.
        var seen: [Token] = []
        let turn = try core.turn(.milliseconds(10_000)) { core, token in
            seen.append(token)
            if token == stream(1) { core.timers.disarm(timer) }
        }
        #expect(seen.contains(stream(1)))
        #expect(turn.expired.isEmpty)
        pair.far = .empty
    }
}
