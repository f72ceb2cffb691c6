import Glibc
import Testing

/// The notifications that the balancer sends to its service manager: sd_notify(3).
@Suite("Service manager", .ownThread)
struct ServiceManagerTests {
    @Test(
        "READY=1 is sent once, when the first round of probes has ended, and clients are served from then on",
        arguments: [false, true], [1, 3])
    func ready(isAbstract: Bool, threads: Int) throws {
        let manager = try NotifySocket(isAbstract: isAbstract)
        let backend = try EchoBackend(named: "A")
        let port = try Ports.free()
        let program = try RunningProgram.start(
            .balancer,
            ["127.0.0.1", "127.0.0.1", "\(backend.port)", "--port", "\(port)", "--threads", "\(threads)"],
            environment: ["NOTIFY_SOCKET": manager.name])
        try manager.wait(for: "READY", "1", from: program)
        // One attempt must suffice.
        try TCPSocket.connect(to: SocketAddress("127.0.0.1", port)).expect("A\n")
        let statuses = manager.messages.compactMap { $0["STATUS"] }
        #expect(statuses.first == "starting: 0 of 1 backends up", "\(manager.summary)")
        #expect(manager.messages.first { $0["READY"] == "1" }?["STATUS"] == "serving: 1 of 1 backends up")
        #expect(manager.count("READY") == 1)
    }

    @Test("SIGHUP during the first round of probes sends nothing: READY=1 after it would say that the start is over")
    func reloadWhileStarting() throws {
        let manager = try NotifySocket()
        let balancer = try start([try SilentBackend().port], manager, "--probe-timeout", "1s")
        try manager.wait(for: "STATUS", "starting", from: balancer.program)
        balancer.program.signal(SIGHUP)
        try balancer.program.wait("SIGHUP is answered") { balancer.countErrors(with: "SIGHUP") == 1 }
        #expect(manager.count("READY") == 0, "\(manager.summary)")
        try manager.wait(for: "READY", from: balancer.program)
        #expect(manager.count("READY") == 1 && manager.count("RELOADING") == 0, "\(manager.summary)")
        // The next one is a reload as ever.
        balancer.program.signal(SIGHUP)
        try manager.wait(for: "READY", number: 2, from: balancer.program)
        #expect(manager.count("RELOADING") == 1)
    }

    @Test("a balancer that cannot start does not send READY=1", arguments: [1, 3])
    func notReady(threads: Int) throws {
        let manager = try NotifySocket()
        let taken = try ListeningSocket()
        let program = try RunningProgram.start(
            .balancer, ["127.0.0.1", "127.0.0.1", "8090", "--port", "\(taken.port)", "--threads", "\(threads)"],
            environment: ["NOTIFY_SOCKET": manager.name])
        #expect(try program.waitForExit() == .exited(69), "\(program.summary)")
        // A local datagram arrives when it is sent, so any notification would have arrived by now.
        #expect(manager.count("READY") == 0, "\(manager.summary)")
    }

    @Test("STATUS changes with each backend that goes down or up")
    func status() throws {
        let manager = try NotifySocket()
        let backend = try EchoBackend(named: "A")
        let balancer = try start([backend.port, try EchoBackend(named: "B").port], manager, "--probe-interval=100ms")
        try manager.wait(for: "STATUS", "serving: 2 of 2 backends up", from: balancer.program)
        try backend.stop()
        try manager.wait(for: "STATUS", "serving: 1 of 2 backends up", from: balancer.program)
        _ = try EchoBackend(named: "A", port: backend.port)
        let back = try manager.wait(for: "STATUS", "serving: 2 of 2 backends up", number: 2, from: balancer.program)
        #expect(back["READY"] == nil)
    }

    @Test("STATUS says that clients wait for a place, and that they do no longer", arguments: [1, 2])
    func full(threads: Int) throws {
        let manager = try NotifySocket()
        let backend = try EchoBackend(named: "A")
        // No probe leads to another look at the state.
        let balancer = try start(
            [backend.port], manager, "--threads", "\(threads)", "--sessions-max", "1", "--probe-interval", "1h")
        try manager.wait(for: "STATUS", "serving: 1 of 1 backends up", from: balancer.program)
        let (client, _) = try balancer.connectAndGreet()
        let waiting = try balancer.connect()
        try manager.wait(for: "STATUS", "full: 1 of 1 backends up", from: balancer.program)
        client.close()
        try waiting.expect("A\n")
        waiting.close()
        try manager.wait(for: "STATUS", "serving: 1 of 1 backends up", number: 2, from: balancer.program)
    }

    @Test("STATUS says that no backend is up")
    func noBackend() throws {
        let manager = try NotifySocket()
        let balancer = try start([try Ports.free()], manager, "--probe-interval=100ms")
        try manager.wait(for: "STATUS", "no-backend: 0 of 1 backends up", from: balancer.program)
    }

    @Test(
        "after SIGHUP the balancer sends RELOADING=1 with the time, then READY=1", arguments: [1, 3],
        ["127.0.0.1", "localhost"])
    func reload(threads: Int, host: String) throws {
        let manager = try NotifySocket()
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            backends: [], host, "\(backend.port)", "--threads", "\(threads)",
            environment: ["NOTIFY_SOCKET": manager.name])
        try manager.wait(for: "READY", from: balancer.program)
        let (client, _) = try balancer.connectAndGreet()
        for round in 1...2 {
            let before = monotonicMicroseconds()
            balancer.program.signal(SIGHUP)
            let reloading = try manager.wait(for: "RELOADING", "1", number: round, from: balancer.program)
            let since = Int(reloading["MONOTONIC_USEC"] ?? "") ?? -1
            #expect((before...monotonicMicroseconds()).contains(since), "\(reloading.text)")
            try manager.wait(for: "READY", "1", number: round + 1, from: balancer.program)
            let order = manager.messages.compactMap { $0["RELOADING"].map { _ in "reloading" } ?? $0["READY"] }
            #expect(order == ["1"] + Array(repeating: ["reloading", "1"], count: round).joined())
        }
        try client.send("still here")
        try client.expect("still here")
    }

    @Test("after SIGTERM the balancer sends STOPPING=1 and the time that draining may take", arguments: [1, 3])
    func stopping(threads: Int) throws {
        let manager = try NotifySocket()
        let backend = try EchoBackend(named: "A")
        let balancer = try start([backend.port], manager, "--threads", "\(threads)", "--drain-time", "200s")
        try manager.wait(for: "READY", from: balancer.program)
        let (client, _) = try balancer.connectAndGreet()
        #expect(manager.count("STOPPING") == 0)
        balancer.program.signal(SIGTERM)
        let message = try manager.wait(for: "STOPPING", "1", from: balancer.program)
        #expect(balancer.program.isRunning)
        #expect(Int(message["EXTEND_TIMEOUT_USEC"] ?? "") ?? 0 >= 200_000_000, "\(message.text)")
        #expect(message["STATUS"]?.hasPrefix("draining") == true, "\(message.text)")
        try client.send("still here")
        try client.expect("still here")
        client.close()
        #expect(try balancer.program.waitForExit() == .exited(0))
        #expect(manager.count("STOPPING") == 1)
        #expect(manager.count("READY") == 1)
    }

    @Test("STOPPING=1 is also sent when no session is open")
    func stoppingAtOnce() throws {
        let manager = try NotifySocket()
        let balancer = try start([try EchoBackend(named: "A").port], manager)
        try manager.wait(for: "READY", from: balancer.program)
        balancer.program.signal(SIGINT)
        #expect(try balancer.program.waitForExit() == .exited(0))
        try manager.wait(for: "STOPPING", "1", from: balancer.program)
    }

    // MARK: Watchdog

    @Test("WATCHDOG=1 is sent repeatedly, also during a drain", arguments: [1, 3])
    func watchdog(threads: Int) throws {
        let manager = try NotifySocket()
        let backend = try EchoBackend(named: "A")
        let balancer = try start(
            [backend.port], manager, "--threads", "\(threads)", "--drain-time", "1h",
            environment: ["WATCHDOG_USEC": "300000"])
        let (client, _) = try balancer.connectAndGreet()
        try manager.wait(for: "WATCHDOG", "1", number: 5, from: balancer.program)
        balancer.program.signal(SIGTERM)
        try manager.wait(for: "STOPPING", from: balancer.program)
        let before = manager.count("WATCHDOG")
        try manager.wait(for: "WATCHDOG", "1", number: before + 5, from: balancer.program)
        try client.send("still here")
        try client.expect("still here")
        client.close()
        #expect(try balancer.program.waitForExit() == .exited(0))
    }

    /// The process that the environment names as the watched one.
    enum Watched: String, Sendable, CaseIterable {
        case noProcess, otherProcess, thisProcess
    }

    @Test("WATCHDOG=1 is sent only if the environment names this process", arguments: Watched.allCases)
    func watched(_ watched: Watched) throws {
        let manager = try NotifySocket()
        let backend = try EchoBackend(named: "A")
        let port = try Ports.free()
        let variables =
            switch watched {
            case .noProcess: "unset WATCHDOG_USEC WATCHDOG_PID"
            case .otherProcess: "export WATCHDOG_USEC=150000 WATCHDOG_PID=1"
            case .thisProcess: "export WATCHDOG_USEC=150000 WATCHDOG_PID=$$"
            }
        let command = [try Program.balancer.path(), "127.0.0.1", "127.0.0.1", "\(backend.port)", "--port", "\(port)"]
        let program = try RunningProgram.start(
            ["/bin/sh", "-c", "\(variables); exec \"$0\" \"$@\""] + command, named: "balancer",
            environment: ["NOTIFY_SOCKET": manager.name])
        try manager.wait(for: "READY", from: program)
        if watched == .thisProcess {
            try manager.wait(for: "WATCHDOG", number: 3, from: program)
        } else {
            try remains("no WATCHDOG=1 is sent", for: .milliseconds(500), details: { manager.summary }) {
                manager.count("WATCHDOG") == 0
            }
        }
    }

    // MARK: Without a working manager

    @Test(
        "a NOTIFY_SOCKET that cannot be a socket is an error at the start, whose message has its value",
        arguments: ["run/notify", "@", "vsock:2:1234", "/" + String(repeating: "x", count: 107)])
    func nonsense(name: String) throws {
        let port = try Ports.free()
        let program = try RunningProgram.start(
            .balancer, ["127.0.0.1", "127.0.0.1", "8090", "--port", "\(port)"], environment: ["NOTIFY_SOCKET": name])
        guard case .exited(let code) = try program.waitForExit() else {
            throw TestFailure(program.summary, at: #_sourceLocation)
        }
        #expect(code != 0)
        #expect(program.errors.texts.count == 1, "\(program.summary)")
        #expect(program.errors.text.contains("NOTIFY_SOCKET '\(name)'"), "\(program.summary)")
        #expect(!Ports.isListening(port))
    }

    @Test(
        "the balancer serves with an empty NOTIFY_SOCKET, or one on which no process listens",
        arguments: ["", "/nonexistent/notify"])
    func noListener(name: String) throws {
        let balancer = try BalancerUnderTest.start(
            backends: [try EchoBackend(named: "A").port].onLoopback,
            environment: ["NOTIFY_SOCKET": name, "WATCHDOG_USEC": "60000"])
        try expectToServe(balancer)
    }

    @Test("the balancer serves after its manager has gone")
    func gone() throws {
        let manager = try NotifySocket()
        let balancer = try start(
            [try EchoBackend(named: "A").port], manager, environment: ["WATCHDOG_USEC": "60000"])
        try manager.wait(for: "WATCHDOG", number: 2, from: balancer.program)
        try manager.stop()
        try expectToServe(balancer)
    }

    @Test("a manager that does not read does not block the balancer")
    func unread() throws {
        let path = try TestFolder().path(of: "notify")
        let socket = try UnixSocket.receiving(at: path)
        try UnixSocket.fill(path)
        let balancer = try BalancerUnderTest.start(
            backends: [try EchoBackend(named: "A").port].onLoopback,
            environment: ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "60000"])
        try expectToServe(balancer)
        socket.close()
    }

    private func expectToServe(
        _ balancer: BalancerUnderTest, at location: SourceLocation = #_sourceLocation
    ) throws {
        let (client, name) = try balancer.connectAndGreet(at: location)
        #expect(name == "A", sourceLocation: location)
        balancer.program.signal(SIGHUP)
        try balancer.program.wait("SIGHUP is answered", at: location) { balancer.countErrors(with: "SIGHUP") == 1 }
        client.close()
        balancer.program.signal(SIGTERM)
        #expect(try balancer.program.waitForExit(at: location) == .exited(0), sourceLocation: location)
    }

    /// Starts a balancer that notifies `manager`.
    private func start(
        _ ports: [UInt16], _ manager: NotifySocket, _ options: String..., environment: [String: String] = [:],
        at location: SourceLocation = #_sourceLocation
    ) throws -> BalancerUnderTest {
        try BalancerUnderTest.start(
            backends: ports.onLoopback, options,
            environment: environment.merging(["NOTIFY_SOCKET": manager.name]) { $1 }, at: location)
    }

    /// The time of CLOCK_MONOTONIC in microseconds, with which a manager tells one reload from another.
    private func monotonicMicroseconds() -> Int {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }
}
