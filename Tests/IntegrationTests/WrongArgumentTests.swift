import Glibc
import Testing

/// Wrong arguments of every program: the error names the argument and what is right, in a few lines.
@Suite("Wrong arguments", .ownThread)
struct WrongArgumentTests {
    /// A wrong call, and what its error message must contain.
    struct WrongCall: Sendable, CustomTestStringConvertible {
        let program: Program
        let arguments: [String]
        let parts: [String]

        init(_ program: Program, _ arguments: String..., says parts: String...) {
            self.program = program
            self.arguments = arguments
            self.parts = parts
        }

        /// A call of the balancer that is wrong only in what follows a right backend.
        static func serve(_ arguments: String..., says parts: String...) -> WrongCall {
            WrongCall(arguments: ["127.0.0.1", "127.0.0.1", "8090"] + arguments, parts: parts)
        }

        private init(arguments: [String], parts: [String]) {
            program = .balancer
            self.arguments = arguments
            self.parts = parts
        }

        var testDescription: String { ([program.rawValue] + arguments).joined(separator: " ") }
    }

    /// Message, help line, four lines of usage, and where to find more.
    static let linesMax = 7

    private func check(_ call: WrongCall) throws {
        let program = try RunningProgram.start(call.program, call.arguments)
        // A name server may take long to answer.
        #expect(try program.waitForExit(within: .seconds(30)) == .exited(64), "\(program.summary)")
        for part in call.parts { #expect(program.errors.text.contains(part), "\(part)\n\(program.summary)") }
        #expect(program.errors.lines.count <= Self.linesMax, "\(program.summary)")
        #expect(program.errors.text.contains("Usage: "), "\(program.summary)")
        #expect(program.output.bytes == [], "\(program.summary)")
    }

    @Test(
        "of an option: the error names the option, the value and the range",
        arguments: [
            .serve("--probe-interval", "5sec", says: "'5sec'", "--probe-interval", "10ms to 365d", "ms, s, m, h or d"),
            .serve("--probe-interval", "-5s", says: "'-5s'", "--probe-interval", "10ms to 365d", "ms, s, m, h or d"),
            .serve("--probe-interval=-5s", says: "'-5s'", "--probe-interval", "10ms to 365d"),
            .serve("--probe-interval", "9000h", says: "'9000h'", "--probe-interval", "10ms to 365d"),
            .serve("--probe-interval", "0s", says: "'0s'", "--probe-interval", "10ms to 365d"),
            .serve("--probe-interval", "", says: "''", "--probe-interval", "10ms to 365d"),
            .serve("--probe-interval", says: "--probe-interval", "10ms to 365d"),
            .serve("--probe-timeout", "9ms", says: "'9ms'", "--probe-timeout", "10ms to"),
            .serve("--probe-timeout", "6s", says: "--probe-timeout 6s", "--probe-interval 5s"),
            .serve("--connect-timeout", "0", says: "'0'", "--connect-timeout", "1ms to 365d"),
            .serve("--idle-timeout", "366d", says: "'366d'", "--idle-timeout", "1ms to 365d"),
            .serve("--drain-time", "-1", says: "'-1'", "--drain-time", "0s to 365d"),
            .serve("--port", "abc", says: "'abc'", "--port", "1 to 65535"),
            .serve("--port", "0", says: "'0'", "--port", "1 to 65535"),
            .serve("--port", "70000", says: "'70000'", "--port", "1 to 65535"),
            .serve("--port", "-1", says: "'-1'", "--port", "1 to 65535"),
            .serve("--port", says: "--port", "1 to 65535"),
            .serve("--fall", "0", says: "'0'", "--fall", "1 to 1000"),
            .serve("--fall", "four", says: "'four'", "--fall", "1 to 1000"),
            .serve("--fall", "99999999999999999999", says: "'99999999999999999999'", "--fall", "1 to 1000"),
            .serve("--rise", "1001", says: "'1001'", "--rise", "1 to 1000"),
            .serve("--sessions-max", "0", says: "'0'", "--sessions-max", "1 to 1048576"),
            .serve("--threads", "65", says: "'65'", "--threads", "1 to 64"),
            .serve("--warm-connections", "-1", says: "'-1'", "--warm-connections", "0 to 256"),
            .serve("--log", "loudly", says: "'loudly'", "--log", "'guide', 'changes', 'sessions' or 'none'"),
            .serve("--admin-socket", "", says: "''", "--admin-socket", "1 to 96 bytes"),
            .serve("--admin-socket", "@name", says: "'@name'", "--admin-socket", "1 to 96 bytes"),
            .serve("--allow-unresolved=1", says: "--allow-unresolved", "'1'"),
            .serve("--no-such", says: "'--no-such'", "`balancer serve --help`"),
            .serve(
                "--timeout", "5parsecs",
                says: "'--timeout'", "'--probe-timeout', '--connect-timeout', '--idle-timeout'", "`balancer status`"),
            .serve("--prot", "5", says: "'--prot'", "'--port'"),
            .serve("--PORT=5", says: "'--PORT'", "'--port'"),
            .serve("--max-sessions", "5", says: "'--max-sessions'", "'--sessions-max'"),
            .serve("--stay", says: "'--stay'", "`balancer demo`", "`balancer serve --help`"),
            .serve("--busy-poll", "--fal", "4", says: "'--fal'", "'--fall'"),
            .serve("--po\nrt", "5", says: "'--po\\nrt'", "'--port'"),
            .serve("--\u{1B}[31m", says: "'--\\u{1B}[31m'"),
            .serve("---port", "5", says: "'---port'", "'--port'"),
            .serve("-port", "5", says: "'-port'", "'--port'"),
            .serve("--fall", String(repeating: "9", count: 5000), says: "99...99", "(5000 bytes)", "1 to 1000"),
            .serve("--fal", "4", says: "'--fal'", "'--fall'"),
            .serve("-p", "5", says: "'-p'", "--help"),
            WrongCall(.balancer, "-v", says: "'-v'", "--version"),
            WrongCall(.balancer, "--verbose", says: "'--verbose'", "--help"),
            .serve("--port", "81", "--port", "82", says: "--port", "twice"),
            .serve("--fall=1", "--fall", "1", says: "--fall", "twice"),
            .serve("--busy-poll", "--busy-poll", says: "--busy-poll", "twice"),
            .serve("--busy-poll", "2s", says: "--busy-poll", "1us to 1ms"),
            .serve("--busy-poll", "on", says: "--busy-poll", "1us to 1ms", "'off'"),
            .serve("--busy-poll", "OFF", says: "--busy-poll", "'off'"),
        ])
    func option(_ call: WrongCall) throws { try check(call) }

    @Test(
        "of SOURCE_IP and backends: the error names the argument and the remedy",
        arguments: [
            WrongCall(.balancer, "127.0.0.1", says: "no backend", "HOST PORT or HOST:PORT"),
            WrongCall(.balancer, "127.0.0.1:8090", says: "SOURCE_IP '127.0.0.1:8090'", "--port"),
            WrongCall(.balancer, "[::1]:8090", "::1", "8091", says: "SOURCE_IP '[::1]:8090'", "--port"),
            WrongCall(.balancer, "restart", says: "'restart' is not a command", "status, top"),
            WrongCall(.balancer, "statuss", says: "'statuss' is not a command", "'status'"),
            WrongCall(.balancer, "stauts", "/run/socket", says: "'stauts' is not a command", "'status'"),
            WrongCall(.balancer, "version", says: "'version' is not a command", "'--version'"),
            WrongCall(.balancer, "serve", "status", says: "'status' is a command", "balancer status"),
            WrongCall(.balancer, "reload.invalid", "127.0.0.1", "80", says: "'reload.invalid'", "`ip address`"),
            WrongCall(.balancer, "8090", "127.0.0.1", "80", says: "SOURCE_IP '8090'", "--port 8090"),
            WrongCall(.balancer, "224.0.0.1", "127.0.0.1", "80", says: "SOURCE_IP '224.0.0.1'", "multicast"),
            WrongCall(.balancer, "127.0.0.1", "ff02::1", "80", says: "backend 'ff02::1'", "multicast"),
            WrongCall(.balancer, "127.0.0.1", "http://127.0.0.1", "80", says: "'http://127.0.0.1'", "URL"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1:80,127.0.0.1:81", says: "comma", "spaces"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1 80", says: "'127.0.0.1 80'", "white space"),
            WrongCall(.balancer, "127.0.0.1", "a\u{1B}[31m", "80", says: "'a\\u{1B}[31m'"),
            WrongCall(.balancer, "127.0.0.1", "no-such.invalid", "80", says: "'no-such.invalid'", "--allow-unresolved"),
            .serve("--", "--port", "5", says: "'--port'", "before '--'"),
            WrongCall(.balancer, "", "127.0.0.1", "80", says: "SOURCE_IP ''", "address"),
            WrongCall(.balancer, "fe80::1", "127.0.0.1", "80", says: "SOURCE_IP 'fe80::1'", "fe80::1%eth0"),
            WrongCall(.balancer, "127.0.0.1", "fe80::1", "80", says: "backend 'fe80::1'", "fe80::1%eth0"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1", "-1", says: "'-1'", "1 to 65535"),
            WrongCall(.balancer, "127.0.0.1", "--", "127.0.0.1", "-1", says: "'-1'", "'127.0.0.1'", "1 to 65535"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1:0", says: "'0'", "'127.0.0.1'", "1 to 65535"),
            WrongCall(.balancer, "127.0.0.1", "127.0.0.1", "http", says: "'http'", "'127.0.0.1'", "1 to 65535"),
            WrongCall(.balancer, "127.0.0.1", "::1:80", says: "'::1:80'", "[ADDRESS]:PORT"),
            .serve("8091", says: "'8091'", "before the port"),
            .serve("127.0.0.1", says: "'127.0.0.1' has no port"),
            .serve("127.0.0.1", "8090", says: "127.0.0.1:8090", "twice"),
            .serve("127.0.0.1:8090", says: "127.0.0.1:8090", "twice"),
            WrongCall(.balancer, "127.0.0.1", "localhost:80", "localhost", "80", says: "localhost:80", "twice"),
        ])
    func place(_ call: WrongCall) throws { try check(call) }

    @Test(
        "of the other commands and programs: the error names the argument and the remedy",
        arguments: [
            WrongCall(.balancer, "help", "nothing", says: "'nothing'", "serve, run, check, config, demo, status"),
            WrongCall(.balancer, "help", "status", "demo", says: "'demo'"),
            WrongCall(.balancer, "status", "a", "b", says: "'b'", "<path>"),
            WrongCall(.balancer, "status", "--time", "1s", says: "'--time'", "'--timeout'"),
            WrongCall(
                .balancer, "status", "--admin-socket", "/run/socket", says: "'--admin-socket'", "`balancer serve`"),
            WrongCall(.balancer, "demo", "status", says: "'status'", "one command", "`balancer status`"),
            WrongCall(.balancer, "help", "--no-such", says: "'--no-such'", "--help"),
            WrongCall(.balancer, "status", "", says: "''", "1 to 107 bytes"),
            WrongCall(.balancer, "status", "--timeout", "0", says: "'0'", "--timeout", "1ms to 1d"),
            WrongCall(.balancer, "status", "--timeout", "-1s", says: "'-1s'", "--timeout", "1ms to 1d"),
            WrongCall(.balancer, "status", "--port", "80", says: "'--port'"),
            WrongCall(.balancer, "demo", "extra", says: "'extra'", "takes options only"),
            WrongCall(.balancer, "demo", "--port", "0", says: "'0'", "--port", "1 to 65535"),
            WrongCall(.balancer, "demo", "--stay", "--stay", says: "--stay", "twice"),
            WrongCall(.chatServer, "0", says: "'0'", "port", "1 to 65535"),
            WrongCall(.chatServer, "-1", says: "'-1'", "1 to 65535"),
            WrongCall(.chatServer, "127.0.0.1:8090", says: "'127.0.0.1:8090'", "1 to 65535", "--bind 127.0.0.1"),
            WrongCall(.chatServer, "8090", "127.0.0.1", says: "'127.0.0.1'", "--bind 127.0.0.1"),
            WrongCall(.chatServer, "--port", "8090", says: "'--port'", "<port> is an argument"),
            WrongCall(.chatServer, "8090", "--bnd", "::1", says: "'--bnd'", "'--bind'"),
            WrongCall(.chatServer, "8090", "--bind", "[::1]:80", says: "'[::1]:80'", "chat-server 80 --bind [::1]"),
            WrongCall(.chatServer, "8090", "--bind", "*", says: "'*'", "0.0.0.0 or ::"),
            WrongCall(.chatServer, "8090", "--bind", "here", says: "'here'", "--bind", "`ip address`"),
            WrongCall(.chatServer, "8090", "--bind", "fe80::1", says: "--bind", "fe80::1%eth0"),
            WrongCall(.chatServer, "8090", "--bind", "::1", "--bind", "::1", says: "--bind", "twice"),
            WrongCall(.chatServer, "--no-such", says: "'--no-such'", "`chat-server --help`"),
            WrongCall(.chatServer, "8090", "8091", says: "'8091'"),
            WrongCall(.chatClient, "127.0.0.1", says: "<port>", "1 to 65535"),
            WrongCall(.chatClient, "127.0.0.1", "0", "test1", says: "'0'", "<port>", "1 to 65535"),
            WrongCall(.chatClient, "127.0.0.1:20000", "test1", says: "'127.0.0.1:20000'", "127.0.0.1 20000"),
            WrongCall(.chatClient, "fe80::1", "20000", "test1", says: "'fe80::1'", "fe80::1%eth0"),
            WrongCall(.chatClient, "127.0.0.1", "20000", "", says: "''", "<name>", "1 to 64 bytes"),
            WrongCall(.chatClient, "127.0.0.1", "20000", "a\nb", says: "<name>", "line break"),
            WrongCall(.chatClient, "127.0.0.1", "20000", "-x", says: "'-x'", "'--'"),
            WrongCall(.chatClient, "127.0.0.1", "20000", "John", "Smith", says: "'Smith'", "quotes: \"John Smith\""),
            WrongCall(.chatClient, "127.0.0.1", "20000", "--name", "x", says: "'--name'", "<name> is an argument"),
            WrongCall(.chatClient, "no-such.invalid", "20000", "x", says: "'no-such.invalid'", "or give an address"),
            WrongCall(.chatClient, "255.255.255.255", "20000", "x", says: "'255.255.255.255'", "broadcast"),
        ])
    func others(_ call: WrongCall) throws { try check(call) }

    @Test("chat-client to a closed port: the guide's line, then one with address, cause and remedy")
    func closedPort() throws {
        let port = try Ports.free()
        let program = try RunningProgram.start(.chatClient, ["127.0.0.1", "\(port)", "test1"])
        #expect(try program.waitForExit() == .exited(1))
        let texts = program.errors.texts
        try #require(texts.count == 2, "\(program.summary)")
        #expect(texts[0] == "connect() error")
        #expect(texts[1].contains("127.0.0.1:\(port): Connection refused"))
    }

    @Test("balancer status without a balancer says where it asked, why there, and how to be answered")
    func statusOfNobody() throws {
        let path = try TestFolder().path(of: "socket")
        let program = try RunningProgram.start(
            .balancer, ["status"], environment: ["BALANCER_ADMIN_SOCKET": path])
        #expect(try program.waitForExit() == .exited(1))
        for part in ["\(path) ($BALANCER_ADMIN_SOCKET)", "there is no such file", "--admin-socket"] {
            #expect(program.errors.text.contains(part), "\(program.summary)")
        }
        #expect(program.errors.lines.count == 1)
    }

    @Test(
        "standard output that cannot be written is an error with a line, also of help",
        arguments: ["balancer --help", "balancer --version", "balancer demo --fast --port PORT", "chat-server --help"])
    func fullOutput(call: String) throws {
        let words = call.replacing("PORT", with: "\(try Ports.free())").split(separator: " ").map(String.init)
        let path = try #require(Program(rawValue: words[0])).path()
        let program = try RunningProgram.start(
            ["/bin/sh", "-c", "exec \"$0\" \"$@\" >/dev/full", path] + words.dropFirst(), named: words[0])
        #expect(try program.waitForExit(within: .seconds(60)) == .exited(74), "\(program.summary)")
        #expect(program.errors.text.contains("standard output: No space left on device"), "\(program.summary)")
        #expect(program.errors.lines.count == 1)
    }

    @Test("balancer status of a file that is no socket says so")
    func statusOfAFile() throws {
        let program = try RunningProgram.start(.balancer, ["status", "/etc/passwd"])
        #expect(try program.waitForExit() == .exited(1))
        #expect(program.errors.text.contains("/etc/passwd"))
        #expect(program.errors.text.contains("no Unix socket: name the administration socket"), "\(program.summary)")
    }
}

/// script(1) of util-linux, which runs a program on a terminal.
private let terminalProgram = "/usr/bin/script"
private let hasTerminals = unsafe access(terminalProgram, X_OK) == 0

/// Right arguments, in each form.
@Suite("Forms of arguments", .ownThread)
struct ArgumentFormTests {
    @Test("backends are HOST PORT and HOST:PORT in one line, IPv6 addresses with brackets")
    func mixedForms() throws {
        let first = try EchoBackend(named: "A")
        let second = try EchoBackend(named: "B")
        let port = try Ports.free()
        let program = try RunningProgram.start(
            .balancer,
            [
                "127.0.0.1", "127.0.0.1:\(first.port)", "127.0.0.1", "\(second.port)", "[::1]:1", "localhost:1",
                "--port", "\(port)",
            ])
        try program.waitForLine(GuideLine.alive(first.port))
        try program.waitForLine(GuideLine.alive(second.port))
        try program.waitForLine(GuideLine.bad(1, "::1"))
        try program.waitForLine(GuideLine.bad(1))
        #expect(program.isRunning)
    }

    @Test("SOURCE_IP is a name of this machine or *", arguments: [("localhost", "127.0.0.1"), ("*", "0.0.0.0")])
    func sourceName(text: String, address: String) throws {
        let backend = try EchoBackend(named: "A")
        let port = try Ports.free()
        let program = try RunningProgram.start(
            .balancer, [text, "127.0.0.1:\(backend.port)", "--port", "\(port)", "--idle-timeout", "2d"])
        try program.waitForLine(GuideLine.source(address))
        try Ports.waitForListener(on: port, of: program)
        let balancer = BalancerUnderTest(program: program, host: "127.0.0.1", port: port)
        #expect(try balancer.connectAndGreet().backend == "A")
    }

    @Test("help texts show the format of durations and the bounds")
    func help() throws {
        let program = try RunningProgram.start(.balancer, ["help", "serve"])
        #expect(try program.waitForExit() == .exited(0))
        let words = program.output.text.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
        for part in ["ms, s, m, h or d", "10ms to 365d", "1 to 65535", "1 to 1000", "1 to 1048576", "HOST:PORT"] {
            #expect(words.contains(part), "\(part)\n\(words)")
        }
    }

    @Test(
        "on a terminal the demo pauses after each act, unless --fast is given",
        .enabled(if: hasTerminals, "no \(terminalProgram)"), arguments: [false, true])
    func demoOnATerminal(isFast: Bool) throws {
        let demo = "'\(try Program.balancer.path())' demo --port \(try Ports.free())\(isFast ? " --fast" : "")"
        let program = try RunningProgram.start([terminalProgram, "-qefc", demo, "/dev/null"], named: "demo")
        try program.wait("the first act", within: .seconds(60)) { program.output.text.contains("> Server is alive") }
        if isFast {
            #expect(try program.waitForExit(within: .seconds(60)) == .exited(0), "\(program.summary)")
        } else {
            try remains("the second act has not begun", for: .seconds(1), details: { program.summary }) {
                !program.output.text.contains("2. Six clients")
            }
            try program.wait("the second act", within: .seconds(60)) { program.output.text.contains("2. Six clients") }
        }
    }

    @Test("demo --stay says which server a client got")
    func demoStay() throws {
        let wanted = try Ports.free()
        let program = try RunningProgram.start(.balancer, ["demo", "--stay", "--fast", "--port", "\(wanted)"])
        try program.waitForLine("how to connect", within: .seconds(60)) {
            $0.contains("chat-client 127.0.0.1 \(wanted)")
        }
        for _ in 1...2 {
            let client = try TCPSocket.connect(to: SocketAddress("127.0.0.1", wanted))
            let own = try client.localAddress()
            try program.waitForLine("the server of \(own)") {
                $0.contains("127.0.0.1:\(own.port) -> server")
            }
        }
        program.signal(15)
        #expect(try program.waitForExit() == .exited(0))
    }
}
