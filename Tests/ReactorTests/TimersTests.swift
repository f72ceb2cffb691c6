import Glibc
import Reactor
import Testing

/// Counts what is asked of the timer's descriptor.
private final class CountingKernel: ForwardingKernel {
    var settings: [UInt64] = []

    override func timerSet(_ timer: CInt, nanoseconds: UInt64) -> CInt {
        settings.append(nanoseconds)
        return super.timerSet(timer, nanoseconds: nanoseconds)
    }
}

private final class FullPollerKernel: ForwardingKernel {
    override func epollAdd(_ epoll: CInt, _ descriptor: CInt, interest: UInt32, data: UInt64) -> CInt { -ENOSPC }
}

private let timerToken = Token(kind: 1, index: 0)
private let jobToken = Token(kind: 2, index: 0)

@Suite struct TimersTests {
    @Test func firesOnTheRealClockAgainAndAgain() throws {
        let poller = try Poller()
        let clock = Clock.monotonic
        var timers = try Timers(capacity: 1, now: clock.now(), poller: poller, token: timerToken)
        let job = timers.wheel.add(jobToken)
        var events = EventBuffer(capacity: 4)
        // The expiry is never read: the second round shows that the next one is an event all the same.
        for _ in 0..<3 {
            let deadline = clock.now() + .milliseconds(5)
            timers.wheel.arm(job, at: deadline)
            var fired = false
            while !fired {
                timers.prepare()
                try poller.wait(into: &events)
                try #require(events.count == 1)
                #expect(events[0].token == timerToken)
                #expect(events[0].readiness.contains(.readable))
                timers.expired()
                while let token = timers.wheel.popDue(now: clock.now()) {
                    #expect(token == jobToken)
                    #expect(clock.now() >= deadline)
                    fired = true
                }
            }
        }
    }

    @Test func onlyAnEarlierDeadlineCostsACall() throws {
        let kernel = CountingKernel()
        try withScriptedKernel(kernel) {
            let poller = try Poller()
            let start = Clock.monotonic.now()
            var timers = try Timers(capacity: 2, now: start, poller: poller, token: timerToken)
            timers.prepare()
            #expect(kernel.settings.isEmpty)

            let job = timers.wheel.add(jobToken)
            timers.wheel.arm(job, at: start + .seconds(1000))
            timers.prepare()
            #expect(kernel.settings.count == 1)
            timers.prepare()
            #expect(kernel.settings.count == 1)

            timers.wheel.arm(job, at: start + .seconds(3000))
            timers.prepare()
            #expect(kernel.settings.count == 1)

            timers.wheel.disarm(job)
            timers.prepare()
            #expect(kernel.settings.count == 1)

            timers.wheel.arm(job, at: start + .seconds(10))
            timers.prepare()
            #expect(kernel.settings.count == 2)
            #expect(kernel.settings[1] < kernel.settings[0])

            // After an expiry the descriptor is no longer set.
            timers.expired()
            timers.prepare()
            #expect(kernel.settings.count == 3)
        }
    }

    @Test func aDeadlineAtZeroIsNotTheSettingThatDisarms() throws {
        let kernel = CountingKernel()
        try withScriptedKernel(kernel) {
            let poller = try Poller()
            var timers = try Timers(capacity: 1, now: Instant(nanoseconds: 0), poller: poller, token: timerToken)
            let job = timers.wheel.add(jobToken)
            timers.wheel.arm(job, at: Instant(nanoseconds: 0))
            timers.prepare()
            #expect(kernel.settings == [1])
            #expect(try poller.wait(for: .readable, of: timerToken) as Bool)
        }
    }

    @Test func aPollerThatRefusesLeavesNoDescriptorBehind() throws {
        let kernel = FullPollerKernel()
        try withScriptedKernel(kernel) {
            let poller = try Poller()
            let before = kernel.opened.count - kernel.closed.count
            #expect(throws: SystemCallError.self) {
                _ = try Timers(capacity: 1, now: Instant(nanoseconds: 0), poller: poller, token: timerToken)
            }
            #expect(kernel.opened.count == 2)
            #expect(kernel.opened.count - kernel.closed.count == before)
        }
    }
}
