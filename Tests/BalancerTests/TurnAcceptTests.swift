import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// How many clients a turn accepts, in which order, and what becomes of those that have left meanwhile:
/// ``Limits/acceptsPerTurn``.
@Suite struct TurnAcceptTests {
    private static let clients = 50

    /// How many clients of each listener have been accepted.
    private static func counts(_ kernel: StagedKernel) -> [Int] {
        kernel.listeners.map { listener in kernel.acceptedAt.count { $0 == listener } }
    }

    /// So many clients wait at each listener.
    private static func fill(_ kernel: StagedKernel) {
        for _ in 0..<clients { for listener in kernel.listeners { kernel.arrive(at: listener) } }
    }

    /// A storm reports each listener in each turn again (`isStorm`); otherwise they are reported once.
    @Test(arguments: [false, true]) func listenersTakeTurns(isStorm: Bool) throws {
        try TurnStage.run(listeners: 3) { kernel, stage in
            Self.fill(kernel)
            var before = Self.counts(kernel)
            var turns = 0
            while kernel.acceptedAt.count < 3 * Self.clients, turns < 200 {
                if isStorm { for listener in kernel.listeners { kernel.post(listener, CEPOLL_IN) } }
                let calls = try stage.turn()
                turns += 1
                let counts = Self.counts(kernel)
                let accepted = zip(counts, before).map { $0 - $1 }
                #expect(accepted.reduce(0, +) <= Limits.acceptsPerTurn && calls.connects.count <= Limits.acceptsPerTurn)
                // None is ahead of another by more than the share of a turn.
                let least = counts.min() ?? 0
                #expect(
                    counts.allSatisfy { $0 - least <= Limits.acceptsPerTurn || least == Self.clients }, "\(counts)")
                before = counts
            }
            #expect(before == [Self.clients, Self.clients, Self.clients])
            #expect(turns <= 3 * Self.clients / Limits.acceptsPerTurn + 2)
        }
    }

    /// Clients that come later than those of a queue have their turn after them.
    @Test func aListenerThatIsReportedLaterStandsBehind() throws {
        try TurnStage.run(listeners: 3) { kernel, stage in
            for _ in 0..<Self.clients { for listener in kernel.listeners[..<2] { kernel.arrive(at: listener) } }
            try stage.turn()
            kernel.arrive(at: kernel.listeners[2])
            #expect(Self.counts(kernel)[2] == 0)
            try stage.turn()
            try stage.turn()
            #expect(Self.counts(kernel)[2] == 1)
        }
    }

    /// A close of the listeners would reset those who wait.
    @Test func aDrainTakesAllWhoWait() throws {
        try TurnStage.run(listeners: 3) { kernel, stage in
            Self.fill(kernel)
            try stage.turn()
            stage.loop.drain()
            #expect(Self.counts(kernel) == [Self.clients, Self.clients, Self.clients])
            let waiting = stage.loop.admission.waitingCount
            #expect(kernel.listeners.allSatisfy { !kernel.descriptors.contains($0) })
            #expect(waiting <= 3)
            // Those for whom there was no connect have theirs in the next turns.
            for _ in 0..<20 { try stage.turn() }
            #expect(stage.total(.connects) == UInt64(3 * Self.clients))
            let hasMore = stage.loop.hasMoreToDo
            #expect(!hasMore)
        }
    }

    // MARK: clients that have left

    /// They came while this process stood still, and are gone: no backend is bothered.
    @Test func afterAStallNoBackendIsConnectedForThoseWhoHaveLeft() throws {
        try TurnStage.run { kernel, stage in
            kernel.onAccept = { [unowned kernel] in kernel.reset.insert($0) }
            for _ in 0..<Self.clients { kernel.arrive(at: kernel.listeners[0]) }
            stage.standStill()
            for _ in 0..<Self.clients / Limits.acceptsPerListener + 1 {
                let before = kernel.accepted.count
                try stage.turn()
                #expect(kernel.accepted.count - before <= Limits.acceptsPerTurn)
            }
            let counts = [Counter.accepted, .endedAbandoned, .connects].map { stage.total($0) }
            #expect(counts == [UInt64(Self.clients), UInt64(Self.clients), 0])
            Self.expectUnnamed(stage)
            #expect(kernel.accepted.allSatisfy { !kernel.descriptors.contains($0) })
        }
    }

    private static func expectUnnamed(_ stage: borrowing TurnStage) {
        let record = stage.loop.sessions.lastRecord
        #expect(record.reason == .abandoned && record.endedBy == .client && record.attempts == 0)
        #expect(record.backend == nil && record.target == nil && record.connected == nil)
        #expect(stage.loop.shared.roster.current().targets.allSatisfy { $0.counters[.endedAbandoned] == 0 })
    }

    /// The first two of the listener are accepted at its event and not looked at; the others have waited for a turn.
    @Test func inAQueueNoBackendIsConnectedForThoseWhoHaveLeft() throws {
        try TurnStage.run { kernel, stage in
            kernel.onAccept = { [unowned kernel] in kernel.reset.insert($0) }
            for _ in 0..<Self.clients { kernel.arrive(at: kernel.listeners[0]) }
            while kernel.accepted.count < Self.clients { try stage.turn() }
            #expect(stage.total(.connects) == UInt64(Limits.acceptsPerListener))
            #expect(stage.total(.endedAbandoned) == UInt64(Self.clients - Limits.acceptsPerListener))
            Self.expectUnnamed(stage)
        }
    }

    /// One look for each client that has waited, and none for others.
    @Test func onlyThoseWhoHaveWaitedAreLookedAt() throws {
        try TurnStage.run { kernel, stage in
            let looks = kernel.looks
            for _ in 0..<10 {
                kernel.arrive(at: kernel.listeners[0])
                try stage.turn()
            }
            #expect(kernel.accepted.count == 10 && kernel.looks == looks)
            for _ in 0..<10 { kernel.arrive(at: kernel.listeners[0]) }
            while kernel.accepted.count < 20 { try stage.turn() }
            #expect(kernel.looks - looks == 10 - Limits.acceptsPerListener)
            #expect(stage.total(.connects) == 20)
        }
    }

    /// Its request waits in the socket, and it has only ended its direction: it wants the answer.
    @Test(arguments: [false, true]) func aRequestOfAClientThatHasEndedIsServed(isReset: Bool) throws {
        try TurnStage.run { kernel, stage in
            let request: [UInt8] = [1, 2, 3]
            kernel.onAccept = { [unowned kernel] in
                kernel.input[$0] = request
                if isReset { kernel.reset.insert($0) } else { kernel.ended.insert($0) }
            }
            kernel.arrive(at: kernel.listeners[0])
            stage.standStill()
            let looks = kernel.looks
            try stage.turn()
            #expect(kernel.looks - looks == 1)
            let client = try #require(kernel.accepted.last)
            let opened = stage.loop.backendOfTheLastSession
            let backend = try #require(opened)
            kernel.post(backend, CEPOLL_OUT)
            kernel.post(client, CEPOLL_IN | CEPOLL_RDHUP | (isReset ? CEPOLL_ERR | CEPOLL_HUP : 0))
            try stage.turn()
            #expect(kernel.output[backend] == request)
        }
    }
}
