import Testing

/// Items 1 to 3: the arguments of the programs, and the exact output of the balancer.
@Suite("Command line", .ownThread)
struct CommandLineTests {
    /// A program with wrong arguments.
    struct WrongCall: Sendable, CustomTestStringConvertible {
        let program: Program
        let arguments: [String]

        init(_ program: Program, _ arguments: String...) {
            self.program = program
            self.arguments = arguments
        }

        var testDescription: String { ([program.rawValue] + arguments).joined(separator: " ") }
    }

    @Test(
        "wrong arguments: the program prints the usage and the reason, and exits with 64",
        arguments: [
            WrongCall(.balancer),
            WrongCall(.balancer, "127.0.0.1"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1", "8090", "127.0.0.1"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1", "0"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1", "65536"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1", "80x"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1", ""),
            WrongCall(.balancer, "127.0.0.1", "8090", "127.0.0.1"),
            WrongCall(.balancer, "127.0.0.1", "no..such..host", "8090"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1", "8090", "no-such-host.invalid", "8091"),
            WrongCall(.balancer, "not an address", "127.0.0.1", "8090"),
            WrongCall(.balancer, "127.0.0.1.5", "127.0.0.1", "8090"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1", "8090", "--port", "70000"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1", "8090", "--probe-interval", "often"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1", "8090", "--fall", "0"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1", "8090", "--log", "loudly"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1", "8090", "--no-such-option"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1", "8090", "--port", "8090"),
            WrongCall(.balancer, "0.0.0.0", "127.0.0.7", "8090", "--port", "8090"),
            WrongCall(.balancer, "::", "::1", "8090", "--port", "8090"),
            WrongCall(.balancer, "127.0.0.1", "0.0.0.0", "8090", "--port", "8090"),
            WrongCall(.balancer, "127.0.0.1", "::ffff:127.0.0.1", "8090", "--port", "8090"),
            WrongCall(.balancer, "::", "127.0.0.1", "8090", "--port", "8090"),
            WrongCall(.balancer, "127.0.0.1", "fe80::1", "8090"),
            WrongCall(.chatServer),
            WrongCall(.chatServer, "65536"),
            WrongCall(.chatServer, "port"),
            WrongCall(.chatServer, "8090", "8091"),
            WrongCall(.chatClient),
            WrongCall(.chatClient, "127.0.0.1"),
            WrongCall(.chatClient, "127.0.0.1", "20000"),
            WrongCall(.chatClient, "127.0.0.1", "65536", "test1"),
            WrongCall(.chatClient, "127.0.0.1", "port", "test1"),
            WrongCall(.chatClient, "no..such..host", "20000", "test1"),
            WrongCall(.chatClient, "127.0.0.1", "20000", "test1", "test2"),
        ])
    func wrongCall(_ call: WrongCall) throws {
        let program = try RunningProgram.start(call.program, call.arguments)
        // The look-up of a host name may take long.
        #expect(try program.waitForExit(within: .seconds(30)) == .exited(64))
        let usage = program.errors.texts.filter { $0.lowercased().contains("usage:") }
        #expect(usage.count == 1, "\(program.summary)")
        #expect(program.errors.texts.contains { !$0.isEmpty && !usage.contains($0) }, "no reason\n\(program.summary)")
        #expect(program.output.bytes == [], "\(program.summary)")
    }

    @Test("with a wrong host the balancer never listens, not even for a moment")
    func wrongHostBindsNothing() throws {
        let port = try Ports.free()
        let program = try RunningProgram.start(
            .balancer, ["127.0.0.1", "no..such..host", "8090", "--port", "\(port)"])
        try eventually("the balancer ends", details: { program.summary }) {
            #expect(!Ports.isListening(port))
            return !program.isRunning
        }
        #expect(try program.waitForExit() == .exited(64))
    }

    @Test("without a port argument clients reach the balancer on port 20000")
    func defaultPort() throws {
        let backend = try EchoBackend(named: "A")
        // The test cannot choose this port, so another run of these tests may use it for a moment.
        let program = try eventually("port 20000 is free, and the balancer listens on it", within: .seconds(30)) {
            () -> RunningProgram? in
            if Ports.isListening(20_000) { return nil }
            let program = try RunningProgram.start(.balancer, ["127.0.0.1", "127.0.0.1", "\(backend.port)"])
            try program.wait("starts or ends") { !program.output.lines.isEmpty || !program.isRunning }
            return program.isRunning || !program.errors.text.contains("Address already in use") ? program : nil
        }
        try Ports.waitForListener(on: 20_000, of: program)
        let balancer = BalancerUnderTest(program: program, host: "127.0.0.1", port: 20_000)
        let (client, name) = try balancer.connectAndGreet()
        #expect(name == "A")
        try client.send("hello\n")
        try client.expect("hello\n")
    }

    @Test("options may precede the addresses, with or without an equals sign", arguments: [true, false])
    func optionsFirst(withEqualsSign: Bool) throws {
        let backend = try EchoBackend(named: "A")
        let port = try Ports.free()
        let program = try RunningProgram.start(
            .balancer,
            (withEqualsSign ? ["--port=\(port)"] : ["--port", "\(port)"])
                + ["127.0.0.1", "127.0.0.1", "\(backend.port)"])
        try Ports.waitForListener(on: port, of: program)
        let balancer = BalancerUnderTest(program: program, host: "127.0.0.1", port: port)
        #expect(try balancer.connectAndGreet().backend == "A")
    }

    @Test("the output for one probe and one client is exactly the guide's")
    func guideLines() throws {
        let backend = try EchoBackend(named: "A")
        // The interval is so long that the first probe is the only one.
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback, "--probe-interval", "1h")
        let opening = """
            srcIP : 127.0.0.1
            IP : <127.0.0.1>, Port : <\(backend.port)> Server is alive

            """
        try balancer.program.wait("opening") { balancer.output.text == opening }

        let (client, _) = try balancer.connectAndGreet()
        let port = try client.localAddress().port
        client.close()
        let ending = """

            client <127.0.0.1,\(port)> terminated
             Current NAT table length : 0

            """
        try balancer.program.wait("ending") { balancer.output.text == opening + ending }
        #expect(balancer.errors.text == "")
    }

    @Test("bad and dead lines, each after its cause, are exactly the guide's")
    func failureLines() throws {
        let port = try Ports.free()
        let balancer = try BalancerUnderTest.start(
            backends: [port].onLoopback, "--probe-interval", "100ms", streams: .merged)
        let bad = "connection refused: Connection refused\nIP: <127.0.0.1>, Port : <\(port)> Server is bad\n"
        let dead = "connection refused: Connection refused\nIP: <127.0.0.1>, Port : <\(port)> Server is dead\n"
        let expected = "srcIP : 127.0.0.1\n" + bad + bad + bad + dead + dead
        try balancer.program.wait("three bad, then dead") { balancer.output.text.count >= expected.count }
        #expect(balancer.output.text.hasPrefix(expected), "\(balancer.program.summary)")
    }

    @Test("a line is visible at once, without a later event")
    func linesAreFlushed() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback, "--probe-interval", "1h")
        try balancer.waitUntilAlive(backend.port)
        for count in 1...3 {
            let (client, _) = try balancer.connectAndGreet()
            client.close()
            // No later line can flush this one: the next probe is an hour away.
            try balancer.waitUntilEmpty(after: count, within: .seconds(3))
        }
    }

    @Test("a host name is resolved to an address of SOURCE_IP's family")
    func hostName() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(backends: [SocketAddress("localhost", backend.port)])
        try balancer.waitUntilAlive(backend.port)
        #expect(try balancer.connectAndGreet().backend == "A")
    }

    @Test("connections to the servers come from SOURCE_IP")
    func sourceAddress() throws {
        let port = try Ports.free()
        let server = try startChatServer(on: port)
        let balancer = try BalancerUnderTest.start(on: "127.0.0.2", backends: [port].onLoopback)
        try balancer.program.waitForLine("srcIP : 127.0.0.2")
        let client = try balancer.connect()
        try client.send("x")
        try server.waitForLine(GuideLine.connected("127.0.0.2"))
        #expect(try TCPSocket.connectIfPossible(to: SocketAddress("127.0.0.1", balancer.port)) == nil)
    }

    @Test("--fall sets how many failures in a row make a server dead")
    func fall() throws {
        let port = try Ports.free()
        let balancer = try BalancerUnderTest.start(
            backends: [port].onLoopback, "--probe-interval", "100ms", "--fall", "2")
        try balancer.wait(for: .dead, of: port, times: 2)
        #expect(balancer.health(of: port).prefix(3) == [.bad, .dead, .dead])
    }

    @Test("--rise sets how many successes in a row put a server back into rotation")
    func rise() throws {
        let first = try EchoBackend(named: "A")
        let port = try Ports.free()
        let balancer = try BalancerUnderTest.start(
            backends: [first.port, port].onLoopback, "--probe-interval", "300ms", "--fall", "1", "--rise", "3")
        try balancer.wait(for: .dead, of: port)
        let second = try EchoBackend(named: "B", port: port)
        try eventually("a client is sent to \(port)", details: { balancer.program.summary }) {
            try balancer.connectAndGreet().backend == "B"
        }
        #expect(second.accepted >= 4, "the server should get three probes before that client")
        try balancer.wait(for: .alive, of: port)
        #expect(try Set(balancer.backendsOfNextClients(2)) == ["A", "B"])
        try second.stop()
    }

    @Test("--log sessions prints one line when a session ends")
    func logSessions() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            backends: [backend.port].onLoopback, "--log", "sessions", .probingOften)
        for _ in 1...2 {
            let (client, _) = try balancer.connectAndGreet()
            let address = try client.localAddress()
            client.close()
            let line = try balancer.program.waitForLine("a line for \(address)") {
                $0.contains("client=127.0.0.1:\(address.port) ")
            }
            #expect(line.contains("backend=127.0.0.1:\(backend.port) "), "\(line)")
            #expect(line.contains("reason="), "\(line)")
        }
        #expect(balancer.output.count { $0.contains("client=") } == 2, "\(balancer.program.summary)")
        #expect(balancer.terminations == 0)
        #expect(balancer.healthLines(of: backend.port).isEmpty)
    }

    @Test("--log changes prints a health line only when the health changes")
    func logChanges() throws {
        let port = try Ports.free()
        let first = try EchoBackend(named: "A", port: port)
        let balancer = try BalancerUnderTest.start(
            backends: [port].onLoopback, "--log", "changes", "--probe-interval", "100ms", "--probe-timeout", "90ms")
        try remains("at most one line while the health does not change", for: .seconds(1)) {
            balancer.output.count { $0.contains("\(port)") } <= 1
        }
        try first.stop()
        let lines = balancer.output.lines.count
        try balancer.program.wait("a line about the change") { balancer.output.lines.count > lines }
    }

    @Test("--log none prints neither health nor sessions")
    func logNone() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            backends: [backend.port].onLoopback, "--log", "none", "--probe-interval", "100ms")
        let (client, _) = try balancer.connectAndGreet()
        client.close()
        try remains("no line is printed", for: .milliseconds(500), details: { balancer.program.summary }) {
            balancer.output.count { $0 != GuideLine.source("127.0.0.1") } == 0
        }
    }

    @Test("balancer demo exits with 0, and prints no escape sequences to a pipe")
    func demo() throws {
        let program = try RunningProgram.start(.balancer, ["demo"])
        #expect(try program.waitForExit(within: .seconds(60)) == .exited(0), "\(program.summary)")
        #expect(!program.output.bytes.isEmpty)
        let escape: UInt8 = 0x1B
        #expect(!program.output.bytes.contains(escape), "\(program.summary)")
        #expect(!program.errors.bytes.contains(escape), "\(program.summary)")
    }
}
