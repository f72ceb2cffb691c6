import Glibc
import Testing

/// Backends that are given by name, in particular by a name that has no address yet.
@Suite("Unresolved names", .ownThread)
struct UnresolvedNamesTests {
    /// A name that never exists, RFC 6761.
    private static let unknown = "nosuch.invalid"

    @Test("without --allow-unresolved an unknown name is a usage error that mentions the option")
    func withoutOption() throws {
        let program = try startAlone([Self.unknown, "8090"])
        #expect(try program.waitForExit(within: .seconds(30)) == .exited(64))
        let reason = program.errors.texts.first ?? ""
        #expect(reason.contains(Self.unknown) && reason.contains("--allow-unresolved"), "\(program.summary)")
    }

    @Test(
        "text that cannot be a name is a usage error even with --allow-unresolved",
        arguments: ["0x7f.1", "127.1", "1", "", "127.0.0.1.5", "999.0.0.1"])
    func malformed(host: String) throws {
        let program = try startAlone([host, "8090", "--allow-unresolved"])
        #expect(try program.waitForExit(within: .seconds(30)) == .exited(64))
        #expect(program.errors.texts.first?.contains("'\(host)'") == true, "\(program.summary)")
        #expect(program.output.bytes == [])
    }

    @Test("with --allow-some-unresolved and no address at all it exits with 68, names the names, and was never ready")
    func noneOfSome() throws {
        let manager = try NotifySocket()
        let program = try startAlone(
            [Self.unknown, "8090", "also.\(Self.unknown)", "8091", "--allow-some-unresolved"],
            environment: ["NOTIFY_SOCKET": manager.name])
        #expect(try program.waitForExit(within: .seconds(60)) == .exited(68), "\(program.summary)")
        #expect(program.errors.lines.count == 1, "\(program.summary)")
        #expect(
            program.errors.texts.first?.hasPrefix("balancer: no backend has an address: unknown host '\(Self.unknown)'")
                == true, "\(program.summary)")
        #expect(manager.count("READY") == 0, "\(manager.summary)")
        #expect(
            manager.messages.first?["STATUS"]?.hasPrefix("no backend has an address: ") == true, "\(manager.summary)")
    }

    @Test(
        "STATUS names a backend without an address, while another one serves",
        arguments: ["--allow-unresolved", "--allow-some-unresolved"])
    func statusLine(option: String) throws {
        let manager = try NotifySocket()
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            backends: [backend.port].onLoopback, Self.unknown, "1", option, "--log", "changes",
            environment: ["NOTIFY_SOCKET": manager.name])
        try manager.wait(
            for: "STATUS", "serving: 1 of 2 backends up; no address: \(Self.unknown):1", from: balancer.program)
        #expect(try balancer.connectAndGreet().backend == "A")
    }

    @Test("--allow-unresolved includes --allow-some-unresolved")
    func both() throws {
        let balancer = try BalancerUnderTest.start(
            backends: [], Self.unknown, "1", "--allow-some-unresolved", "--allow-unresolved")
        #expect(try balancer.connect().receiveToEnd() == ([], .finished))
    }

    @Test(
        "with --allow-unresolved an unknown name is bad three times, then dead, each line after its cause",
        arguments: [1, 2])
    func dead(threads: Int) throws {
        let balancer = try BalancerUnderTest.start(
            backends: [], Self.unknown, "1", "--allow-unresolved", "--probe-interval=100ms", "--threads", "\(threads)",
            streams: .merged)
        let bad = GuideLine.bad(1, Self.unknown)
        let dead = GuideLine.dead(1, Self.unknown)
        try balancer.program.waitForLine(dead, times: 2, within: .seconds(30))
        let texts = balancer.output.texts
        #expect(texts.first == GuideLine.source("127.0.0.1"))
        let results = texts.filter { $0.contains("Server is") }
        #expect(results.prefix(5) == [bad, bad, bad, dead, dead], "\(balancer.program.summary)")
        let causes = texts.filter { $0.hasPrefix("unknown host: ") }
        #expect(Set(causes).isSubset(of: Self.reasons.map { "unknown host: \($0)" }), "\(causes)")
        // Causes and health lines alternate.
        for index in 1..<9 {
            #expect(texts[index].hasPrefix("unknown host: ") == !index.isMultiple(of: 2), "\(texts[index])")
        }
    }

    /// The C library's texts for a name that does not exist, or that no name server can look up (EAI_NODATA, which the
    /// Glibc module leaves out, is -5), and the balancer's text if there was no result by the end of the probe.
    private static let reasons =
        ["no name server has answered"]
        + [EAI_NONAME, EAI_AGAIN, -5].map { unsafe String(cString: gai_strerror($0)) }

    @Test("clients go to the other backends, and none waits for the name", arguments: [1, 2])
    func others(threads: Int) throws {
        let backends = try [EchoBackend(named: "A"), EchoBackend(named: "B")]
        let ports = backends.map(\.port)
        let balancer = try BalancerUnderTest.start(
            backends: [ports[0]].onLoopback, Self.unknown, "1", "127.0.0.1", "\(ports[1])", "--allow-unresolved",
            "--probe-interval", "1h", "--threads", "\(threads)")
        // This also holds before the name's backend is dead.
        for _ in 0..<2 {
            let names = try balancer.backendsOfNextClients(16)
            #expect(Set(names) == ["A", "B"])
        }
        try balancer.waitUntilAlive(ports[0], ports[1])
    }

    @Test("when no name has an address, clients are closed at once without a byte", arguments: [1, 2])
    func noAddress(threads: Int) throws {
        let balancer = try BalancerUnderTest.start(
            backends: [], Self.unknown, "1", "also.\(Self.unknown)", "2", "--allow-unresolved", "--probe-interval",
            "1h", "--threads", "\(threads)")
        for _ in 0..<8 { #expect(try balancer.connect().receiveToEnd() == ([], .finished)) }
        try balancer.program.wait("the outage is logged") { balancer.countErrors(with: "no backend is up") >= 1 }
    }

    @Test("the status shows such a name without an address")
    func status() throws {
        let path = try TestFolder().path(of: "status")
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            backends: [], Self.unknown, "1", "localhost", "\(backend.port)", "--allow-unresolved", "--admin-socket",
            path)
        // If no name server answers, the second name is looked up outside the loop. The first is unknown until its first
        // look-up has ended.
        let answer = try balancer.waitForStatus(at: path, "of one that serves") {
            $0.state == "serving" && !$0.backends.contains { $0["health"] == "unknown" }
        }
        #expect(
            answer.backends.map { [$0["backend"], $0["health"], $0["title"]] } == [
                ["-", "down", "\(Self.unknown):1"],
                ["127.0.0.1:\(backend.port)", "up", "localhost:\(backend.port)"],
            ])
        let run = try StatusRun(path)
        #expect(
            run.answer.backends.map { [$0["backend"], $0["health"], $0["name"], $0["title"]] } == [
                ["-", "down", Self.unknown, "\(Self.unknown):1"],
                ["127.0.0.1:\(backend.port)", "up", "localhost", "localhost:\(backend.port)"],
            ])
    }

    @Test("a name with an address serves clients, with and without --allow-unresolved", arguments: [true, false])
    func localhost(allowed: Bool) throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            backends: [SocketAddress("localhost", backend.port)], allowed ? ["--allow-unresolved"] : [],
            at: #_sourceLocation)
        try balancer.waitUntilAlive(backend.port)
        let (client, name) = try balancer.connectAndGreet()
        #expect(name == "A")
        try client.send("hello")
        try client.expect("hello")
    }

    @Test("after SIGHUP the names are looked up again, and their number is logged")
    func hangUp() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            backends: [backend.port].onLoopback, "localhost", "\(backend.port)", Self.unknown, "1",
            "--allow-unresolved", "--log", "changes")
        balancer.program.signal(SIGHUP)
        try balancer.program.wait("SIGHUP is answered", within: .seconds(20)) {
            balancer.countErrors(with: "SIGHUP: the names of backends are looked up again: 2") == 1
        }
        #expect(try balancer.connectAndGreet().backend == "A")
    }

    @Test("a signal ends the balancer at once, even during a look-up", arguments: [SIGTERM, SIGINT])
    func end(signal: Int32) throws {
        let balancer = try BalancerUnderTest.start(
            backends: [], Self.unknown, "1", "--allow-unresolved", "--probe-interval=100ms")
        for _ in 0..<5 { balancer.program.signal(SIGHUP) }
        balancer.program.signal(signal)
        #expect(try balancer.program.waitForExit(within: .seconds(5)) == .exited(0), "\(balancer.program.summary)")
    }

    private func startAlone(
        _ arguments: [String], environment: [String: String] = [:], at location: SourceLocation = #_sourceLocation
    ) throws -> RunningProgram {
        try RunningProgram.start(
            .balancer, ["127.0.0.1"] + arguments + ["--port", "\(Ports.free(at: location))"],
            environment: environment, at: location)
    }
}
