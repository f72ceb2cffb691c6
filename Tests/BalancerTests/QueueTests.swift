import CEpoll
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
        try withStagedLoop(
            try .staged(
                backends: backends, adjust: { $0.queue = queue },
                backend: { .init(address: .backend($0), sessionsMax: sessionsMax) }), body)
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
            try loop.arrive(5, kernel)
            let waiting = Self.waiting(loop)
            let phases = Self.phases(loop)
            #expect(waiting == 3 && phases == [.relaying, .relaying, .waiting, .waiting, .waiting])
            try loop.arrive(2, kernel)
            let (full, count) = (Self.ended(.queueFull, loop), loop.sessions.count)
            #expect(full == 2 && count == 5)
        }
    }

    @Test func withoutAQueueTheyAreClosed() throws {
        try Self.staged(queue: nil) { kernel, _, loop in
            try loop.arrive(4, kernel)
            let full = Self.ended(.backendsFull, loop)
            #expect(full == 2)
        }
    }

    @Test func whoHasWaitedTooLongIsClosed() throws {
        try Self.staged { kernel, hand, loop in
            try loop.arrive(4, kernel)
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
            try loop.arrive(5, kernel)
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
        try withStagedLoop(
            try .staged(
                backends: 2,
                adjust: {
                    $0.queue = queue
                    $0.sessionsMax = sessionsMax
                }), body)
    }

    @Test func aPoolHasNoMoreSessionsThanItMay() throws {
        try Self.pooled(sessionsMax: 3, queue: .init(max: 1)) { kernel, _, loop in
            try loop.arrive(6, kernel)
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
            try loop.arrive(3, kernel)
            let (full, count) = (Self.ended(.backendsFull, loop), loop.sessions.count)
            #expect(full == 1 && count == 2)
        }
    }

    /// A limit that comes while there are sessions counts them; one that goes lets those in who wait.
    @Test func limitsThatComeAndGoWithAReload() throws {
        try Self.pooled(sessionsMax: 2, queue: .init()) { kernel, _, loop in
            try loop.arrive(4, kernel)
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
            try loop.arrive(1, kernel)
            let third = Self.phases(loop)
            #expect(counted == 4 && third.last == .waiting)
        }
    }

    // MARK: who comes back, leaves or finds nobody

    /// Sends clients to the first backend, of two, and has the second refuse.
    private static func besideADeadOne(
        retries: Configuration.Retries, queue: Configuration.Queue = .init(max: 2, timeout: .seconds(2)),
        _ body: (StagedKernel, ManualClock, inout BalancerLoop) throws -> Void
    ) throws {
        try withStagedLoop(
            try .staged(
                backends: 2,
                adjust: {
                    $0.queue = queue
                    $0.retries = retries
                    $0.health.kind = .none
                }, backend: { .init(address: .backend($0), sessionsMax: 1) }),
            answer: { $0 == .backend(1) ? -ECONNREFUSED : 0 }, body)
    }

    /// A backend that has just failed others is no place while another one only lacks one.
    @Test func aQueueIsNotEmptiedIntoADeadBackend() throws {
        try Self.besideADeadOne(retries: .init(max: 1)) { kernel, _, loop in
            // The first two find out: one has the backend that lives, the other one fails.
            try loop.arrive(4, kernel)
            for _ in 0..<5 { try loop.turn(.immediately) }
            let (failed, waiting) = (Self.ended(.connectFailed, loop), Self.waiting(loop))
            #expect(failed == 1 && waiting == 2)
            // Whoever has left makes a place for the next.
            try loop.finish(kernel.accepted[0], kernel)
            let (after, left) = (Self.ended(.connectFailed, loop), Self.waiting(loop))
            #expect(after == 1 && left == 1)
        }
    }

    /// It stands at the front, whoever has come meanwhile, and its time goes on.
    @Test func whoComesBackIsNotClosedForAFullQueue() throws {
        try Self.besideADeadOne(retries: .init()) { kernel, hand, loop in
            kernel.connectAnswer = { _ in 0 }
            try loop.arrive(4, kernel)
            let before = Self.waiting(loop)
            #expect(before == 2)
            for _ in 0..<15 {
                hand.now = hand.now + .milliseconds(100)
                try loop.turn(.immediately)
            }
            // The second's backend dies with its session: who waits first tries it, and comes back.
            kernel.connectAnswer = { $0 == .backend(1) ? -ECONNREFUSED : 0 }
            try loop.finish(kernel.accepted[1], kernel)
            try loop.arrive(1, kernel)
            let (waiting, full) = (Self.waiting(loop), Self.ended(.queueFull, loop))
            #expect(waiting == 2 && full == 1)
            for _ in 0..<6 {
                hand.now = hand.now + .milliseconds(100)
                try loop.turn(.immediately)
            }
            let timedOut = Self.ended(.queueTimeout, loop)
            #expect(timedOut == 2)
        }
    }

    /// A client that has sent something before it resets the connection is gone all the same.
    @Test func whoResetsIsForgotten() throws {
        try Self.staged { kernel, _, loop in
            try loop.arrive(4, kernel)
            kernel.input[kernel.accepted[2]] = [1, 2, 3]
            kernel.post(kernel.accepted[2], CEPOLL_IN | CEPOLL_ERR | CEPOLL_HUP | CEPOLL_RDHUP)
            kernel.input[kernel.accepted[3]] = [1, 2, 3]
            kernel.ended.insert(kernel.accepted[3])
            kernel.post(kernel.accepted[3], CEPOLL_IN | CEPOLL_RDHUP)
            try loop.turn(.immediately)
            // Who has only ended its direction may wait for the answer.
            let (abandoned, waiting) = (Self.ended(.abandoned, loop), Self.waiting(loop))
            #expect(abandoned == 1 && waiting == 1)
            kernel.input.removeAll()
        }
    }

    /// One that waits does not make others wait for a backend that is not there.
    @Test func whereNoBackendIsUpNewClientsAreClosed() throws {
        try Self.staged { kernel, _, loop in
            try loop.arrive(3, kernel)
            for target in loop.targets.roster.pools[0].targets { _ = try loop.change(.weigh(target.id, 0)) }
            try loop.arrive(2, kernel)
            let (waiting, none) = (Self.waiting(loop), Self.ended(.noBackend, loop))
            #expect(waiting == 1 && none == 2)
        }
    }

    /// What the log has begun to tell ends, also when no client comes any more.
    @Test func theTroubleEndsByItself() throws {
        try Self.staged { kernel, hand, loop in
            try loop.arrive(7, kernel)
            let isCrowded = loop.targets.pools[0].troubles.isCrowded
            #expect(isCrowded)
            for _ in 0..<50 {
                hand.now = hand.now + .milliseconds(100)
                try loop.turn(.immediately)
            }
            let (isStill, waiting) = (loop.targets.pools[0].troubles.isCrowded, Self.waiting(loop))
            #expect(!isStill && waiting == 0)
        }
    }

    /// An attempt that has less time than an attempt has says nothing of the backend.
    @Test func anAttemptThatIsCutShortBlamesNobody() throws {
        let kernel = StagedKernel()
        let hand = ManualClock()
        try withScriptedKernel(kernel) {
            var loop = try BalancerLoop(
                .staged(
                    backends: 1,
                    adjust: {
                        $0.retries.timeout = .milliseconds(200)
                        $0.passive = .init()
                        $0.passive?.failures = 1
                        $0.health.kind = .none
                    }),
                clock: .manual(hand), output: .silent)
            try loop.arrive(1, kernel)
            for _ in 0..<4 {
                hand.now = hand.now + .milliseconds(100)
                try loop.turn(.immediately)
            }
            let (failed, isOn) = (Self.ended(.connectFailed, loop), loop.targets.states[0].suspicion.isOn)
            let isEjected = loop.shared.roster.current().pools[0].targets[0].isEjected
            #expect(failed == 1 && !isOn && !isEjected)
            loop.stop()
        }
    }

    /// Sessions of a backend that leaves count no more, whichever loop takes the roster over first.
    @Test(arguments: [false, true]) func aBackendThatLeavesFreesPlacesForAllLoops(waiterFirst: Bool) throws {
        try withScriptedKernel(StagedKernel()) {
            let hand = ManualClock()
            let configuration = try Configuration.staged(
                backends: 2, threads: 2,
                adjust: {
                    $0.sessionsMax = 1
                    $0.queue = .init()
                })
            let roster = SharedRoster(configuration)
            var core = try LoopCore.staged(hand)
            var journal = Journal.silent()
            var one = Targets(roster, loop: 0, of: 2, warmMax: 0, &core)
            var two = Targets(roster, loop: 1, of: 2, warmMax: 0, &core)
            let picked = one.pick(from: 0, for: PickRequest(tried: TriedTargets(), clientKey: 0), core.now)
            let place = try #require(picked)
            let isTaken = one.take(place)
            let isFull = !two.hasPlace(in: 0, besides: TriedTargets())
            #expect(isTaken && isFull)
            let waits = two.enterQueue(of: 0, token: Token(.session), hasWaited: false, &core, &journal)
            #expect(waits)
            two.roomy.removeAll()
            _ = two.takeLoopsWithRoom()
            let id = one.states[place].id
            _ = try roster.apply(.remove(id))
            if waiterFirst {
                two.adopt(&core, &journal)
                two.roomy.removeAll()
                _ = two.takeLoopsWithRoom()
                one.adopt(&core, &journal)
                let woken = one.takeLoopsWithRoom()
                #expect(woken == 1 << 1)
                two.takeOffers()
            } else {
                one.adopt(&core, &journal)
                two.adopt(&core, &journal)
            }
            let (looks, hasPlace) = (two.roomy.contains(0), two.hasPlace(in: 0, besides: TriedTargets()))
            #expect(looks && hasPlace)
        }
    }
}
