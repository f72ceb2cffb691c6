import Foundation
import Glibc
import Testing

/// Signals, draining, errors at the start, and limits of the machine.
@Suite("Start and end", .ownThread)
struct ShutdownTests {
    // MARK: Signals

    @Test("without open sessions a signal ends the balancer at once, with exit code 0", arguments: [SIGTERM, SIGINT])
    func idle(_ signal: Int32) throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback)
        try balancer.waitUntilAlive(backend.port)
        balancer.program.signal(signal)
        #expect(try balancer.program.waitForExit(within: .seconds(5)) == .exited(0), "\(balancer.program.summary)")
        #expect(!Ports.isListening(balancer.port))
    }

    @Test(
        "after a signal the balancer accepts no clients, lets sessions finish, and ends after the last one",
        arguments: [SIGTERM, SIGINT])
    func drain(_ signal: Int32) throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback, "--drain-time", "1h")
        let clients = try (0..<2).map { _ in try balancer.connectAndGreet().client }
        let port = try clients[0].localAddress().port
        balancer.program.signal(signal)
        try eventually("the balancer stops listening", details: { balancer.program.summary }) {
            !Ports.isListening(balancer.port)
        }
        #expect(try TCPSocket.connectIfPossible(to: balancer.address) == nil)
        for client in clients {
            try client.send("still here")
            try client.expect("still here")
        }
        clients[0].close()
        try balancer.program.waitForLine("client <127.0.0.1,\(port)> terminated")
        try clients[1].send("and I")
        try clients[1].expect("and I")
        #expect(balancer.program.isRunning)
        clients[1].close()
        #expect(try balancer.program.waitForExit(within: .seconds(5)) == .exited(0), "\(balancer.program.summary)")
        #expect(balancer.terminations == 2)
        #expect(balancer.tableLength == 0)
    }

    @Test("sessions that outlast the drain time are cut, and their number is logged")
    func drainTimeEnds() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback, "--drain-time", "700ms")
        let clients = try (0..<3).map { _ in try balancer.connectAndGreet().client }
        let start = ContinuousClock.now
        balancer.program.signal(SIGTERM)
        #expect(try balancer.program.waitForExit(within: .seconds(10)) == .exited(0))
        #expect(ContinuousClock.now - start >= .milliseconds(600))
        for client in clients { _ = try client.receiveToEnd(within: .seconds(3)) }
        #expect(mentionsSessions(3, balancer), "\(balancer.program.summary)")
    }

    @Test("a second signal ends the balancer at once", arguments: [SIGTERM, SIGINT])
    func secondSignal(_ signal: Int32) throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback, "--drain-time", "1h")
        let client = try balancer.connectAndGreet().client
        balancer.program.signal(SIGTERM)
        try eventually("the balancer drains", details: { balancer.program.summary }) {
            !Ports.isListening(balancer.port)
        }
        balancer.program.signal(signal)
        #expect(try balancer.program.waitForExit(within: .seconds(5)) == .exited(0))
        _ = try client.receiveToEnd(within: .seconds(3))
        #expect(mentionsSessions(1, balancer), "\(balancer.program.summary)")
    }

    @Test("SIGHUP ends neither the balancer nor its sessions")
    func hangUp() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback, "--probe-interval", "100ms")
        let (client, _) = try balancer.connectAndGreet()
        balancer.program.signal(SIGHUP)
        let alive = balancer.health(of: backend.port).count
        try balancer.wait(for: .alive, of: backend.port, times: alive + 2)
        try client.send("still here")
        try client.expect("still here")
        #expect(try balancer.connectAndGreet().backend == "A")
    }

    /// SIGXCPU comes every second once the limit is reached, so that a second one of these must not cut sessions.
    @Test(
        "another signal that asks for the end drains, once",
        arguments: [SIGUSR1, SIGALRM, SIGXCPU, SIGVTALRM, SIGPROF, SIGPWR], [1, 2])
    func otherEndings(_ signal: Int32, threads: Int) throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(threads: threads, [backend.port], "--drain-time", "1h")
        let client = try balancer.connectAndGreet().client
        balancer.program.signal(signal)
        try eventually("the balancer drains", details: { balancer.program.summary }) {
            !Ports.isListening(balancer.port)
        }
        balancer.program.signal(signal)
        try client.send("still here")
        try client.expect("still here")
        client.close()
        #expect(try balancer.program.waitForExit(within: .seconds(5)) == .exited(0), "\(balancer.program.summary)")
        #expect(balancer.countErrors(with: ": ends as at SIGTERM") == 1, "\(balancer.program.summary)")
    }

    @Test(
        "a signal without a meaning is ignored, and a line says so",
        arguments: [(SIGUSR2, "SIGUSR2"), (SIGIO, "SIGIO"), (SIGSTKFLT, "SIGSTKFLT")])
    func meaninglessSignal(_ signal: Int32, name: String) throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback)
        let client = try balancer.connectAndGreet().client
        balancer.program.signal(signal)
        try balancer.program.wait("says that it ignores \(name)") {
            balancer.countErrors(with: "balancer: \(name) has no meaning here: ignored") == 1
        }
        try client.send("still here")
        try client.expect("still here")
        #expect(try balancer.connectAndGreet().backend == "A")
    }

    /// True when a line on standard error mentions `count` sessions.
    private func mentionsSessions(_ count: Int, _ balancer: BalancerUnderTest) -> Bool {
        balancer.errors.texts.contains { line in
            line.contains("session") && line.split { !$0.isNumber }.contains { $0 == "\(count)" }
        }
    }

    // MARK: Errors at start

    @Test("a port in use: one line with the reason, and an exit code other than 0")
    func portInUse() throws {
        let taken = try ListeningSocket()
        let program = try start(port: taken.port)
        try checkOneLine(program, "Address already in use")
        // The usual case is a second balancer on the port of the first.
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback)
        try checkOneLine(try start(port: balancer.port), "Address already in use")
        #expect(try balancer.connectAndGreet().backend == "A")
    }

    @Test("an address of another machine: one line with the reason, and an exit code other than 0")
    func notOurAddress() throws {
        // Reserved for documentation (RFC 5737), so no machine has it.
        let program = try start(source: "203.0.113.7", port: try Ports.free())
        try checkOneLine(program, "Cannot assign requested address")
    }

    @Test(
        "no permission for the port: one line with the reason, and an exit code other than 0",
        .enabled(if: ShutdownTests.hasPrivilegedPorts))
    func noPermission() throws {
        let arguments = ["127.0.0.1", "127.0.0.1", "8090", "--port", "7"]
        let asRoot = geteuid() == 0
        // Without the capability not even root has the permission.
        let wrapper = asRoot ? ["/usr/bin/setpriv", "--bounding-set=-net_bind_service"] : []
        let program = try RunningProgram.start(
            wrapper + [Program.balancer.path()] + arguments, named: "balancer")
        try checkOneLine(program, "Permission denied")
    }

    private static var hasPrivilegedPorts: Bool {
        let file = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        let start = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
        let hasTool = unsafe access("/usr/bin/setpriv", X_OK) == 0
        return start > 7 && hasTool
    }

    private func start(source: String = "127.0.0.1", port: UInt16) throws -> RunningProgram {
        try RunningProgram.start(.balancer, [source, "127.0.0.1", "8090", "--port", "\(port)"])
    }

    private func checkOneLine(
        _ program: RunningProgram, _ reason: String, at location: SourceLocation = #_sourceLocation
    ) throws {
        let end = try program.waitForExit(at: location)
        if case .exited(let code) = end {
            #expect(code != 0, sourceLocation: location)
        } else {
            Issue.record("\(program.summary)", sourceLocation: location)
        }
        #expect(program.errors.texts.count == 1, "\(program.summary)", sourceLocation: location)
        #expect(program.errors.text.contains(reason), "\(program.summary)", sourceLocation: location)
    }

    // MARK: Limits of the machine

    @Test("sessions and probes continue while no process reads the balancer's output")
    func outputUnread() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            backends: [backend.port].onLoopback, .probingOften, streams: .outputUnread)
        let (steady, _) = try balancer.connectAndGreet()
        // Three lines per client: many times what the pipe holds.
        for number in 1...1_000 {
            let (client, _) = try balancer.connectAndGreet(within: .seconds(5))
            try client.send("number \(number)")
            try client.expect("number \(number)", within: .seconds(5))
            client.close()
        }
        try steady.send("still here")
        try steady.expect("still here")
        #expect(try balancer.program.processorShare(over: .seconds(1)) < 0.1)
        steady.close()
        balancer.program.signal(SIGTERM)
        #expect(try balancer.program.waitForExit(within: .seconds(5)) == .exited(0))
    }

    @Test(
        "without free descriptors the balancer does not spin, keeps its sessions, and serves again when clients leave")
    func outOfDescriptors() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            backends: [backend.port].onLoopback, .probingOften, "--sessions-max", "1000", openFilesMax: 40)
        // Two descriptors each: forty clients are twice as many as fit.
        let clients = try (0..<40).map { _ in try balancer.connect() }
        let served = try settled("the number of clients served", for: .milliseconds(500)) {
            clients.count { isGreeted($0) }
        }
        #expect((5..<20).contains(served), "\(served) served\n\(balancer.program.summary)")
        #expect(try balancer.program.processorShare(over: .seconds(2)) < 0.1)
        let lucky = try #require(clients.first { isGreeted($0) })
        try lucky.expect("A\n")
        try lucky.send("still here")
        try lucky.expect("still here")

        for client in clients { client.close() }
        try eventually("new clients are served", details: { balancer.program.summary }) {
            let newcomers = try (0..<3).map { _ in try balancer.connect() }
            defer { for newcomer in newcomers { newcomer.close() } }
            return newcomers.allSatisfy { (try? $0.receiveLine(within: .seconds(1))) == "A" }
        }
        try balancer.program.wait("no row is left") { balancer.tableLength == 0 }
    }

    private func isGreeted(_ client: TCPSocket) -> Bool {
        client.wait(for: POLLIN, Deadline(within: .zero)) && !client.hasEnded
    }
}
