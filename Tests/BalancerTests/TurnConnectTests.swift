import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// Backends that refuse at once: a session has more attempts than a turn has connects, ``Limits/connectsPerTurn``.
@Suite struct TurnConnectTests {
    private static let backends = 100
    private static let share = Limits.connectsPerTurn

    /// All backends refuse at once, and one client has come.
    private static func staged(
        _ kernel: StagedKernel, _ stage: inout TurnStage, first: CInt = -ECONNREFUSED
    ) {
        var isFirst = true
        kernel.connectAnswer = { _ in
            defer { isFirst = false }
            return isFirst ? first : -ECONNREFUSED
        }
        kernel.arrive(at: kernel.listeners[0])
    }

    private static func expectAllTried(_ stage: borrowing TurnStage, _ kernel: StagedKernel) {
        let record = stage.loop.sessions.lastRecord
        #expect(record.reason == .connectFailed && record.attempts == backends && record.endedBy == .backend)
        #expect(record.error == .connectionRefused && record.connected == nil)
        let counts = [Counter.connects, .redispatches, .failedRefused, .endedConnectFailed, .failedTimedOut]
            .map { stage.total($0) }
        #expect(counts == [UInt64(backends), UInt64(backends - 1), UInt64(backends), 1, 0])
        #expect(Set(kernel.connects.suffix(backends).map(\.address)).count == backends)
    }

    @Test func aSessionTriesItsBackendsInSeveralTurns() throws {
        try TurnStage.run(backends: Self.backends) { kernel, stage in
            Self.staged(kernel, &stage)
            var attempts: [Int] = []
            repeat {
                attempts.append(try stage.turn().connects.count)
            } while stage.loop.hasMoreToDo && attempts.count < 99
            let whole = Self.backends / Self.share
            #expect(attempts == Array(repeating: Self.share, count: whole) + [Self.backends % Self.share])
            Self.expectAllTried(stage, kernel)
        }
    }

    /// The share of a turn is that of all sessions, and they have it in turns: nobody waits until another has tried all.
    @Test func sessionsTakeTurns() throws {
        try TurnStage.run(backends: Self.backends) { kernel, stage in
            for _ in 0..<3 { Self.staged(kernel, &stage) }
            for _ in 1...12 {
                let calls = try stage.turn()
                #expect(calls.connects.count == Self.share)
                let rows = stage.loop.sessions.slab.indexRange
                var attempts: [Int] = []
                for row in rows { attempts.append(Int(stage.loop.sessions.slab[row].attempts)) }
                // The first had its share before the others stood in the queue.
                let (least, most) = (attempts.min() ?? 0, attempts.max() ?? 0)
                #expect(most - least <= 2 * Self.share, "\(attempts)")
            }
        }
    }

    /// Those who wait get on while new clients come.
    @Test func newClientsDoNotPassThoseWhoWait() throws {
        try TurnStage.run(backends: Self.backends) { kernel, stage in
            Self.staged(kernel, &stage)
            try stage.turn()
            var turns = 1
            while stage.total(.endedConnectFailed) == 0, turns < 400 {
                if turns < 4 { for _ in 0..<4 { kernel.arrive(at: kernel.listeners[0]) } }
                let calls = try stage.turn()
                #expect(calls.connects.count <= Self.share)
                turns += 1
            }
            // The first is through when each of the others has had no more turns than it.
            let count = stage.loop.sessions.count
            #expect(turns <= (Self.backends / Self.share + 1) * (count + 1), "\(turns) turns, \(count) sessions")
            let record = stage.loop.sessions.lastRecord
            #expect(record.attempts == Self.backends)
            let first = kernel.accepted.first.map { kernel.descriptors.contains($0) }
            #expect(first == false)
        }
    }

    /// The connects of a turn are for those who wait, as long as they need them.
    @Test func clientsOfATurnWaitBehindThoseOfTheLast() throws {
        try TurnStage.run(backends: Self.backends) { kernel, stage in
            Self.staged(kernel, &stage)
            try stage.turn()
            for _ in 0..<2 { kernel.arrive(at: kernel.listeners[0]) }
            try stage.turn()
            let rows = stage.loop.sessions.slab.indexRange
            var attempts: [Int] = []
            for row in rows { attempts.append(Int(stage.loop.sessions.slab[row].attempts)) }
            #expect(attempts == [2 * Self.share, 0, 0])
        }
    }

    // MARK: what happens to a session that waits for its next connect

    @Test func aClientLeavesMeanwhile() throws {
        try TurnStage.run(backends: Self.backends) { kernel, stage in
            Self.staged(kernel, &stage)
            try stage.turn()
            stage.reset(try #require(kernel.accepted.last))
            try stage.turn()
            let record = stage.loop.sessions.lastRecord
            #expect(record.reason == .abandoned && record.endedBy == .client && record.attempts == 2 * Self.share)
            #expect(stage.total(.endedAbandoned) == 1 && stage.total(.connects) == UInt64(2 * Self.share))
            // Its place is another's now, whose connect is in progress: what is left in the queue does nothing.
            kernel.connectAnswer = { _ in -EINPROGRESS }
            kernel.arrive(at: kernel.listeners[0])
            var connects = 0
            for _ in 0..<4 { connects += try stage.turn().connects.count }
            #expect(connects == 1)
            let (count, attempts) = (stage.loop.sessions.count, stage.loop.sessions.slab[0].attempts)
            #expect(count == 1 && attempts == 1)
        }
    }

    /// The same when both stand in the queue at once.
    @Test func itsPlaceIsTakenWhileItsTokenIsInTheQueue() throws {
        try TurnStage.run(backends: Self.backends) { kernel, stage in
            Self.staged(kernel, &stage)
            try stage.turn()
            stage.reset(try #require(kernel.accepted.last))
            kernel.arrive(at: kernel.listeners[0])
            // The turn's connects are used up when the new client is accepted, so that it waits as well.
            try stage.turn()
            let (queued, count) = (stage.loop.sessions.connects.count, stage.loop.sessions.count)
            #expect(queued == 2 && count == 1)
            kernel.connectAnswer = { _ in -EINPROGRESS }
            let calls = try stage.turn()
            #expect(calls.connects.count == 1)
            let hasMore = stage.loop.hasMoreToDo
            #expect(!hasMore)
        }
    }

    @Test func aStopMeanwhile() throws {
        try TurnStage.run(backends: Self.backends) { kernel, stage in
            Self.staged(kernel, &stage)
            try stage.turn()
            stage.loop.stop()
            let record = stage.loop.sessions.lastRecord
            #expect(record.reason == .cut && record.attempts == Self.share && record.bytesUp == 0)
            #expect(stage.total(.endedCut) == 1)
            let client = try #require(kernel.accepted.last)
            #expect(!kernel.descriptors.contains(client))
        }
    }

    /// A drain waits for it.
    @Test func aDrainMeanwhile() throws {
        try TurnStage.run(backends: Self.backends) { kernel, stage in
            Self.staged(kernel, &stage)
            try stage.turn()
            stage.loop.drain()
            var turns = 1
            while stage.loop.isRunning, turns < 99 {
                #expect(try stage.turn().connects.count <= Self.share)
                turns += 1
            }
            #expect(turns == Self.backends / Self.share + 1)
            Self.expectAllTried(stage, kernel)
        }
    }

    /// The timeout is that of an attempt, and none is under way.
    @Test func theConnectTimeoutMeanwhile() throws {
        try TurnStage.run(backends: Self.backends, adjust: { $0.timeouts.connect = .milliseconds(100) }) {
            kernel, stage in
            Self.staged(kernel, &stage, first: -EINPROGRESS)
            try stage.turn()
            let backend = try #require(kernel.connects.last).socket
            kernel.errors[backend] = ECONNREFUSED
            kernel.post(backend, CEPOLL_IN | CEPOLL_OUT | CEPOLL_ERR | CEPOLL_HUP | CEPOLL_RDHUP)
            try stage.turn()
            let queued = stage.loop.sessions.connects.count
            #expect(queued == 1)
            // Less than a stall, more than the timeout.
            stage.hand.now = stage.hand.now + .milliseconds(150)
            for _ in 0..<2 { #expect(try stage.turn().connects.count == Self.share) }
            while stage.loop.hasMoreToDo { try stage.turn() }
            Self.expectAllTried(stage, kernel)
        }
    }
}
