import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// Connections that are held ready while the network or a backend is in trouble: none of them is given to a client.
@Suite struct WarmTroubleTests {
    /// A loop that holds two connections to each backend and probes once a second.
    private static func staged(
        backends: Int, _ body: (StagedKernel, inout BalancerLoop, ManualClock) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            let hand = ManualClock()
            var loop = try BalancerLoop(
                .staged(backends: backends, warm: 2, interval: .seconds(1)), clock: .manual(hand), output: .silent)
            kernel.connectAnswer = { _ in 0 }
            for _ in 0..<4 { try loop.turn(.immediately) }
            kernel.connectAnswer = { _ in -EINPROGRESS }
            let held = loop.targets.warmCount
            #expect(held == 2 * backends)
            try body(kernel, &loop, hand)
            loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    private static func pass(_ time: Duration, _ loop: inout BalancerLoop, _ hand: ManualClock) throws {
        for _ in 0..<Int(time / .milliseconds(50)) {
            hand.now = hand.now + .milliseconds(50)
            try loop.turn(.immediately)
        }
    }

    private static func held(_ loop: borrowing BalancerLoop) -> [Int] {
        loop.targets.states.indexRange.map { loop.targets.states[$0].warm.count }
    }

    /// The client's connection is one of those that were open before, or a new one.
    private static func serve(_ kernel: StagedKernel, _ loop: inout BalancerLoop) throws -> (isNew: Bool, isUp: Bool) {
        let before = kernel.connects.count
        kernel.arrive(at: kernel.listeners[0])
        try loop.turn(.immediately)
        let rows = loop.sessionTable()
        return (kernel.connects.count > before, rows.last?.isConnected ?? false)
    }

    /// One failure is no verdict, and enough for what is held ready. It is replaced once a probe has succeeded.
    @Test func aFailedProbeClosesThemAndASuccessReplacesThem() throws {
        try Self.staged(backends: 2) { kernel, loop, hand in
            kernel.connectAnswer = { $0 == .backend(0) ? -ECONNREFUSED : 0 }
            try Self.pass(.milliseconds(1500), &loop, hand)
            let verdicts = loop.shared.roster.current().targets.map(\.isUp)
            #expect(verdicts == [true, true])
            let afterOne = Self.held(loop)
            #expect(afterOne == [0, 2])
            try Self.pass(.milliseconds(1000), &loop, hand)
            let afterTwo = Self.held(loop)
            #expect(afterTwo == [0, 2])
            kernel.connectAnswer = { _ in 0 }
            try Self.pass(.milliseconds(1500), &loop, hand)
            let after = Self.held(loop)
            #expect(after == [2, 2])
        }
    }

    /// Their SYNs were lost. The client does not wait for the repeated ones; and after a second new ones are sent.
    @Test func oneWithoutAHandshakeIsNotHandedOut() throws {
        try Self.staged(backends: 1) { kernel, loop, hand in
            let held = kernel.connects.map(\.socket).filter { kernel.descriptors.contains($0) }
            kernel.isEstablished = { !held.contains($0) }
            let served = try Self.serve(kernel, &loop)
            #expect(served.isNew)
            let count = loop.targets.warmCount
            #expect(count == 2)
            // The probes succeed, at a cadence of their own.
            kernel.connectAnswer = { _ in 0 }
            try Self.pass(.milliseconds(2500), &loop, hand)
            #expect(held.allSatisfy { !kernel.descriptors.contains($0) })
            let again = loop.targets.warmCount
            #expect(again == 2)
            let next = try Self.serve(kernel, &loop)
            #expect(!next.isNew || next.isUp)
        }
    }

    /// A server says that it closes for idleness, and closes. The client would take that for an answer.
    @Test func oneThatSpokeAndEndedIsNotHandedOut() throws {
        try Self.staged(backends: 1) { kernel, loop, hand in
            let held = kernel.connects.map(\.socket).filter { kernel.descriptors.contains($0) }
            #expect(held.count == 2)
            for socket in held {
                kernel.input[socket] = Array("HTTP/1.1 408 Request Timeout\r\n\r\n".utf8)
                kernel.ended.insert(socket)
            }
            let served = try Self.serve(kernel, &loop)
            #expect(served.isNew)
            #expect(held.allSatisfy { !kernel.descriptors.contains($0) })
        }
    }

    /// A server that speaks first and stays is served as ever: its greeting is the client's.
    @Test func oneThatSpokeAndStaysIsHandedOut() throws {
        try Self.staged(backends: 1) { kernel, loop, hand in
            let held = kernel.connects.map(\.socket).filter { kernel.descriptors.contains($0) }
            for socket in held { kernel.input[socket] = Array("220 ready\r\n".utf8) }
            let served = try Self.serve(kernel, &loop)
            #expect(!served.isNew && served.isUp)
        }
    }
}

@Suite struct ProbeHistoryTests {
    @Test func aRunOfFailuresIsCountedOnce() {
        var history = ProbeHistory()
        #expect(history.last == nil && !history.hasSucceeded)
        for outcome in [ProbeHistory.Outcome.failed, .failed, .succeeded, .succeeded, .failed] {
            history.record(outcome)
        }
        #expect(history.failureRuns == 2 && history.last == .failed && history.hasSucceeded)
    }

    /// The count goes on: a loop compares it with the one that it saw last.
    @Test func anotherAddressIsUnknown() {
        var history = ProbeHistory()
        history.record(.failed)
        history.record(.succeeded)
        history.canProbe = false
        history.forget()
        #expect(history.last == nil && !history.hasSucceeded && history.canProbe && history.failureRuns == 1)
    }
}
