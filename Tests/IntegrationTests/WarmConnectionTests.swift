import Glibc
import Testing

/// `--warm-connections`: the balancer connects to backends in advance and gives the connections to clients.
@Suite("Warm connections", .ownThread)
struct WarmConnectionTests {
    @Test("warm connections exist before clients, and each one given to a client is replaced")
    func servesAndReplaces() throws {
        let backend = try Backend()
        let balancer = try start(1, backend, "--probe-interval", "1h")
        try balancer.waitUntilAlive(backend.port)
        let first = try backend.waitForHeld(2)
        var ends: [TCPSocket] = []
        var before = first
        for number in 1...6 {
            let client = try balancer.connect()
            try client.send("number \(number)")
            let server = try backend.acceptSpeaker()
            #expect(before.contains { $0 === server }, "client \(number) did not get a warm connection")
            try server.expect("number \(number)")
            try server.send("answer \(number)")
            try client.expect("answer \(number)")
            ends += [client, server]
            before = try backend.waitForHeld(2)
        }
        for end in ends { end.close() }
        try balancer.waitUntilEmpty(after: 6)
    }

    @Test("each loop has its own warm connections")
    func threads() throws {
        let backend = try Backend()
        let balancer = try start(2, backend, "--probe-interval", "1h")
        try balancer.waitUntilAlive(backend.port)
        _ = try backend.waitForHeld(4)
        let ends = try (1...16).flatMap { number in
            let client = try balancer.connect()
            try client.send("number \(number)")
            let server = try backend.acceptSpeaker()
            try server.expect("number \(number)")
            try server.send("answer \(number)")
            try client.expect("answer \(number)")
            return [client, server]
        }
        _ = try backend.waitForHeld(4)
        for end in ends { end.close() }
        try balancer.waitUntilEmpty(after: 16)
        #expect(try backend.waitForHeld(4).count == 4)
    }

    @Test("a client does not get a connection that the backend has closed", arguments: [true, false])
    func closedByBackend(reset: Bool) throws {
        let backend = try Backend()
        let balancer = try start(1, backend, "--probe-interval", "2s")
        try balancer.waitUntilAlive(backend.port)
        for round in 1...3 {
            _ = try backend.waitForHeld(2)
            backend.dropHeld(reset: reset)
            try backend.waitUntilEndsArrive()
            // The balancer checks warm connections when it needs one. After it finds ended ones it waits for a probe
            // before it makes more.
            let client = try balancer.connect()
            try client.send("round \(round)")
            let server = try backend.acceptSpeaker()
            try server.expect("round \(round)")
            try server.send("answer")
            try client.expect("answer")
            client.close()
            server.close()
            try balancer.waitUntilEmpty(after: round)
        }
        #expect(balancer.terminations == 3)
    }

    @Test("without clients, connections that the backend has closed are replaced at the next probe", arguments: [1, 2])
    func replaced(threads: Int) throws {
        let backend = try Backend()
        let balancer = try start(threads, backend, "--probe-interval", "1s")
        _ = try backend.waitForHeld(2 * threads)
        // A probe has a socket for a moment.
        let sockets = try settled("the number of sockets", for: .milliseconds(200)) {
            try balancer.program.socketCount()
        }
        for reset in [true, false] {
            backend.dropHeld(reset: reset)
            _ = try backend.waitForHeld(2 * threads)
        }
        #expect(balancer.terminations == 0)
        // The balancer closes its end of the ended connections too.
        try balancer.program.wait("no socket is left over") { try balancer.program.socketCount() == sockets }
    }

    @Test("a dead backend has no warm connections, and clients behave as without the option")
    func deadBackend() throws {
        let backend = try Backend()
        let balancer = try start(1, backend, "--probe-interval", "300ms")
        try balancer.waitUntilAlive(backend.port)
        let held = try backend.waitForHeld(2)
        // The accepted connections stay open at the backend's end.
        backend.listener.close()
        try balancer.wait(for: .dead, of: backend.port)
        for server in held { try balancer.program.wait("the warm connections are closed") { server.hasEnded } }
        #expect(try balancer.connect().receiveToEnd() == ([], .finished))

        let returned = try Backend(port: backend.port)
        let alive = balancer.health(of: backend.port).count { $0 == .alive }
        try balancer.wait(for: .alive, of: backend.port, times: alive + 1)
        _ = try returned.waitForHeld(2)
        let client = try balancer.connect()
        try client.send("again")
        try returned.acceptSpeaker().expect("again")
    }

    @Test("when a backend dies before a probe notices, its warm connections are not used, and the next backend serves")
    func redispatch() throws {
        let dying = try Backend()
        let echo = try EchoBackend()
        let balancer = try BalancerUnderTest.start(
            backends: [dying.port, echo.port].onLoopback, "--warm-connections", "2", "--probe-interval", "1h")
        try balancer.waitUntilAlive(dying.port, echo.port)
        _ = try dying.waitForHeld(2)
        dying.listener.close()
        dying.dropHeld(reset: true)
        try dying.waitUntilEndsArrive()
        for number in 1...6 {
            let client = try balancer.connect()
            try client.send("number \(number)")
            try client.expect("number \(number)")
            client.close()
        }
        try balancer.waitUntilEmpty(after: 6)
    }

    @Test("SIGTERM closes warm connections at once, and they do not delay the end", arguments: [1, 2])
    func drain(threads: Int) throws {
        let backend = try Backend()
        let balancer = try start(threads, backend, "--probe-interval", "1h", "--drain-time", "1h")
        try balancer.waitUntilAlive(backend.port)
        _ = try backend.waitForHeld(2 * threads)
        let client = try balancer.connect()
        try client.send("!")
        let server = try backend.acceptSpeaker()
        try server.expect("!")
        let held = try backend.waitForHeld(2 * threads)
        balancer.program.signal(SIGTERM)
        for warm in held { #expect(try warm.receiveToEnd() == ([], .finished)) }
        try client.send("still here")
        try server.expect("still here")
        client.close()
        server.close()
        #expect(try balancer.program.waitForExit(within: .seconds(5)) == .exited(0), "\(balancer.program.summary)")
        #expect(balancer.terminations == 1)
    }

    @Test("without sessions SIGTERM ends the balancer at once")
    func idleEnd() throws {
        let backend = try Backend()
        let balancer = try start(1, backend, "--probe-interval", "1h", "--drain-time", "1h")
        let held = try backend.waitForHeld(2)
        balancer.program.signal(SIGTERM)
        #expect(try balancer.program.waitForExit(within: .seconds(5)) == .exited(0), "\(balancer.program.summary)")
        for warm in held { #expect(try warm.receiveToEnd() == ([], .finished)) }
    }

    @Test(
        "a wrong number is a usage error that names the option",
        arguments: ["257", "-1", "x", "", "9223372036854775807", "9223372036854775808"], [1, 2])
    func wrongNumber(text: String, threads: Int) throws {
        for option in [["--warm-connections", text], ["--warm-connections=\(text)"]] {
            let program = try RunningProgram.start(
                .balancer, ["127.0.0.1", "127.0.0.1", "8090", "--threads", "\(threads)"] + option)
            #expect(try program.waitForExit() == .exited(64), "\(program.summary)")
            let message = program.errors.texts.first { $0.hasPrefix("Error: ") }
            #expect(message?.contains("--warm-connections") == true, "\(program.summary)")
        }
    }

    // MARK: Steps

    private func start(
        _ threads: Int, _ backend: Backend, _ options: String..., at location: SourceLocation = #_sourceLocation
    ) throws -> BalancerUnderTest {
        try .start(
            threads: threads, backends: [backend.port].onLoopback, ["--warm-connections", "2"] + options, at: location)
    }

    /// A server that accepts connections and sends nothing by itself.
    private final class Backend {
        let listener: ListeningSocket
        /// The open connections without received data, with the time of their arrival.
        private var silent: [(socket: TCPSocket, since: ContinuousClock.Instant)] = []

        var port: UInt16 { listener.port }

        init(port: UInt16? = nil, at location: SourceLocation = #_sourceLocation) throws {
            listener = try ListeningSocket(port: port, at: location)
        }

        /// Waits until exactly `count` warm connections are open, and returns them. A probe's connection is open only
        /// briefly.
        func waitForHeld(_ count: Int, at location: SourceLocation = #_sourceLocation) throws -> [TCPSocket] {
            try eventually("\(count) connections are held", details: { "\(self.silent.count)" }, at: location) {
                self.look()
                let isCalm = self.silent.allSatisfy { ContinuousClock.now - $0.since > .milliseconds(250) }
                return self.silent.count == count && isCalm ? self.silent.map(\.socket) : nil
            }
        }

        /// Ends all warm connections.
        func dropHeld(reset: Bool) {
            for (socket, _) in silent { if reset { socket.reset() } else { socket.close() } }
            silent = []
        }

        /// Waits until the ends have reached the other side's kernel: before that a client may still get such a
        /// connection.
        func waitUntilEndsArrive(at location: SourceLocation = #_sourceLocation) throws {
            try eventually("the ends have arrived", at: location) { try Ports.connectionCount(to: port) == 0 }
        }

        /// Returns a connection that has received data; it no longer counts as a warm one.
        func acceptSpeaker(at location: SourceLocation = #_sourceLocation) throws -> TCPSocket {
            try eventually("a client sends", at: location) {
                self.look()
                // Skips a connection that has ended since, which was a probe's.
                let speaker = self.silent.firstIndex {
                    if case .bytes = Self.read($0.socket) { true } else { false }
                }
                guard let place = speaker else { return nil }
                return self.silent.remove(at: place).socket
            }
        }

        private func look() {
            while let connection = listener.accept(Deadline(within: .zero)) { silent.append((connection, .now)) }
            silent.removeAll { entry in
                if case .ended = Self.read(entry.socket) { true } else { false }
            }
        }

        private static func read(_ socket: TCPSocket) -> TCPSocket.Read {
            var byte: UInt8 = 0
            return unsafe withUnsafeMutableBytes(of: &byte) { unsafe socket.readNow($0, peeking: true) }
        }
    }
}
