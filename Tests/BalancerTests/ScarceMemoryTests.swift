import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// A loop that gets no more memory serves the sessions that it has, and new ones when there is some again.
@Suite struct ScarceMemoryTests {
    /// A loop with one backend, and `count` connected sessions.
    private func staged(
        _ kernel: StagedKernel, limits: Limits, sessions count: Int,
        _ body: (inout BalancerLoop, ManualClock, _ sessions: [(client: CInt, backend: CInt)]) throws -> Void
    ) throws {
        try withScriptedKernel(kernel) {
            let hand = ManualClock()
            var loop = try BalancerLoop(
                .staged(backends: 1, limits: limits), clock: .manual(hand), output: .silent)
            var sessions: [(client: CInt, backend: CInt)] = []
            for _ in 0..<count {
                kernel.arrive(at: kernel.listeners[0])
                try loop.turn(.immediately)
                let backend = loop.backendOfTheLastSession
                sessions.append((try #require(kernel.accepted.last), try #require(backend)))
                kernel.post(sessions[sessions.count - 1].backend, CEPOLL_OUT)
                try loop.turn(.immediately)
            }
            try body(&loop, hand, sessions)
            loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    /// Blocks are made before the bytes are read that need them: without one nothing is taken out of the source.
    @Test func withoutABlockBytesStayInTheSource() throws {
        let kernel = StagedKernel()
        try staged(kernel, limits: Limits(), sessions: 2) { loop, _, sessions in
            // There is one block, which the first session takes; no other can be had.
            kernel.isOutOfMemory = true
            for (client, backend) in sessions {
                kernel.room[client] = 5
                kernel.input[backend] = Array(0..<100)
                kernel.post(backend, CEPOLL_IN | CEPOLL_OUT)
                try loop.turn(.immediately)
            }
            let taken = loop.sessions.relay.memory.blocks.taken
            #expect(taken == 1)
            #expect(kernel.input[sessions[0].backend] == [] && kernel.input[sessions[1].backend]?.count == 95)
            for (client, _) in sessions {
                kernel.room[client] = nil
                kernel.post(client, CEPOLL_OUT)
                try loop.turn(.immediately)
            }
            #expect(sessions.allSatisfy { kernel.output[$0.client] == Array(0..<100) })
        }
    }

    @Test func withoutMemoryForASessionItsClientWaits() throws {
        let kernel = StagedKernel()
        var limits = Limits(sessionsMax: 100)
        limits.sessionsReserved = 1
        try staged(kernel, limits: limits, sessions: 1) { loop, hand, _ in
            kernel.isOutOfMemory = true
            for _ in 0..<40 { kernel.arrive(at: kernel.listeners[0]) }
            try turns(3, &loop, hand)
            // As many as there was room for.
            let count = loop.sessions.count
            try turns(5, &loop, hand)
            let hasMore = loop.hasMoreToDo
            let later = loop.sessions.count
            #expect(count < 20 && later == count && kernel.accepted.count == count && !hasMore)
            kernel.isOutOfMemory = false
            try turns(30, &loop, hand)
            let served = loop.sessions.count
            #expect(served == 41 && kernel.accepted.count == 41)
        }
    }

    /// Each after a pause of the listener, and all within the time for a connect.
    private func turns(_ count: Int, _ loop: inout BalancerLoop, _ hand: ManualClock) throws {
        for _ in 0..<count {
            try loop.turn(.immediately)
            hand.now = hand.now + .milliseconds(110)
        }
    }

    @Test func aLoopThatGetsNoMemoryIsAnErrorOfTheStart() throws {
        let kernel = StagedKernel()
        withScriptedKernel(kernel) {
            kernel.isOutOfMemory = true
            let error = #expect(throws: SystemCallError.self) {
                _ = try BalancerLoop(.staged(backends: 1), clock: .manual(ManualClock()), output: .silent)
            }
            #expect(error?.errno == .outOfMemory)
        }
        #expect(kernel.descriptors.isEmpty)
    }

    @Test func theBacklogIsPassedToEveryListener() throws {
        let kernel = StagedKernel()
        var limits = Limits()
        limits.backlog = 77
        try withScriptedKernel(kernel) {
            var loop = try BalancerLoop(
                .staged(backends: 1, limits: limits), clock: .manual(ManualClock()), output: .silent)
            loop.stop()
        }
        #expect(kernel.backlogs == [77])
    }
}
