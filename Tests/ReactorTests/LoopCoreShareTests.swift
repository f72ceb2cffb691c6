import CEpoll
import Glibc
import Reactor
import Testing

private let millisecond: UInt64 = 1_000_000
private let second: UInt64 = 1_000 * millisecond

private func job(_ number: Int) -> Token { Token(kind: 1, index: number, generation: 1) }
private func stream(_ number: Int) -> Token { Token(kind: 2, index: number, generation: 1) }

/// What one turn did.
private struct Turn {
    var looks = 0
    var expired: [Token] = []
}

extension LoopCore {
    /// One turn as a loop takes it.
    fileprivate mutating func turn(onEvent: (inout LoopCore, Token) -> Void = { _, _ in }) throws -> Turn {
        var turn = Turn()
        try beginTurn(.never)
        repeat {
            turn.looks += 1
            for index in 0..<events.count { onEvent(&self, events[index].token) }
        } while try looksAgain()
        while let token = popDue() { turn.expired.append(token) }
        endTurn()
        return turn
    }

    /// Arms a new timer.
    fileprivate mutating func arm(_ number: Int, in nanoseconds: UInt64) -> TimerID {
        let timer = timers.add(job(number))
        timers.arm(timer, at: now.advanced(nanoseconds: nanoseconds))
        return timer
    }
}

private func withPlannedKernel(timersPerTurn: Int, _ body: (PlannedKernel, inout LoopCore) throws -> Void) throws {
    let kernel = PlannedKernel()
    try withScriptedKernel(kernel) {
        var core = try LoopCore(
            clock: .monotonic, timers: 2, ready: 2, eventsPerTurn: 4, timersPerTurn: timersPerTurn,
            clockToken: Token(kind: 0, index: 0))
        try body(kernel, &core)
    }
}

/// Timers have a share of a turn: ``LoopCore/timersPerTurn``.
@Suite struct LoopCoreShareTests {
    /// Those that are left wait for a look at the poller, and for no more.
    @Test func theTimersOfATurnAreBounded() throws {
        try withPlannedKernel(timersPerTurn: 3) { kernel, core in
            for number in 1...8 { _ = core.arm(number, in: 10 * millisecond) }
            core.endTurn()
            kernel.waits = [.init(nanoseconds: 10 * millisecond)]
            var expired: [Token] = []
            for count in [3, 3, 2, 0] {
                kernel.timeouts = []
                let turn = try core.turn()
                #expect(turn.expired.count == count)
                expired += turn.expired
                #expect(kernel.timeouts == (count == 0 ? [-1] : expired.count == 3 ? [-1, 0] : [0, 0]))
            }
            #expect(Set(expired) == Set((1...8).map(job)))
        }
    }

    /// What the look finds overrules the timers that were left, as it does the first.
    @Test func anEventStopsATimerThatWasLeft() throws {
        try withPlannedKernel(timersPerTurn: 1) { kernel, core in
            let timers = (1...2).map { core.arm($0, in: 10 * millisecond) }
            core.endTurn()
            kernel.waits = [.init(nanoseconds: 10 * millisecond), .init(), .init(tokens: [stream(1)])]
            let first = try core.turn().expired
            try #require(first.count == 1)
            let left = first == [job(1)] ? timers[1] : timers[0]
            let turn = try core.turn { core, _ in core.timers.disarm(left) }
            #expect(turn.expired.isEmpty && turn.looks == 2)
        }
    }

    /// Timers that are armed again for the same instant, and new ones that come due, keep none of the others waiting
    /// for ever.
    @Test func noTimerStarves() throws {
        try withPlannedKernel(timersPerTurn: 2) { kernel, core in
            var again: [Token: TimerID] = [:]
            for number in 1...4 { again[job(number)] = core.arm(number, in: millisecond) }
            for number in 5...20 { _ = core.arm(number, in: UInt64(number) * millisecond) }
            core.endTurn()
            var left = Set((5...20).map(job))
            for _ in 0..<60 where !left.isEmpty {
                kernel.waits = [.init(nanoseconds: millisecond)]
                for token in try core.turn().expired {
                    left.remove(token)
                    if let timer = again[token] { core.timers.arm(timer, at: core.now) }
                }
                core.endTurn()
            }
            #expect(left.isEmpty)
        }
    }

    /// A loop that has timers left does not wait, so that time that passes meanwhile is a stall, as any other.
    @Test func aStallBetweenTheSharesIsSeen() throws {
        try withPlannedKernel(timersPerTurn: 1) { kernel, core in
            for number in 1...3 { _ = core.arm(number, in: 10 * millisecond) }
            core.endTurn()
            kernel.waits = [.init(nanoseconds: 10 * millisecond)]
            var expired = try core.turn().expired.count
            #expect(expired == 1)
            let before = core.now
            kernel.waits = [.init(nanoseconds: 60 * second)]
            expired = try core.turn().expired.count
            #expect(expired == 1 && core.stall == 60 * second && core.now == before)
            expired = try core.turn().expired.count
            #expect(expired == 1 && core.stall == 0)
        }
    }
}
