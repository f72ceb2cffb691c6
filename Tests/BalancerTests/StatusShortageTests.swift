import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// The status socket while the process has no descriptor left.
@Suite struct StatusShortageTests {
    /// A loop with a status socket.
    private static func staged(
        _ name: String, _ body: (StagedKernel, inout BalancerLoop, ManualClock, CInt) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        let path = "/tmp/balancer-tests-\(getpid())-\(name).status"
        // A scripted socket leaves no file, and the loop renames the file of its status socket.
        try withScriptedKernel(kernel) {
            let hand = ManualClock()
            kernel.onListen = { if case .unix(let path) = $0 { close(unsafe creat(path, 0o600)) } }
            kernel.connectAnswer = {
                if case .unix = $0 { return -ECONNREFUSED }
                return 0
            }
            var loop = try BalancerLoop(
                .staged(backends: 1, status: .path(path)), clock: .manual(hand), output: .silent)
            try loop.turn(.immediately)
            try body(kernel, &loop, hand, kernel.listeners[1])
            loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    private static func answers(_ kernel: StagedKernel) -> [String] {
        kernel.accepted.compactMap { kernel.output[$0] }.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func peersAreAnsweredByMeansOfTheReserve() throws {
        try Self.staged("reserve") { kernel, loop, hand, status in
            kernel.descriptorsMax = kernel.descriptors.count
            for _ in 0..<3 { kernel.arrive(at: status) }
            try loop.turn(.immediately)
            let answers = Self.answers(kernel)
            #expect(answers.count == 3)
            #expect(answers.allSatisfy { $0.hasPrefix("state=serving ") })
            #expect(kernel.descriptors.count == kernel.descriptorsMax)
            let expected = Audit(loop).descriptors
            #expect(kernel.descriptors.count == expected)
        }
    }

    /// Another thread takes the number that the reserve gives up for a moment. The listener is edge-triggered and does
    /// not report again a peer that waits already, so only a timer of the loop can lead to a second look.
    @Test func aPeerIsAnsweredOnceADescriptorIsFree() throws {
        try Self.staged("again") { kernel, loop, hand, status in
            kernel.descriptorsMax = kernel.descriptors.count
            kernel.arrive(at: status)
            // The limit stands for the other thread: it falls between the reserve's close and its accept.
            kernel.onClose = { _ in kernel.descriptorsMax -= 1 }
            try loop.turn(.immediately)
            kernel.onClose = nil
            #expect(Self.answers(kernel).isEmpty)
            let expected = Audit(loop).descriptors
            #expect(kernel.descriptors.count == expected)

            // While there is no descriptor the peer is not answered, and the loop does not spin.
            for _ in 0..<10 {
                hand.now = hand.now + .milliseconds(50)
                try loop.turn(.immediately)
                let hasMore = loop.hasMoreToDo
                #expect(!hasMore)
            }
            #expect(Self.answers(kernel).isEmpty)

            kernel.descriptorsMax += 1
            var turns = 0
            while Self.answers(kernel).isEmpty, turns < 10 {
                hand.now = hand.now + .milliseconds(50)
                try loop.turn(.immediately)
                turns += 1
            }
            #expect(Self.answers(kernel).count == 1 && turns <= 3, "\(turns) turns")
        }
    }

    /// The look that finds the queue empty arms no further timer.
    @Test func aPeerThatHasLeftIsNotWaitedFor() throws {
        try Self.staged("left") { kernel, loop, hand, status in
            kernel.descriptorsMax = kernel.descriptors.count
            kernel.arrive(at: status)
            kernel.onClose = { _ in kernel.descriptorsMax -= 1 }
            try loop.turn(.immediately)
            kernel.onClose = nil
            kernel.leave(status)
            kernel.descriptorsMax += 1
            for _ in 0..<4 {
                hand.now = hand.now + .milliseconds(50)
                try loop.turn(.immediately)
            }
            #expect(Self.answers(kernel).isEmpty)
            let deadline = loop.core.timers.nextDeadline
            let next = try #require(deadline)
            #expect(next > hand.now + .milliseconds(200))
        }
    }
}
