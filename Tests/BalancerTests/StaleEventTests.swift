import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// Events for something that ended earlier in the same batch.
@Suite struct StaleEventTests {
    private static func staged(
        backends: Int, _ body: (StagedKernel, inout BalancerLoop) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var loop = try BalancerLoop(
                .staged(backends: backends), clock: .manual(ManualClock()), output: .silent)
            // The first probes begin.
            try loop.turn(.immediately)
            try body(kernel, &loop)
            loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    /// A client that has gone while its backend is connected: the session ends with the first event, and the others
    /// belong to no session.
    @Test func anEventOfASessionThatEndedIsCountedAndNothingElse() throws {
        try Self.staged(backends: 1) { kernel, loop in
            kernel.arrive(at: kernel.listeners[0])
            try loop.turn(.immediately)
            let client = try #require(kernel.accepted.last)
            let backend = try #require(kernel.connects.last?.socket)
            kernel.ended.insert(client)
            kernel.post(client, CEPOLL_IN | CEPOLL_HUP | CEPOLL_RDHUP)
            kernel.post(backend, CEPOLL_OUT)
            kernel.post(client, CEPOLL_OUT)
            try loop.turn(.immediately)
            let counts = [Counter.staleEvents, .endedAbandoned, .accepted].map { loop.shared.total($0) }
            #expect(counts == [2, 1, 1])
            let sessions = loop.sessions.count
            #expect(sessions == 0)
        }
    }

    /// Another session has the place of the one that ended when the event is handled: it is not changed.
    @Test func anEventForAPlaceThatAnotherHasTakenIsStale() throws {
        try Self.staged(backends: 1) { kernel, loop in
            kernel.arrive(at: kernel.listeners[0])
            try loop.turn(.immediately)
            let client = try #require(kernel.accepted.last)
            let backend = try #require(kernel.connects.last?.socket)
            kernel.ended.insert(client)
            kernel.post(client, CEPOLL_IN | CEPOLL_HUP | CEPOLL_RDHUP)
            kernel.arrive(at: kernel.listeners[0])
            kernel.errors[backend] = ECONNREFUSED
            kernel.post(backend, CEPOLL_OUT | CEPOLL_ERR | CEPOLL_HUP)
            try loop.turn(.immediately)
            let counts = [Counter.staleEvents, .endedAbandoned, .accepted, .failedRefused]
                .map { loop.shared.total($0) }
            #expect(counts == [1, 1, 2, 0])
            let rows = loop.sessionTable()
            #expect(rows.count == 1 && rows.first?.isConnected == false)
        }
    }

    /// A session was sent to a second backend: an event of the first one's socket is not taken for the second's.
    @Test func anEventOfABackendThatWasLeftIsStale() throws {
        try Self.staged(backends: 2) { kernel, loop in
            kernel.arrive(at: kernel.listeners[0])
            try loop.turn(.immediately)
            let first = try #require(kernel.connects.last?.socket)
            kernel.errors[first] = ECONNREFUSED
            kernel.post(first, CEPOLL_OUT | CEPOLL_ERR | CEPOLL_HUP)
            kernel.post(first, CEPOLL_OUT)
            try loop.turn(.immediately)
            let counts = [Counter.staleEvents, .failedRefused, .connects].map { loop.shared.total($0) }
            #expect(counts == [1, 1, 2])
            let rows = loop.sessionTable()
            #expect(rows.map(\.isConnected) == [false])
            #expect(rows.map(\.backend) == [.backend(1)])
        }
    }
}
