import Glibc
import Testing

/// The output and exit code of `balancer status` in every state of the balancer.
@Suite("Status", .ownThread)
struct StatusTests {
    @Test("of a serving balancer: exit code 0, one line about the balancer, and one per backend")
    func serving() throws {
        let socket = try TestFolder().path(of: "admin.sock")
        let backend = try EchoBackend(named: "A")
        let refusing = try Ports.free()
        let balancer = try BalancerUnderTest.start(
            backends: [backend.port, refusing].onLoopback, "--admin-socket", socket, "--fall", "1",
            "--probe-interval", "1h", "--sessions-max", "77")
        try balancer.wait(for: .alive, of: backend.port)
        try balancer.wait(for: .dead, of: refusing)
        let run = try StatusRun(socket)
        #expect(run.exitCode == .exited(0))
        #expect(run.errors == [])
        var line = run.answer.balancer
        let uptime = line.removeValue(forKey: "uptime_s").flatMap { Int($0) }
        #expect(uptime.map { (0...60).contains($0) } == true, "\(run.output)")
        let turns = ["turns", "turn_p99_us", "turn_max_us"].map { key in
            line.removeValue(forKey: key).flatMap { Int($0) } ?? -1
        }
        #expect(turns[0] > 0 && turns[1] >= 0 && turns[1] <= turns[2], "\(run.output)")
        #expect(
            line == [
                "state": "serving", "backends_up": "1", "backends": "2", "sessions": "0", "sessions_max": "77",
                "threads": "1", "pid": "\(balancer.program.pid)",
            ])
        #expect(
            run.answer.backends == [
                ["backend": "127.0.0.1:\(backend.port)", "health": "up", "pool": "default", "sessions": "0"],
                ["backend": "127.0.0.1:\(refusing)", "health": "down", "pool": "default", "sessions": "0"],
            ])
        #expect(run.output.hasPrefix("state=serving ") && run.output.hasSuffix("\n"), "\(run.output)")
    }

    @Test("the open sessions of all threads are counted, and ended ones are not", arguments: [1, 2])
    func sessions(threads: Int) throws {
        let socket = try TestFolder().path(of: "admin.sock")
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            threads: threads, [backend.port], "--admin-socket", socket, "--sessions-max", "100")
        let clients = try (0..<12).map { _ in try balancer.connectAndGreet().client }
        let answer = try balancer.waitForStatus(at: socket, "of 12 sessions") { $0.sessions == 12 }
        #expect(answer.balancer["threads"] == "\(threads)")
        #expect(answer.balancer["sessions_max"] == "100")
        for client in clients.prefix(5) { client.close() }
        try balancer.waitForStatus(at: socket, "of 7 sessions") { $0.sessions == 7 }
        for client in clients { client.close() }
        try balancer.waitForStatus(at: socket, "of no session") { $0.sessions == 0 }
    }

    @Test("without a backend that is up: state=no-backend and exit code 1, until one is up", arguments: [1, 2])
    func noBackend(threads: Int) throws {
        let socket = try TestFolder().path(of: "admin.sock")
        let ports = try Ports.free(2)
        let balancer = try BalancerUnderTest.start(
            threads: threads, ports, "--admin-socket", socket, "--fall", "1", "--probe-interval", "100ms")
        for port in ports { try balancer.wait(for: .dead, of: port) }
        let run = try StatusRun(socket)
        #expect(run.exitCode == .exited(1))
        #expect(run.answer.state == "no-backend", "\(run.output)")
        #expect(run.answer.balancer["backends_up"] == "0")
        #expect(run.answer.backends.map { $0["health"] } == ["down", "down"])

        let backend = try EchoBackend(named: "A", port: ports[1])
        defer { withExtendedLifetime(backend) {} }
        try balancer.waitForStatus(at: socket, "of one that serves") { $0.state == "serving" }
        let again = try StatusRun(socket)
        #expect(again.exitCode == .exited(0))
        #expect(again.answer.backends.map { $0["health"] } == ["down", "up"], "\(again.output)")
    }

    @Test(
        "with dead backends from the start: first starting, then no-backend, never serving",
        arguments: [1, 2])
    func deadFromTheStart(threads: Int) throws {
        let socket = try TestFolder().path(of: "admin.sock")
        let balancer = try BalancerUnderTest.start(
            threads: threads, try Ports.free(2), "--admin-socket", socket, "--probe-interval", "1h")
        var states: Set<String> = []
        let answer = try balancer.waitForStatus(at: socket, "of no backend") {
            states.insert($0.state ?? "")
            return $0.state == "no-backend"
        }
        #expect(states.isSubset(of: ["starting", "no-backend"]), "\(states)")
        #expect(answer.balancer["backends_up"] == "0" && answer.backends.map { $0["health"] } == ["down", "down"])
        #expect(try StatusRun(socket).exitCode == .exited(1))
    }

    @Test("while clients wait for a place: state=full and exit code 1, until they are served", arguments: [1, 2])
    func full(threads: Int) throws {
        let socket = try TestFolder().path(of: "admin.sock")
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            threads: threads, [backend.port], "--admin-socket", socket, "--sessions-max", "1")
        try balancer.waitForStatus(at: socket, "of one that serves") { $0.state == "serving" }
        let (client, _) = try balancer.connectAndGreet()
        let waiting = try balancer.connect()
        let answer = try balancer.waitForStatus(at: socket, "of a full one") { $0.state == "full" }
        #expect(answer.sessions == 1 && answer.balancer["backends_up"] == "1")
        #expect(try StatusRun(socket).exitCode == .exited(1))
        client.close()
        try waiting.expect("A\n")
        waiting.close()
        try balancer.waitForStatus(at: socket, "of one that serves") { $0.state == "serving" }
    }

    @Test("of a draining balancer: state=draining and exit code 1", arguments: [1, 2])
    func draining(threads: Int) throws {
        let socket = try TestFolder().path(of: "admin.sock")
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            threads: threads, [backend.port], "--admin-socket", socket, "--drain-time", "1h")
        let clients = try (0..<4).map { _ in try balancer.connectAndGreet().client }
        balancer.program.signal(SIGTERM)
        try eventually("the balancer drains", details: { balancer.program.summary }) {
            !Ports.isListening(balancer.port)
        }
        let run = try StatusRun(socket)
        #expect(run.exitCode == .exited(1))
        #expect(run.answer.state == "draining", "\(run.output)")
        #expect(run.answer.sessions == 4, "\(run.output)")
        clients[0].close()
        try balancer.waitForStatus(at: socket, "of 3 sessions") { $0.sessions == 3 && $0.state == "draining" }
        for client in clients { client.close() }
        #expect(try balancer.program.waitForExit() == .exited(0), "\(balancer.program.summary)")
    }

    @Test("of a stopped balancer: exit code 1 after the timeout, and 0 when it continues")
    func standsStill() throws {
        let socket = try TestFolder().path(of: "admin.sock")
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback, "--admin-socket", socket)
        try balancer.waitForStatus(at: socket, "of one that serves") { $0.state == "serving" }
        balancer.program.signal(SIGSTOP)
        let start = ContinuousClock.now
        let run = try StatusRun(socket, "--timeout", "200ms")
        #expect(ContinuousClock.now - start >= .milliseconds(200))
        #expect(run.exitCode == .exited(1))
        #expect(run.complaint.contains(socket), "\(run.complaint)")
        #expect(run.complaint.contains("the balancer hangs or is stopped"), "\(run.complaint)")
        balancer.program.signal(SIGCONT)
        #expect(try StatusRun(socket).exitCode == .exited(0))
        #expect(try balancer.connectAndGreet().backend == "A")
    }

    @Test("without a socket: exit code 1, and one line with the path and the missing option")
    func noSocket() throws {
        let socket = try TestFolder().path(of: "admin.sock")
        let run = try StatusRun(socket)
        #expect(run.exitCode == .exited(1))
        #expect(run.complaint.contains(socket) && run.complaint.contains("--admin-socket"), "\(run.complaint)")
    }

    @Test("of a killed balancer: exit code 1, and one line that says that it has ended")
    func killed() throws {
        let socket = try TestFolder().path(of: "admin.sock")
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback, "--admin-socket", socket)
        try balancer.waitForStatus(at: socket, "of one that serves") { $0.state == "serving" }
        balancer.program.signal(SIGKILL)
        #expect(try balancer.program.waitForExit() == .killed(signal: SIGKILL))
        let run = try StatusRun(socket)
        #expect(run.exitCode == .exited(1))
        #expect(run.complaint.contains(socket) && run.complaint.contains("has ended"), "\(run.complaint)")
    }

    @Test("BALANCER_ADMIN_SOCKET sets the path for both programs, and an argument overrides it")
    func environment() throws {
        let folder = try TestFolder()
        let chosen = ["BALANCER_ADMIN_SOCKET": folder.path(of: "chosen")]
        let wrong = ["BALANCER_ADMIN_SOCKET": folder.path(of: "wrong")]
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback, environment: chosen)
        try balancer.waitForStatus(at: folder.path(of: "chosen"), "of one that serves") { $0.state == "serving" }
        let run = try StatusRun(environment: chosen)
        #expect(run.exitCode == .exited(0), "\(run.errors)")
        #expect(run.answer.balancer["pid"] == "\(balancer.program.pid)")
        #expect(try StatusRun(environment: wrong).exitCode == .exited(1))
        #expect(try StatusRun(folder.path(of: "chosen"), environment: wrong).exitCode == .exited(0))

        let other = try BalancerUnderTest.start(
            backends: [backend.port].onLoopback, "--admin-socket", folder.path(of: "other"), environment: wrong)
        try other.waitForStatus(at: folder.path(of: "other"), "of one that serves") { $0.state == "serving" }
        #expect(try folder.names == ["chosen", "other"])
    }

    @Test("the variable of an earlier version is ignored, and a line says so unless the present one is set")
    func formerVariable() throws {
        let folder = try TestFolder()
        let backend = try EchoBackend(named: "A")
        let former = ["BALANCER_STATUS_SOCKET": folder.path(of: "former")]
        let balancer = try BalancerUnderTest.start(backends: [backend.port].onLoopback, environment: former)
        // Standard error has a reader of its own.
        try eventually("the line is there", details: { balancer.program.summary }) {
            balancer.countErrors(with: "BALANCER_STATUS_SOCKET is BALANCER_ADMIN_SOCKET now") == 1
        }
        let both = former.merging(["BALANCER_ADMIN_SOCKET": folder.path(of: "present")]) { first, _ in first }
        let other = try BalancerUnderTest.start(backends: [backend.port].onLoopback, environment: both)
        try other.waitForStatus(at: folder.path(of: "present"), "of one that serves") { $0.state == "serving" }
        #expect(other.countErrors(with: "BALANCER_STATUS_SOCKET") == 0)
        #expect(try folder.names == ["present"])
    }

    @Test("the error for an impossible path, or a second path, has that path", arguments: [1, 2])
    func wrongQuestion(count: Int) throws {
        let path = "/tmp/" + String(repeating: "x", count: 103)
        let program = try RunningProgram.start(.balancer, ["status"] + Array(repeating: path, count: count))
        #expect(try program.waitForExit() == .exited(64))
        #expect(program.errors.texts.contains { $0.contains(path) }, "\(program.summary)")
        #expect(program.output.bytes == [])
    }
}
