import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

private typealias Stage = TargetsStage

@Suite struct TargetsTests {
    /// Runs `body` with a scripted kernel, and checks that every descriptor was closed.
    private static func staged(_ body: (StagedKernel) throws -> Void) rethrows {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) { try body(kernel) }
        #expect(kernel.descriptors.isEmpty)
    }

    @Test func candidatesAreTheRosters() throws {
        try Self.staged { _ in
            let stage = try Stage(backends: 3)
            let all = stage.candidates
            #expect(all.map(\.id.rawValue) == [0, 1, 2])
            #expect(all.map { stage.address(Int($0.place)) } == [.backend(0), .backend(1), .backend(2)])
            #expect(all.map(\.scoreKey) == (0..<3).map { Candidate.scoreKey(of: "10.1.0.\($0):80") })
            #expect(all.allSatisfy { $0.isUp && $0.weight == 1 && $0.sessions == 0 && !$0.isSuspect })
        }
    }

    @Test func oneThatComesIsPickedInItsTurn() throws {
        try Self.staged { _ in
            var stage = try Stage(backends: 1)
            let added = try stage.change(.add(.init(address: .backend(5)), to: PoolID(rawValue: 0)))
            #expect(added == .target(Stage.id(1)))
            let first = try stage.send()
            let second = try stage.send()
            let addresses = [stage.address(first), stage.address(second)]
            #expect(addresses == [.backend(0), .backend(5)])
        }
    }

    /// The place of one that has left is kept for as long as a session is on it, and goes with the last of them.
    @Test func oneThatLeavesStaysUntilItsLastSessionHasLeft() throws {
        try Self.staged { _ in
            var stage = try Stage(backends: 2)
            let place = try stage.send()
            _ = stage.targets.take(place)
            _ = try stage.change(.remove(Stage.id(0)))
            let ids = stage.candidates.map(\.id)
            #expect(ids == [Stage.id(1)])
            // Its place is given to no other backend, and no new session is sent to it.
            _ = try stage.change(.add(.init(address: .backend(7)), to: PoolID(rawValue: 0)))
            let address = stage.address(place)
            #expect(address == .backend(0))
            for _ in 0..<4 {
                let other = try stage.send()
                #expect(other != place)
                stage.targets.drop(other)
                stage.targets.release(other)
            }
            for isHeld in [true, false] {
                stage.targets.drop(place)
                stage.targets.note(place, isSuspect: true)
                stage.targets.release(place)
                let now = stage.isHeld(place)
                #expect(now == isHeld)
            }
            let count = stage.stateCount
            #expect(count == 2)
            let areClean = stage.candidates.allSatisfy { !$0.isSuspect } && stage.sessions == [0, 0]
            #expect(areClean)
        }
    }

    @Test func oneWithoutSessionsGoesAtOnce() throws {
        try Self.staged { _ in
            var stage = try Stage(backends: 3)
            _ = try stage.change(.remove(Stage.id(1)))
            let count = stage.stateCount
            #expect(count == 2)
            var picked: [SocketAddress] = []
            for _ in 0..<4 {
                let place = try stage.send()
                picked.append(stage.address(place))
            }
            #expect(picked == [.backend(0), .backend(2), .backend(0), .backend(2)])
        }
    }

    /// Candidates are made anew when another comes or a weight changes; what is known of those that stay is kept.
    @Test func whatIsKnownSurvivesARebuild() throws {
        try Self.staged { _ in
            var stage = try Stage(backends: 3, adjust: { $0.policy = .leastConnections })
            let place = try stage.send()
            _ = stage.targets.take(place)
            stage.targets.note(place, isSuspect: true)
            _ = try stage.change(.add(.init(address: .backend(8)), to: PoolID(rawValue: 0)))
            _ = try stage.change(.weigh(Stage.id(0), 200))
            _ = try stage.change(.remove(Stage.id(1)))
            let all = stage.candidates
            #expect(all.map(\.id.rawValue) == [0, 2, 3])
            #expect(all[0].sessions == 2 && all[0].isSuspect && all[0].weight == 200 && Int(all[0].place) == place)
            #expect(all[1].sessions == 0 && !all[1].isSuspect)
            let connects = stage.count(.connects, place)
            #expect(connects == 2)
            // Positions have changed; the session of a place still counts at the right one.
            let third = Int(all[1].place)
            _ = stage.targets.take(third)
            stage.targets.drop(place)
            stage.targets.release(place)
            let sessions = stage.sessions
            #expect(sessions == [1, 1, 0])
        }
    }

    /// New sessions go to the new address; the record of one that stands still names the old.
    @Test func oneThatMovesHasTwoPlacesForAWhile() throws {
        try Self.staged { _ in
            var stage = try Stage(backends: 1)
            let old = try stage.send()
            _ = try stage.change(.move(Stage.id(0), to: .backend(4)))
            let new = try stage.send()
            let addresses = [stage.address(old), stage.address(new)]
            #expect(addresses == [.backend(0), .backend(4)])
            let sessions = stage.sessions
            #expect(sessions == [1])
            stage.targets.drop(old)
            stage.targets.release(old)
            let (isHeld, after) = (stage.isHeld(old), stage.sessions)
            #expect(!isHeld && after == [1])
            // Both places count for the same backend.
            let connects = stage.count(.connects, new)
            #expect(connects == 2)
        }
    }

    /// Weight 0 is for a backend that is about to leave: its sessions go on, and it gets no new ones.
    @Test func oneWithoutWeightIsNotPicked() throws {
        try Self.staged { _ in
            var stage = try Stage(backends: 2)
            _ = try stage.change(.weigh(Stage.id(0), 0))
            for _ in 0..<4 {
                let place = try stage.send()
                let address = stage.address(place)
                #expect(address == .backend(1))
            }
            _ = try stage.change(.weigh(Stage.id(1), 0))
            let place = stage.pick()
            #expect(place == nil)
            _ = try stage.change(.weigh(Stage.id(0), 1))
            let again = try stage.send()
            let address = stage.address(again)
            #expect(address == .backend(0))
        }
    }

    @Test func anOutageEndsWithTheFirstThatIsUp() throws {
        try Self.staged { _ in
            var stage = try Stage(backends: 2)
            for number in 0..<2 { stage.judge(number, isUp: false) }
            let place = stage.pick()
            #expect(place == nil)
            let reasons = [stage.refuse(), stage.refuse()]
            #expect(reasons == [.noBackend, .noBackend])
            stage.judge(0, isUp: false)
            let isOn = stage.targets.pools[0].troubles.isOn(.noBackend)
            #expect(isOn)
            stage.judge(1, isUp: true)
            let isStillOn = stage.targets.pools[0].troubles.isOn(.noBackend)
            #expect(!isStillOn)
            let again = try stage.send()
            let address = stage.address(again)
            #expect(address == .backend(1))
        }
    }

    /// A pool loses its last backend, and gets another.
    @Test func aPoolWithoutBackendsServesAgainWhenOneComes() throws {
        try Self.staged { _ in
            var stage = try Stage(backends: 1)
            _ = try stage.change(.remove(Stage.id(0)))
            let place = stage.pick()
            #expect(place == nil)
            _ = stage.refuse()
            _ = try stage.change(.add(.init(address: .backend(3)), to: PoolID(rawValue: 0)))
            let isOn = stage.targets.pools[0].troubles.isOn(.noBackend)
            #expect(!isOn)
            let again = try stage.send()
            let address = stage.address(again)
            #expect(address == .backend(3))
        }
    }

    // MARK: connections held ready

    /// Three backends with two connections each, after the time to make them.
    private static func warmStage(_ kernel: StagedKernel) throws -> Stage {
        var stage = try Stage(backends: 3, warm: 2)
        stage.targets.warmExpired(&stage.core)
        let before = stage.targets.warmCount
        #expect(before == 0, "none before a probe has succeeded")
        for number in 0..<3 { stage.find(number) { $0.probes.record(.succeeded) } }
        stage.targets.adopt(&stage.core, &stage.journal)
        stage.targets.warmExpired(&stage.core)
        let count = stage.targets.warmCount
        #expect(count == 6)
        return stage
    }

    /// A backend that gets no new sessions needs no connections: those held ready for it are closed, and no others.
    private static func expectClosed(
        _ numbers: [Int], _ kernel: StagedKernel, by change: (inout Stage) throws -> Void
    ) throws {
        var stage = try warmStage(kernel)
        try change(&stage)
        let expected = numbers.flatMap { kernel.sockets(to: .backend($0)) }
        let closed = kernel.closed.filter { number in kernel.connects.contains { $0.socket == number } }
        #expect(Set(closed) == Set(expected))
        let count = stage.targets.warmCount
        #expect(count == 6 - expected.count)
    }

    /// A session that is redispatched while the balancer drains takes none, and no timer makes new ones.
    @Test func nothingIsMadeReadyDuringADrain() throws {
        try Self.staged { kernel in
            var stage = try Self.warmStage(kernel)
            stage.targets.stopWarm(&stage.core)
            let place = try stage.send()
            let warm = stage.targets.takeWarm(place, &stage.core)
            let isOpen = warm.isOpen
            let due = stage.core.timers.popDue(now: stage.core.now + .seconds(3600))
            #expect(!isOpen && due == nil)
        }
    }

    @Test func whatIsHeldReadyForOneThatLeftIsClosed() throws {
        try Self.staged { try Self.expectClosed([1], $0) { _ = try $0.change(.remove(Stage.id(1))) } }
    }

    @Test func whatIsHeldReadyForAnOldAddressIsClosed() throws {
        try Self.staged { try Self.expectClosed([2], $0) { _ = try $0.change(.move(Stage.id(2), to: .backend(9))) } }
    }

    @Test func whatIsHeldReadyForOneThatIsDownIsClosed() throws {
        try Self.staged { try Self.expectClosed([0], $0) { $0.judge(0, isUp: false) } }
    }

    /// It stays up, since one failure is no verdict; more are made once a probe has succeeded.
    @Test func whatIsHeldReadyForOneWhoseProbeFailedIsClosed() throws {
        try Self.staged {
            try Self.expectClosed([0], $0) { stage in
                stage.find(0) { $0.probes.record(.failed) }
                stage.targets.adopt(&stage.core, &stage.journal)
                stage.targets.warmExpired(&stage.core)
                let counts = [stage.targets.warmCount, stage.targets.states[0].warm.count]
                #expect(counts == [4, 0])
            }
        }
    }

    /// A loop was busy while a probe failed and the next one succeeded.
    @Test func aFailureThatIsOverWhenTheLoopLearnsOfItClosesAsWell() throws {
        try Self.staged {
            try Self.expectClosed([1], $0) { stage in
                stage.find(1) { $0.probes.record(.failed) }
                stage.find(1) { $0.probes.record(.succeeded) }
                stage.targets.adopt(&stage.core, &stage.journal)
            }
        }
    }

    /// A session's connect may find out earlier than a probe.
    @Test func whatIsHeldReadyForOneThatRefusedASessionIsClosed() throws {
        try Self.staged { try Self.expectClosed([2], $0) { $0.targets.note(2, isSuspect: true) } }
    }

    @Test func whatIsHeldReadyForOneWithoutWeightIsClosed() throws {
        try Self.staged { try Self.expectClosed([0], $0) { _ = try $0.change(.weigh(Stage.id(0), 0)) } }
    }

    /// A loop takes several changes over at once when its last turn was long.
    @Test func aVerdictThatComesWithAnotherChangeClosesAsWell() throws {
        try Self.staged { kernel in
            try Self.expectClosed([0], kernel) { stage in
                _ = try? stage.shared.apply(.add(.init(address: .backend(9)), to: PoolID(rawValue: 0)))
                stage.judge(0, isUp: false)
            }
        }
    }

    /// A connection from the wrong source address must not be given to a session.
    @Test func aSourceThatComesWithAnotherChangeClosesAsWell() throws {
        try Self.staged { kernel in
            try Self.expectClosed([1], kernel) { stage in
                _ = try? stage.shared.apply(.weigh(Stage.id(2), 9))
                stage.find(1) { $0.boundSource = .ipv4(0x0A00_0005, port: 0) }
                stage.targets.adopt(&stage.core, &stage.journal)
            }
        }
    }
}
