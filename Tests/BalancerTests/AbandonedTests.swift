import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// Clients that leave before a backend is connected: whom the record and the counters name.
@Suite struct AbandonedTests {
    private static func staged(_ body: (StagedKernel, inout BalancerLoop, ManualClock) throws -> Void) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            let hand = ManualClock()
            var loop = try BalancerLoop(.staged(backends: 2), clock: .manual(hand), output: .silent)
            try loop.turn(.immediately)
            try body(kernel, &loop, hand)
            loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    /// The client's RST is reported by the next poll.
    private static func leave(_ kernel: StagedKernel) throws {
        let client = try #require(kernel.accepted.last)
        kernel.ended.insert(client)
        kernel.post(client, CEPOLL_IN | CEPOLL_ERR | CEPOLL_HUP | CEPOLL_RDHUP)
    }

    private static func abandonedAt(_ loop: borrowing BalancerLoop) -> [UInt64] {
        loop.shared.roster.current().targets.map { $0.counters[.endedAbandoned] }
    }

    /// It had reset before it was accepted, which the first poll after that reports. The time between the two turns is
    /// that of a busy loop.
    @Test func aClientThatHadLeftIsNotAbandonedAtABackend() throws {
        try Self.staged { kernel, loop, hand in
            kernel.arrive(at: kernel.listeners[0])
            try loop.turn(.immediately)
            try Self.leave(kernel)
            hand.now = hand.now + .milliseconds(3)
            try loop.turn(.immediately)
            let record = loop.sessions.lastRecord
            #expect(record.reason == .abandoned && record.backend == nil && record.target == nil)
            #expect(record.attempts == 1)
            #expect(loop.shared.total(.endedAbandoned) == 1)
            #expect(Self.abandonedAt(loop) == [0, 0])
        }
    }

    /// A client that has waited for a backend in vain is named together with it.
    @Test func aClientThatGaveUpIsAbandonedAtTheBackend() throws {
        try Self.staged { kernel, loop, hand in
            kernel.arrive(at: kernel.listeners[0])
            try loop.turn(.immediately)
            hand.now = hand.now + .milliseconds(3)
            try loop.turn(.immediately)
            try Self.leave(kernel)
            hand.now = hand.now + .milliseconds(3)
            try loop.turn(.immediately)
            let record = loop.sessions.lastRecord
            #expect(record.reason == .abandoned && record.backend == .backend(0))
            #expect(Self.abandonedAt(loop) == [1, 0])
        }
    }
}
