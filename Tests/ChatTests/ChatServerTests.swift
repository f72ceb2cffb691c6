import Chat
import Reactor
import Testing

/// Servers over real sockets of the loopback interface, each driven by its test's own thread.
@Suite struct ChatServerTests {
    private let lines: LinePipe
    private let errors: LinePipe
    /// It stands still, so that no grace passes unless a test says so.
    private let hand = ManualClock()

    init() throws {
        Signals.ignoreFailedWrites()
        lines = try LinePipe()
        errors = try LinePipe()
    }

    private func server(port: UInt16 = 0, clientsMax: Int = 100) throws -> ChatServer {
        try ChatServer(
            port: port, output: lines.log(), errors: errors.log(), clock: .manual(hand), clientsMax: clientsMax)
    }

    @Test func everybodyReceivesTheBytesTheSenderIncluded() throws {
        var server = try server()
        let first = try TestClient(to: server)
        let second = try TestClient(to: server)
        try server.serve { $0.clientCount == 2 }
        first.send("[a] hello\n")
        #expect(try server.serve(first, bytes: 10) == "[a] hello\n")
        #expect(try server.serve(second, bytes: 10) == "[a] hello\n")
        second.send("no line break")
        second.stream.shutdownWrite()
        #expect(try server.serve(first, bytes: 13) == "no line break")
    }

    @Test func aProbeLeavesNoLine() throws {
        var server = try server()
        for _ in 0..<10 {
            try probe(&server)
            try server.serve { $0.clientCount == 0 }
        }
        #expect(lines.text() == "")
        #expect(errors.text() == "")
    }

    private func probe(_ server: inout ChatServer) throws {
        let client = try TestClient(to: server)
        try server.serve { $0.clientCount == 1 }
        client.stream.resetOnClose()
    }

    @Test func aSilentClientLeavesItsTwoLines() throws {
        var server = try server()
        try visit(&server)
        try server.serve { $0.clientCount == 0 }
        let printed = lines.text().split(separator: "\n")
        try #require(printed.count == 2)
        #expect(printed[0] == "Connected client IP: 127.0.0.1")
        #expect(printed[1].wholeMatch(of: /client [0-9]+ terminated/) != nil)
    }

    private func visit(_ server: inout ChatServer) throws {
        _ = try TestClient(to: server)
        try server.serve { $0.clientCount == 1 }
    }

    @Test func theGraceAnnouncesASilentClient() throws {
        var server = try server()
        let client = try TestClient(to: server)
        try server.serve { $0.clientCount == 1 }
        hand.now = hand.now + .milliseconds(ChatServer.graceMilliseconds - 1)
        try server.turn(.immediately)
        #expect(lines.text() == "")
        hand.now = hand.now + .milliseconds(2)
        try server.turn(.immediately)
        #expect(lines.text() == "Connected client IP: 127.0.0.1\n")
        client.send("x")
        try server.turn(.milliseconds(1000))
        #expect(lines.text() == "")
    }

    @Test func aClientThatHalfClosesReceivesWhatIsQueued() throws {
        var server = try server()
        let client = try TestClient(to: server)
        client.send("last words")
        client.stream.shutdownWrite()
        #expect(try server.serve(client, bytes: 10) == "last words")
        try server.serve { $0.clientCount == 0 }
        try eventually { client.receive().hasEnded }
    }

    @Test func aResetEndsOneClientAndNotTheServer() throws {
        var server = try server()
        let stays = try TestClient(to: server)
        try talkAndReset(&server)
        stays.send("still here\n")
        _ = try server.serve(stays, bytes: 22)
        try server.serve { $0.clientCount == 1 }
        #expect(lines.text().contains("terminated"))
    }

    private func talkAndReset(_ server: inout ChatServer) throws {
        let client = try TestClient(to: server)
        client.send("hello here\n")
        _ = try server.serve(client, bytes: 11)
        client.stream.resetOnClose()
    }

    @Test func aSlowReaderIsDisconnectedAndNobodyElseLosesAnything() throws {
        var server = try server()
        let slow = try TestClient(to: server)
        let sender = try TestClient(to: server)
        let reader = try TestClient(to: server)
        try server.serve { $0.clientCount == 3 }
        slow.send("I shall not read\n")
        _ = try server.serve(sender, bytes: 17)
        _ = try server.serve(reader, bytes: 17)

        var sent = 0
        var echoed = 0
        var read = 0
        let block = [UInt8](repeating: UInt8(ascii: "\n"), count: 60_000)
        // Far more than the backlog and both socket buffers hold.
        while server.clientCount == 3, sent < 200_000_000 {
            // One block at a time, so that who reads is never behind.
            var offered = 0
            while offered < block.count {
                offered += sender.send(Array(block[offered...]))
                try server.turn(.immediately)
                echoed += sender.receive().bytes.count
                read += reader.receive().bytes.count
            }
            sent += offered
            while echoed < sent || read < sent {
                try server.turn(.milliseconds(1))
                echoed += sender.receive().bytes.count
                read += reader.receive().bytes.count
            }
        }
        #expect(server.clientCount == 2)
        #expect(echoed == sent && read == sent)
        let report = errors.text()
        #expect(
            report.wholeMatch(
                of: /client [0-9]+ disconnected: it reads too slowly \(more than 1048576 bytes waiting\)\n/) != nil)
        #expect(lines.text().hasSuffix(" terminated\n"))
    }

    @Test func whoSendsFasterThanItReadsIsSlowedDownNotCutOff() throws {
        var server = try server()
        let client = try TestClient(to: server)
        try server.serve { $0.clientCount == 1 }
        let block = [UInt8](repeating: UInt8(ascii: "\n"), count: 60_000)
        var (sent, refusals, received) = (0, 0, 0)
        // Until the kernel takes no more: both directions are full.
        while refusals < 100, sent < 200_000_000 {
            let count = client.send(block)
            sent += count
            refusals = count == 0 ? refusals + 1 : 0
            try server.turn(.immediately)
        }
        #expect(refusals == 100 && server.clientCount == 1)
        try server.serve { _ in
            received += client.receive().bytes.count
            return received == sent
        }
        #expect(server.clientCount == 1)
    }

    @Test func aRestartBindsAtOnce() throws {
        let port = try serveOnce()
        // Far sooner than the minute for which the connections keep the port.
        try eventually { (try? server(port: port).address.port) == port }
    }

    /// A server that ends while its clients are connected, which leaves connections behind on its port.
    private func serveOnce() throws -> UInt16 {
        var server = try server()
        let client = try TestClient(to: server)
        client.send("hello\n")
        _ = try server.serve(client, bytes: 6)
        return server.address.port
    }

    @Test func twoServersShareAThreadThroughAParent() throws {
        let parent = try Poller()
        var events = EventBuffer(capacity: 8)
        var one = try server()
        var other = try server()
        #expect(one.add(to: parent, Token(kind: 0, index: 1)) == nil)
        #expect(other.add(to: parent, Token(kind: 0, index: 2)) == nil)
        let first = try TestClient(to: one)
        let second = try TestClient(to: other)
        // More than one turn reads: the rest must be reported as well, though no socket changes.
        let message = [UInt8](repeating: UInt8(ascii: "\n"), count: 3 * ChatServer.receiveBytesPerTurn)
        var sent = (0, 0)
        var received = (0, 0)
        let deadline = Clock.monotonic.now() + .seconds(10)
        while received != (message.count, message.count) {
            sent.0 += first.send(Array(message[sent.0...]))
            sent.1 += second.send(Array(message[sent.1...]))
            try parent.poll(into: &events, timeout: .milliseconds(1000))
            for index in 0..<events.count {
                if events[index].token.index == 1 { try one.turn(.immediately) } else { try other.turn(.immediately) }
            }
            received.0 += first.receive().bytes.count
            received.1 += second.receive().bytes.count
            try #require(Clock.monotonic.now() < deadline)
        }
        #expect(one.clientCount == 1 && other.clientCount == 1)
    }

    @Test func aFullHouseTurnsFurtherClientsAway() throws {
        var server = try server(clientsMax: 1)
        let first = try TestClient(to: server)
        try server.serve { $0.clientCount == 1 }
        let second = try TestClient(to: server)
        first.send("alone\n")
        #expect(try server.serve(first, bytes: 6) == "alone\n")
        let deadline = Clock.monotonic.now() + .seconds(10)
        while !second.receive().hasEnded {
            try server.turn(.milliseconds(1))
            try #require(Clock.monotonic.now() < deadline)
        }
        #expect(server.clientCount == 1)
    }
}
