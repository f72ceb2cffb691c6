import Glibc
import Testing

/// The chat programs without a balancer: the bytes that they send, their output, and how they end.
@Suite("Chat programs", .ownThread)
struct ChatProgramTests {
    @Test("the line hello typed by test1 is sent as exactly fourteen bytes")
    func wireBytes() throws {
        let server = try ListeningSocket()
        let client = try startChatClient(to: SocketAddress("127.0.0.1", server.port), as: "test1")
        try client.send("hello")
        let connection = try server.acceptClient()
        client.closeInput()
        let (bytes, ending) = try connection.receiveToEnd()
        #expect(bytes == Array("[test1] hello\n".utf8))
        #expect(bytes.count == 14)
        #expect(ending == .finished)
        #expect(try client.waitForExit() == .exited(0))
        #expect(client.output.bytes == [])
        #expect(client.errors.bytes == [])
    }

    @Test("only a line that is exactly q or Q ends the client")
    func notQuiteQuit() throws {
        let server = try ListeningSocket()
        let client = try startChatClient(to: SocketAddress("127.0.0.1", server.port), as: "n")
        for line in [" q", "q ", "qq", "quit", "", "Q!"] { try client.send(line) }
        let connection = try server.acceptClient()
        try connection.expect("[n]  q\n[n] q \n[n] qq\n[n] quit\n[n] \n[n] Q!\n")
        try client.send("q")
        #expect(try connection.receiveToEnd() == ([], .finished))
        #expect(try client.waitForExit() == .exited(0))
    }

    @Test("a line much longer than 4,096 bytes arrives and comes back complete")
    func longLine() throws {
        let port = try Ports.free()
        _ = try startChatServer(on: port)
        let client = try startChatClient(to: SocketAddress("127.0.0.1", port), as: "test1")
        let line = String(repeating: "0123456789", count: 2_000)
        try client.send(line)
        try client.waitForLine("[test1] \(line)")
    }

    @Test("bytes of names and lines that are not ASCII are passed on unchanged")
    func otherScripts() throws {
        let port = try Ports.free()
        _ = try startChatServer(on: port)
        let client = try startChatClient(to: SocketAddress("127.0.0.1", port), as: "수정")
        try client.send("안녕하세요")
        try client.waitForLine("[수정] 안녕하세요")
    }

    @Test("the client prints received bytes at once, even without a line end, and prints nothing else")
    func printsWhatItReceives() throws {
        let server = try ListeningSocket()
        let client = try startChatClient(to: SocketAddress("127.0.0.1", server.port), as: "test1")
        try client.send("x")
        let connection = try server.acceptClient()
        try connection.send("no end")
        try client.wait("shows it") { client.output.text == "no end" }
        try connection.send(" yet\nnext\n")
        try client.wait("shows the rest") { client.output.text == "no end yet\nnext\n" }
    }

    @Test("the client prints connect() error and exits with 1 where no server listens")
    func nothingListens() throws {
        let client = try startChatClient(to: SocketAddress("127.0.0.1", try Ports.free()), as: "test1")
        #expect(try client.waitForExit() == .exited(1))
        #expect(client.errors.text.contains("connect() error"), "\(client.summary)")
        #expect(client.output.bytes == [])
    }

    @Test("the client prints Server disconnected and exits with 1 when the server closes", arguments: [true, false])
    func serverGoesAway(byReset: Bool) throws {
        let server = try ListeningSocket()
        let client = try startChatClient(to: SocketAddress("127.0.0.1", server.port), as: "test1")
        try client.send("x")
        let connection = try server.acceptClient()
        try connection.expect("[test1] x\n")
        if byReset { connection.reset() } else { connection.close() }
        #expect(try client.waitForExit() == .exited(1))
        #expect((client.output.text + client.errors.text).contains("Server disconnected ..."), "\(client.summary)")
    }

    @Test("the end of input ends the client like q, after every typed line has been sent once")
    func endOfInput() throws {
        let server = try ListeningSocket()
        let client = try startChatClient(to: SocketAddress("127.0.0.1", server.port), as: "test1")
        for number in 1...1_000 { try client.send("line \(number)") }
        client.closeInput()
        let connection = try server.acceptClient()
        let (bytes, ending) = try connection.receiveToEnd()
        #expect(String(decoding: bytes, as: UTF8.self) == (1...1_000).map { "[test1] line \($0)\n" }.joined())
        #expect(ending == .finished)
        #expect(try client.waitForExit() == .exited(0))
    }

    @Test("the server sends what it reads to all clients, byte for byte, including the sender")
    func broadcast() throws {
        let port = try Ports.free()
        let server = try startChatServer(on: port)
        let address = SocketAddress("127.0.0.1", port)
        let clients = try (0..<3).map { _ in try TCPSocket.connect(to: address) }
        try server.waitForLine(GuideLine.connected(), times: 3)
        let bytes: [UInt8] = [0, 255, 10, 13, 0, 200, 65]
        try clients[1].send(bytes)
        for client in clients { #expect(try client.receive(bytes.count) == bytes) }
        let late = try TCPSocket.connect(to: address)
        try server.waitForLine(GuideLine.connected(), times: 4)
        try clients[0].send("next")
        // No history: the first bytes that a new client receives were sent after it connected.
        for client in clients + [late] { try client.expect("next") }
    }

    @Test("a chat client that does not read does not delay the others")
    func stalledMember() throws {
        let port = try Ports.free()
        let server = try startChatServer(on: port)
        let address = SocketAddress("127.0.0.1", port)
        let stalled = try TCPSocket.connect(to: address, receiveBuffer: 4_096)
        let speaker = try TCPSocket.connect(to: address)
        try server.waitForLine(GuideLine.connected(), times: 2)
        // Each piece is received before the next is sent, so that only the stalled client falls behind.
        let pattern = Pattern(seed: 3)
        let piece = 65_521
        for _ in 1...256 {
            try pattern.send(piece, through: speaker)
            let receipt = try pattern.receive(upTo: piece, from: speaker)
            #expect(receipt == Pattern.Receipt(count: piece, isIntact: true, ending: nil))
        }
        stalled.close()
        try speaker.send("still here")
        try speaker.expect("still here")
    }

    @Test("a client that sends without reading is slowed down, not disconnected, and receives everything in the end")
    func talkative() throws {
        let port = try Ports.free()
        let server = try startChatServer(on: port)
        let speaker = try TCPSocket.connect(to: SocketAddress("127.0.0.1", port))
        try server.waitForLine(GuideLine.connected())
        let pattern = Pattern(seed: 4)
        let count = 32 << 20
        let progress = Progress()
        let sending = Background { try pattern.send(count, through: speaker, progress: progress) }
        // The client reads nothing until it can send nothing more.
        _ = try settled("the speaker", for: .milliseconds(200)) { progress.value }
        let receipt = try pattern.receive(upTo: count, from: speaker)
        #expect(receipt == Pattern.Receipt(count: count, isIntact: true, ending: nil))
        try sending.value(within: .seconds(10))
        #expect(server.output.lines.count == 1, "\(server.summary)")
    }

    @Test("a chat server can restart on its port at once, while old connections linger")
    func restart() throws {
        let port = try Ports.free()
        let address = SocketAddress("127.0.0.1", port)
        var lingering: [TCPSocket] = []
        for round in 1...3 {
            let server = try startChatServer(on: port)
            let client = try TCPSocket.connect(to: address)
            try client.send("round \(round)")
            try client.expect("round \(round)")
            // The server closes first, so its side of the connection lingers; the test does not close its own side.
            lingering.append(client)
            server.signal(round.isMultiple(of: 2) ? SIGKILL : SIGTERM)
            try server.waitForExit()
        }
        #expect(lingering.count == 3)
    }

    @Test("signals that ask for the end end a chat server in order", arguments: [SIGTERM, SIGUSR1, SIGALRM, SIGPWR])
    func endings(_ signal: Int32) throws {
        let port = try Ports.free()
        let server = try startChatServer(on: port)
        let client = try TCPSocket.connect(to: SocketAddress("127.0.0.1", port))
        try server.waitForLine(GuideLine.connected())
        server.signal(signal)
        #expect(try server.waitForExit() == .exited(0), "\(server.summary)")
        client.close()
    }

    @Test("signals without a meaning do not end a chat server", arguments: [SIGUSR2, SIGIO])
    func meaninglessSignals(_ signal: Int32) throws {
        let port = try Ports.free()
        let server = try startChatServer(on: port)
        let client = try TCPSocket.connect(to: SocketAddress("127.0.0.1", port))
        server.signal(signal)
        try client.send("still here")
        try client.expect("still here")
        #expect(server.isRunning)
    }
}
