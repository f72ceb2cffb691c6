import Glibc
import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Clients that wait for a place when every backend has its most sessions.
@Suite struct QueueTests {
    private static func staged(
        backends: Int = 2, sessionsMax: Int32 = 1, queue: Configuration.Queue? = .init(max: 3, timeout: .seconds(2)),
        _ body: (StagedKernel, ManualClock, inout BalancerLoop) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        let hand = ManualClock()
        try withScriptedKernel(kernel) {
            kernel.connectAnswer = { _ in 0 }
            var loop = try BalancerLoop(
                .staged(
                    backends: backends, adjust: { $0.queue = queue },
                    backend: { .init(address: .backend($0), sessionsMax: sessionsMax) }),
                clock: .manual(hand), output: .silent)
            try body(kernel, hand, &loop)
            loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    private static func arrive(_ count: Int, _ kernel: StagedKernel, _ loop: inout BalancerLoop) throws {
        for _ in 0..<count {
            kernel.arrive(at: kernel.listeners[0])
            try loop.turn(.immediately)
        }
    }

    private static func waiting(_ loop: borrowing BalancerLoop) -> Int { loop.targets.pools[0].queue.count }

    private static func ended(_ reason: EndReason, _ loop: borrowing BalancerLoop) -> Int {
        Int(loop.journal.cells[reason.counter])
    }

    private static func phases(_ loop: borrowing BalancerLoop) -> [Session.Phase] {
        loop.sessions.slab.indexRange.filter { loop.sessions.slab.isTaken($0) }.map { loop.sessions.slab[$0].phase }
    }

    @Test func thoseWhoFindNoPlaceWaitAndTheNextIsClosed() throws {
        try Self.staged { kernel, _, loop in
            try Self.arrive(5, kernel, &loop)
            let waiting = Self.waiting(loop)
            let phases = Self.phases(loop)
            #expect(waiting == 3 && phases == [.relaying, .relaying, .waiting, .waiting, .waiting])
            try Self.arrive(2, kernel, &loop)
            let (full, count) = (Self.ended(.queueFull, loop), loop.sessions.count)
            #expect(full == 2 && count == 5)
        }
    }

    @Test func withoutAQueueTheyAreClosed() throws {
        try Self.staged(queue: nil) { kernel, _, loop in
            try Self.arrive(4, kernel, &loop)
            let full = Self.ended(.backendsFull, loop)
            #expect(full == 2)
        }
    }

    @Test func whoHasWaitedTooLongIsClosed() throws {
        try Self.staged { kernel, hand, loop in
            try Self.arrive(4, kernel, &loop)
            for _ in 0..<19 {
                hand.now = hand.now + .milliseconds(100)
                try loop.turn(.immediately)
            }
            let before = Self.ended(.queueTimeout, loop)
            for _ in 0..<2 {
                hand.now = hand.now + .milliseconds(100)
                try loop.turn(.immediately)
            }
            let (after, waiting) = (Self.ended(.queueTimeout, loop), Self.waiting(loop))
            #expect(before == 0 && after == 2 && waiting == 0)
        }
    }

    /// A limit that is raised, and a backend that comes, bring the first of those who wait.
    @Test func morePlacesBringTheFirst() throws {
        try Self.staged { kernel, _, loop in
            try Self.arrive(5, kernel, &loop)
            let id = loop.targets.roster.pools[0].targets[0].id
            _ = try loop.change(.limit(id, 2))
            try loop.turn(.immediately)
            let one = Self.phases(loop)
            #expect(one == [.relaying, .relaying, .relaying, .waiting, .waiting])
            _ = try loop.change(.add(.init(address: .backend(7)), to: loop.targets.pools[0].id))
            try loop.turn(.immediately)
            try loop.turn(.immediately)
            let all = Self.phases(loop)
            #expect(all.allSatisfy { $0 == .relaying })
        }
    }

    // MARK: the limit of the pool

    private static func pooled(
        sessionsMax: Int32, queue: Configuration.Queue?,
        _ body: (StagedKernel, ManualClock, inout BalancerLoop) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        let hand = ManualClock()
        try withScriptedKernel(kernel) {
            kernel.connectAnswer = { _ in 0 }
            let configuration = try Configuration.staged(
                backends: 2,
                adjust: {
                    $0.queue = queue
                    $0.sessionsMax = sessionsMax
                })
            var loop = try BalancerLoop(configuration, clock: .manual(hand), output: .silent)
            try body(kernel, hand, &loop)
            loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    @Test func aPoolHasNoMoreSessionsThanItMay() throws {
        try Self.pooled(sessionsMax: 3, queue: .init(max: 1)) { kernel, _, loop in
            try Self.arrive(6, kernel, &loop)
            let (waiting, load) = (Self.waiting(loop), loop.targets.pools[0].shared.load.count)
            let (full, phases) = (Self.ended(.queueFull, loop), Self.phases(loop))
            #expect(waiting == 1 && load == 3 && full == 2)
            #expect(phases == [.relaying, .relaying, .relaying, .waiting])
            // One leaves: who waits has its place.
            try loop.finish(kernel.accepted[0], kernel)
            let after = Self.phases(loop)
            let (loadAfter, waitingAfter) = (loop.targets.pools[0].shared.load.count, Self.waiting(loop))
            #expect(after == [.relaying, .relaying, .relaying] && loadAfter == 3 && waitingAfter == 0)
        }
    }

    @Test func withoutAQueueClientsBeyondThePoolsLimitAreClosed() throws {
        try Self.pooled(sessionsMax: 2, queue: nil) { kernel, _, loop in
            try Self.arrive(3, kernel, &loop)
            let (full, count) = (Self.ended(.backendsFull, loop), loop.sessions.count)
            #expect(full == 1 && count == 2)
        }
    }

    /// A limit that comes while there are sessions counts them; one that goes lets those in who wait.
    @Test func limitsThatComeAndGoWithAReload() throws {
        try Self.pooled(sessionsMax: 2, queue: .init()) { kernel, _, loop in
            try Self.arrive(4, kernel, &loop)
            let first = Self.phases(loop)
            #expect(first == [.relaying, .relaying, .waiting, .waiting])
            var pools = loop.configuration.pools
            pools[0].sessionsMax = nil
            _ = try loop.reload(loop.configuration.with(pools))
            try loop.turn(.immediately)
            try loop.turn(.immediately)
            let (second, load) = (Self.phases(loop), loop.targets.pools[0].shared.load.count)
            #expect(second.allSatisfy { $0 == .relaying } && load == 0)
            pools[0].sessionsMax = 3
            _ = try loop.reload(loop.configuration.with(pools))
            try loop.turn(.immediately)
            let counted = loop.targets.pools[0].shared.load.count
            try Self.arrive(1, kernel, &loop)
            let third = Self.phases(loop)
            #expect(counted == 4 && third.last == .waiting)
        }
    }
}
