import Reactor
import Testing

@testable import Chat

/// Lines of several authors, cut anywhere on their way to the server.
@Suite struct ChatLinesTests {
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

    private static let wait = Duration.milliseconds(ChatServer.unfinishedLineMilliseconds)

    /// Sends a part of a line, and lets the server read it.
    private func say(
        _ text: String, _ client: borrowing TestClient, place: Int, _ server: inout ChatServer
    ) throws {
        let waited = server.clients[place].unfinished.count
        client.send(text)
        try server.serve { $0.clients[place].unfinished.count != waited }
    }

    /// Lets time pass as it does for a process that runs: in steps.
    private func pass(_ time: Duration, _ server: inout ChatServer) throws {
        let end = hand.now + time
        while hand.now < end {
            hand.now = min(end, hand.now + .milliseconds(100))
            try server.turn(.immediately)
        }
    }

    @Test func linesOfTwoAuthorsDoNotMixWhereReadsCutThem() throws {
        var server = try server()
        let ann = try TestClient(to: server)
        try server.serve { $0.clientCount == 1 }
        let bob = try TestClient(to: server)
        try server.serve { $0.clientCount == 2 }
        try say("[ann] one\n[ann] tw", ann, place: 0, &server)
        try say("[bob] on", bob, place: 1, &server)
        #expect(try server.serve(bob, bytes: 10) == "[ann] one\n")
        bob.send("e\n")
        #expect(try server.serve(bob, bytes: 10) == "[bob] one\n")
        ann.send("o\n")
        #expect(try server.serve(bob, bytes: 10) == "[ann] two\n")
        #expect(server.unfinishedBytes == 0)
    }

    @Test func aClientThatSendsSingleBytesMakesLines() throws {
        var server = try server()
        let slow = try TestClient(to: server)
        try server.serve { $0.clientCount == 1 }
        let other = try TestClient(to: server)
        try server.serve { $0.clientCount == 2 }
        for letter in "slow" { try say(String(letter), slow, place: 0, &server) }
        other.send("quick\n")
        #expect(try server.serve(other, bytes: 6) == "quick\n")
        slow.send("\n")
        #expect(try server.serve(other, bytes: 5) == "slow\n")
    }

    @Test func aMessageWithoutALineEndReachesEverybodyAfterItsTime() throws {
        var server = try server()
        let client = try TestClient(to: server)
        try server.serve { $0.clientCount == 1 }
        try say("no line", client, place: 0, &server)
        try pass(Self.wait - .milliseconds(1), &server)
        // The time counts from the first byte: who types slowly does not extend it.
        try say(" end", client, place: 0, &server)
        #expect(client.receive().bytes.isEmpty)
        try pass(.milliseconds(2), &server)
        #expect(try server.serve(client, bytes: 11) == "no line end")
        #expect(server.unfinishedBytes == 0)
    }

    @Test func aLineThatIsTooLongGoesOnInParts() throws {
        var server = try server()
        let client = try TestClient(to: server)
        let long = [UInt8](repeating: UInt8(ascii: "l"), count: 3 * LineProtocol.lineBytesMax)
        var (sent, received) = (0, 0)
        // What is kept is at most a line of the greatest length.
        try server.serve { server in
            sent += client.send(Array(long[sent...]))
            received += client.receive().bytes.count
            return sent == long.count && received >= long.count - LineProtocol.lineBytesMax
        }
        client.send("\n")
        received += try server.serve(client, bytes: long.count + 1 - received).utf8.count
        #expect(received == long.count + 1)
    }

    @Test func whatAClientHadBegunToSayIsSaidWhenItIsReset() throws {
        var server = try server()
        let stays = try TestClient(to: server)
        try server.serve { $0.clientCount == 1 }
        try speakAndReset(&server)
        #expect(try server.serve(stays, bytes: 9) == "last word")
        #expect(server.clientCount == 1 && server.unfinishedBytes == 0)
    }

    private func speakAndReset(_ server: inout ChatServer) throws {
        let client = try TestClient(to: server)
        try server.serve { $0.clientCount == 2 }
        try say("last word", client, place: 1, &server)
        client.stream.resetOnClose()
    }

    /// The rest of the line is there, but not read, because its author does not take what it is sent.
    @Test func aLineWhoseEndIsNotReadYetWaitsLonger() throws {
        var server = try server()
        let author = try TestClient(to: server)
        try server.serve { $0.clientCount == 1 }
        let other = try TestClient(to: server)
        try server.serve { $0.clientCount == 2 }
        try say("begi", author, place: 0, &server)
        let block = [UInt8](repeating: UInt8(ascii: "\n"), count: 60_000)
        while server.clients[0].backlog.isEmpty {
            other.send(block)
            try server.turn(.immediately)
            _ = other.receive()
        }
        author.send("n\n")
        try server.serve { $0.clients[0].isHeld }
        try pass(Self.wait * 4, &server)
        #expect(server.clients[0].unfinished.count == 4)
        // Not for ever.
        try pass(.seconds(ChatServer.unreadLineSeconds), &server)
        #expect(server.clients[0].unfinished.isEmpty)
    }
}
