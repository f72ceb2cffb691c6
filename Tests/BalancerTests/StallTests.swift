import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// A process that stands still (SIGSTOP, a frozen cgroup, a starved machine), by a clock that the test moves.
@Suite struct StallTests {
    private static let second: UInt64 = 1_000_000_000

    /// A loop, its kernel and its clock.
    private struct Stage: ~Copyable {
        var loop: BalancerLoop
        let kernel: StagedKernel
        let hand: ManualClock
        private let start: Instant

        init(
            _ kernel: StagedKernel, backends: Int, timeouts: Configuration.Timeouts = .init(),
            adjust: (inout Configuration.Pool) -> Void = { _ in }
        ) throws {
            let hand = ManualClock()
            var loop = try BalancerLoop(
                .staged(backends: backends, timeouts: timeouts, adjust: adjust), clock: .manual(hand), output: .silent)
            try loop.turn(.immediately)
            // The first probes succeed.
            for connect in kernel.connects { kernel.post(connect.socket, CEPOLL_OUT) }
            try loop.turn(.immediately)
            self.loop = loop
            self.kernel = kernel
            self.hand = hand
            start = hand.now
        }

        /// Seconds since the start, by the clock.
        var seconds: Double { (hand.now - start).milliseconds / 1000 }

        /// Lets time pass as it does for a loop that runs: no turn comes later than it is planned.
        mutating func pass(_ duration: Duration) throws {
            let end = hand.now + duration
            while hand.now < end {
                hand.now = min(end, hand.now + .milliseconds(50))
                try loop.turn(.immediately)
            }
        }

        /// The clock goes on and the process does not. The first turn after it is followed by one at the same instant,
        /// for which the timer descriptor is set.
        mutating func stall(_ duration: Duration) throws {
            hand.now = hand.now + duration
            try loop.turn(.immediately)
            try loop.turn(.immediately)
        }

        /// A client whose connect to a backend is under way.
        mutating func begin() throws -> (client: CInt, backend: CInt) {
            kernel.arrive(at: kernel.listeners[0])
            try loop.turn(.immediately)
            let (client, backend) = (kernel.accepted.last, kernel.connects.last?.socket)
            return (try #require(client), try #require(backend))
        }

        func total(_ counter: Counter) -> UInt64 { loop.shared.total(counter) }
    }

    private static func staged(_ body: (StagedKernel) throws -> Void) rethrows {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) { try body(kernel) }
        #expect(kernel.descriptors.isEmpty)
    }

    /// The service manager was told the drain's time, and does not wait longer because this process stood still.
    @Test func aDrainEndsAtItsTimeOverAStall() throws {
        var timeouts = Configuration.Timeouts()
        timeouts.drain = .seconds(20)
        try Self.staged { kernel in
            var stage = try Stage(kernel, backends: 1, timeouts: timeouts)
            let ends = try stage.begin()
            kernel.post(ends.backend, CEPOLL_OUT)
            try stage.pass(.seconds(1))
            stage.loop.drain()
            try stage.pass(.seconds(5))
            try stage.stall(.seconds(10))
            #expect(stage.loop.isRunning as Bool)
            try stage.stall(.seconds(10))
            #expect(!stage.loop.isRunning as Bool)
        }
    }

    @Test func anIdleSessionDoesNotPayForAStall() throws {
        try Self.staged { kernel in
            var stage = try Stage(kernel, backends: 1) { $0.timeouts.idle = .seconds(20) }
            let ends = try stage.begin()
            kernel.post(ends.backend, CEPOLL_OUT)
            try stage.pass(.seconds(10))
            try stage.stall(.seconds(100))
            let survived = stage.loop.sessions.count
            #expect(survived == 1)
            // Ten of its twenty seconds are left, less half a second's doubt about when the stall began.
            try stage.pass(.seconds(9))
            let stays = stage.loop.sessions.count
            #expect(stays == 1)
            try stage.pass(.seconds(2))
            let counts = [stage.total(.endedIdle), UInt64(stage.loop.sessions.count)]
            #expect(counts == [1, 0])
        }
    }

    @Test func aConnectDoesNotPayForAStall() throws {
        try Self.staged { kernel in
            var stage = try Stage(kernel, backends: 2) { $0.timeouts.connect = .seconds(5) }
            _ = try stage.begin()
            try stage.pass(.seconds(2))
            try stage.stall(.seconds(30))
            try stage.pass(.milliseconds(2900))
            let failures = stage.total(.failedTimedOut)
            #expect(failures == 0)
            let connects = stage.total(.connects)
            #expect(connects == 1)
            try stage.pass(.milliseconds(200))
            let counts = [stage.total(.failedTimedOut), stage.total(.connects)]
            #expect(counts == [1, 2])
        }
    }

    /// A stall in the middle of the interval, one that ends just after the time of the probe, and one over many
    /// intervals: the next probe starts before any more time has passed, once.
    @Test(arguments: [60, 200, 3600] as [Int]) func aProbeThatWasDueDuringAStallStartsAtOnce(seconds: Int) throws {
        try Self.staged { kernel in
            var stage = try Stage(kernel, backends: 3)
            try stage.pass(.seconds(30))
            let before = kernel.connects.count
            #expect(before == 3)
            try stage.stall(.seconds(seconds))
            let after = kernel.connects.count
            #expect(after == 6)
            // The next comes at its time and not before.
            for connect in kernel.connects.suffix(3) { kernel.post(connect.socket, CEPOLL_OUT) }
            try stage.pass(.seconds(25))
            let later = kernel.connects.count
            #expect(later == 6)
            try stage.pass(.seconds(40))
            let last = kernel.connects.count
            #expect(last == 9)
        }
    }

    /// A probe that was not due keeps its time by the clock of the outside world.
    @Test func aProbeKeepsItsTimeOverAShortStall() throws {
        try Self.staged { kernel in
            var stage = try Stage(kernel, backends: 1)
            try stage.pass(.seconds(10))
            try stage.stall(.seconds(20))
            try stage.pass(.seconds(29))
            #expect(kernel.connects.count == 1, "after \(stage.seconds) s")
            try stage.pass(.seconds(2))
            #expect(kernel.connects.count == 2, "after \(stage.seconds) s")
        }
    }

    /// The probe that was under way had no time to be answered: it goes on, and no second one starts beside it.
    @Test func aProbeUnderWayDoesNotPayForAStall() throws {
        try Self.staged { kernel in
            var stage = try Stage(kernel, backends: 1)
            try stage.pass(.milliseconds(60_100))
            let started = kernel.connects.count
            #expect(started == 2)
            try stage.stall(.seconds(10))
            #expect(kernel.connects.count == 2)
            let probe = kernel.connects[1].socket
            #expect(kernel.descriptors.contains(probe))
            kernel.post(probe, CEPOLL_OUT)
            try stage.pass(.milliseconds(50))
            let prospect = stage.loop.shared.roster.current().prospect
            #expect(prospect == .served && !kernel.descriptors.contains(probe))
        }
    }

    @Test func stallsAreCountedWithTheirLength() throws {
        try Self.staged { kernel in
            var stage = try Stage(kernel, backends: 1)
            try stage.pass(.seconds(3))
            let none = [stage.total(.stalls), stage.total(.stalledNanoseconds)]
            #expect(none == [0, 0])
            // Late by less than a stall's length, which a busy machine makes it.
            let planned = stage.loop.core.timers.nextDeadline
            let wakeUp = try #require(planned)
            stage.hand.now = wakeUp + LoopCore.stallMin
            try stage.loop.turn(.immediately)
            let late = stage.total(.stalls)
            #expect(late == 0)

            try stage.stall(.seconds(600))
            let stalled = stage.total(.stalledNanoseconds)
            let stalls = stage.total(.stalls)
            #expect(stalls == 1)
            // The loop had planned to sleep for less than a minute of it.
            #expect(stalled <= 600 * Self.second && stalled >= 530 * Self.second, "\(stalled) ns")
            try stage.stall(.seconds(600))
            let more = [stage.total(.stalls), stage.total(.stalledNanoseconds) / stalled]
            #expect(more == [2, 2] || more == [2, 1])
        }
    }
}
