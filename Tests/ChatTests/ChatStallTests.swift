import CEpoll
import Glibc
import Reactor
import Testing

@testable import Chat

/// A kernel whose polls are interrupted as often as a test wants, and whose accepts fail as planned.
private final class FaultyKernel: ForwardingKernel {
    var interruptions = 0
    var acceptFailures: [CInt] = []
    private(set) var waits: [CInt] = []

    override func epollWait(
        _ epoll: CInt, _ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt
    ) -> CInt {
        waits.append(milliseconds)
        if interruptions > 0 {
            interruptions -= 1
            return -EINTR
        }
        return unsafe super.epollWait(epoll, events, milliseconds: milliseconds)
    }

    override func accept(_ listener: CInt) -> (descriptor: CInt, peer: SocketAddress?) {
        acceptFailures.isEmpty ? super.accept(listener) : (-acceptFailures.removeFirst(), nil)
    }
}

/// What has happened wins over a timer that is due: after a stall, an interrupted poll, and at the deadline.
@Suite struct ChatStallTests {
    private let lines: LinePipe
    private let errors: LinePipe
    private let hand = ManualClock()

    init() throws {
        Signals.ignoreFailedWrites()
        lines = try LinePipe()
        errors = try LinePipe()
    }

    private func server() throws -> ChatServer {
        try ChatServer(port: 0, output: lines.log(), errors: errors.log(), clock: .manual(hand), clientsMax: 10)
    }

    private static let grace = Duration.milliseconds(ChatServer.graceMilliseconds)

    /// A client connects and ends silently with a RST, which the kernel has and the server has not seen.
    private func probe(_ server: inout ChatServer) throws {
        let probe = try TestClient(to: server)
        try server.serve { $0.clientCount == 1 }
        probe.stream.resetOnClose()
    }

    /// The same; afterwards the clock moves.
    private func probe(_ server: inout ChatServer, then pause: Duration) throws {
        try probe(&server)
        let descriptor = server.clients[0].stream.number
        try eventually { hasEnded(descriptor) }
        hand.now = hand.now + pause
    }

    @Test func aProbeThatEndedDuringAStallIsNotAnnounced() throws {
        var server = try server()
        for stall in [Duration.milliseconds(401), .seconds(1), .seconds(3600)] {
            try probe(&server, then: stall)
            try server.turn(.immediately)
            #expect(server.clientCount == 0)
            #expect(lines.text() == "", "after \(stall)")
        }
    }

    /// The clock is a little past the deadline, which is no stall: the read, which comes first in the turn, decides.
    @Test func aProbeThatEndedBeforeItsGraceIsNotAnnounced() throws {
        var server = try server()
        for _ in 0..<10 {
            try probe(&server, then: Self.grace + .milliseconds(1))
            try server.turn(.immediately)
            #expect(server.clientCount == 0)
            #expect(lines.text() == "")
        }
    }

    @Test func anInterruptedPollDoesNotLetTheTimerWin() throws {
        let kernel = FaultyKernel()
        try withScriptedKernel(kernel) {
            var server = try server()
            try probe(&server, then: Self.grace + .milliseconds(1))
            // Both polls of the turn: the timer waits for the next.
            kernel.interruptions = 2
            for _ in 0..<2 { try server.turn(.immediately) }
            #expect(kernel.interruptions == 0)
            #expect(server.clientCount == 0)
            #expect(lines.text() == "")
        }
    }

    @Test func aClientThatSpokeDuringAStallIsAnnouncedOnce() throws {
        var server = try server()
        let client = try TestClient(to: server)
        try server.serve { $0.clientCount == 1 }
        client.send("here\n")
        hand.now = hand.now + .seconds(60)
        #expect(try server.serve(client, bytes: 5) == "here\n")
        hand.now = hand.now + Self.grace + Self.grace
        try server.turn(.immediately)
        #expect(lines.text() == "Connected client IP: 127.0.0.1\n")
        #expect(server.clientCount == 1)
    }

    /// A client that has ended its direction has five seconds to take what is queued. A minute in which the process
    /// stood still is no part of them.
    @Test func aDrainingClientKeepsItsTimeOverAStall() throws {
        var server = try server()
        let slow = try TestClient(to: server)
        let sender = try TestClient(to: server)
        try server.serve { $0.clientCount == 2 }
        let block = [UInt8](repeating: UInt8(ascii: "\n"), count: 60_000)
        var (sent, echoed, received) = (0, 0, 0)
        while server.clients[0].backlog.count < ChatServer.backlogBytesMax / 4 {
            sent += sender.send(block)
            try server.turn(.immediately)
            echoed += sender.receive().bytes.count
            try #require(sent < 200_000_000)
        }
        // What the sender has back was sent to both.
        try server.serve { _ in
            echoed += sender.receive().bytes.count
            return echoed == sent
        }
        slow.stream.shutdownWrite()
        try server.serve { $0.clients[0].phase == .draining }
        hand.now = hand.now + .seconds(60)
        try server.turn(.immediately)
        #expect(server.clientCount == 2)
        try server.serve { _ in
            let (bytes, hasEnded) = slow.receive()
            received += bytes.count
            return hasEnded
        }
        #expect(received == sent)
        #expect(errors.text() == "")
    }

    @Test func aDrainingClientThatDoesNotReadIsCutOffWhenItsTimeIsOver() throws {
        var server = try server()
        let slow = try TestClient(to: server)
        let sender = try TestClient(to: server)
        try server.serve { $0.clientCount == 2 }
        let block = [UInt8](repeating: UInt8(ascii: "\n"), count: 60_000)
        while server.clients[0].backlog.isEmpty {
            sender.send(block)
            try server.turn(.immediately)
            _ = sender.receive()
        }
        slow.stream.shutdownWrite()
        try server.serve { $0.clients[0].phase == .draining }
        // In steps, as time passes for a process that runs.
        for _ in 0..<(10 * ChatServer.drainSeconds) {
            #expect(server.clientCount == 2)
            try server.turn(.immediately)
            hand.now = hand.now + .milliseconds(100)
        }
        hand.now = hand.now + .milliseconds(2)
        try server.turn(.immediately)
        #expect(server.clientCount == 1)
    }

    // MARK: accepting

    @Test func aShortageWithNobodyToTurnAwayPausesAndLosesNoArrival() throws {
        let kernel = FaultyKernel()
        try withScriptedKernel(kernel) {
            var server = try server()
            // One for the server, one for the reserve's attempt.
            kernel.acceptFailures = [EMFILE, EMFILE]
            let client = try TestClient(to: server)
            try server.serve { _ in kernel.acceptFailures.isEmpty }
            #expect(server.clientCount == 0)
            // While it pauses it does not spin: it waits as long as it is allowed to.
            kernel.interruptions = 1
            try server.turn(.milliseconds(7))
            #expect(kernel.waits.last == 7)
            hand.now = hand.now + Acceptor.pauseAfterShortage + .milliseconds(1)
            try server.serve { $0.clientCount == 1 }
            client.send("hello\n")
            #expect(try server.serve(client, bytes: 6) == "hello\n")
        }
    }

    @Test func aClientThatLeavesEndsAPauseAtOnce() throws {
        let kernel = FaultyKernel()
        try withScriptedKernel(kernel) {
            var server = try server()
            let first = try TestClient(to: server)
            try server.serve { $0.clientCount == 1 }
            kernel.acceptFailures = [EMFILE, EMFILE]
            let second = try TestClient(to: server)
            try server.serve { _ in kernel.acceptFailures.isEmpty }
            first.stream.shutdownWrite()
            second.send("hello\n")
            // The clock has not moved: only the descriptor that was given back can have ended the pause.
            #expect(try server.serve(second, bytes: 6) == "hello\n")
        }
    }
}

/// True when poll(2) reports an error or the end of a socket.
private func hasEnded(_ descriptor: CInt) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&request, 1, 0) == 1 && request.revents & Int16(POLLERR | POLLHUP) != 0
}
