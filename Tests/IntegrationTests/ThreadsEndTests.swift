import Glibc
import Testing

/// The start and end of several loops with `--threads`.
@Suite("Threads, start and end", .ownThread)
struct ThreadsEndTests {
    @Test("during a drain no loop accepts, the sessions of all loops finish, and the process ends after the last")
    func drain() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(threads: 4, [backend.port], "--drain-time", "1h")
        let clients = try (0..<16).map { _ in try balancer.connectAndGreet().client }
        balancer.program.signal(SIGTERM)
        try eventually("the balancer stops listening", details: { balancer.program.summary }) {
            !Ports.isListening(balancer.port)
        }
        try balancer.program.wait("draining is logged") { balancer.countErrors(with: "may finish: 16, within") == 1 }
        for (left, client) in zip((0..<16).reversed(), clients) {
            try client.send("still here")
            try client.expect("still here")
            #expect(balancer.program.isRunning)
            client.close()
            try balancer.waitUntilTableLength(left)
        }
        #expect(try balancer.program.waitForExit(within: .seconds(5)) == .exited(0), "\(balancer.program.summary)")
        #expect(balancer.terminations == 16)
        #expect(balancer.errors.texts.count == 2, "\(balancer.program.summary)")
        #expect(balancer.countErrors(with: "stopped; sessions cut: 0") == 1)
    }

    @Test("sessions of all loops that outlast the drain time are cut, and their total is logged")
    func drainTimeEnds() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(threads: 4, [backend.port], "--drain-time", "500ms")
        let clients = try (0..<16).map { _ in try balancer.connectAndGreet().client }
        balancer.program.signal(SIGINT)
        #expect(try balancer.program.waitForExit(within: .seconds(10)) == .exited(0))
        for client in clients { _ = try client.receiveToEnd(within: .seconds(3)) }
        #expect(balancer.countErrors(with: "stopped; sessions cut: 16") == 1, "\(balancer.program.summary)")
        #expect(balancer.terminations == 16)
        #expect(balancer.tableLength == 0)
    }

    @Test("a second signal ends all loops at once")
    func secondSignal() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            threads: 4, [backend.port], "--drain-time", "1h", "--log", "sessions")
        let clients = try (0..<16).map { _ in try balancer.connectAndGreet().client }
        balancer.program.signal(SIGTERM)
        try eventually("the balancer drains", details: { balancer.program.summary }) {
            !Ports.isListening(balancer.port)
        }
        balancer.program.signal(SIGINT)
        #expect(try balancer.program.waitForExit(within: .seconds(5)) == .exited(0))
        for client in clients { _ = try client.receiveToEnd(within: .seconds(3)) }
        #expect(balancer.output.count { $0.hasSuffix("ended_by=balancer reason=cut") } == 16)
        #expect(balancer.countErrors(with: "stopped; sessions cut: 16") == 1, "\(balancer.program.summary)")
    }

    @Test("without sessions a signal ends the balancer at once; SIGHUP does not", arguments: [2, 64])
    func idle(threads: Int) throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(threads: threads, [backend.port])
        try balancer.waitUntilAlive(backend.port)
        balancer.program.signal(SIGHUP)
        try balancer.program.wait("SIGHUP is answered") {
            balancer.countErrors(with: "SIGHUP: the names of backends are looked up again: 0") == 1
        }
        try balancer.connectAndGreet().client.close()
        try balancer.waitUntilEmpty(after: 1)
        balancer.program.signal(SIGTERM)
        #expect(try balancer.program.waitForExit(within: .seconds(5)) == .exited(0), "\(balancer.program.summary)")
    }

    @Test("a port in use is an error even if both balancers use SO_REUSEPORT", arguments: [(1, 2), (2, 1), (2, 2)])
    func portInUse(first: Int, second: Int) throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(threads: first, [backend.port])
        let program = try RunningProgram.start(
            .balancer,
            ["127.0.0.1", "127.0.0.1", "\(backend.port)", "--port", "\(balancer.port)", "--threads", "\(second)"])
        #expect(try program.waitForExit() == .exited(69), "\(program.summary)")
        #expect(program.errors.texts.count == 1, "\(program.summary)")
        #expect(program.errors.text.contains("Address already in use"))
        #expect(try Set(balancer.backendsOfNextClients(16)) == ["A"])
    }

    @Test("a loop that cannot be created ends the process, and the message has its number")
    func loopThatFails() throws {
        let backend = try EchoBackend(named: "A")
        let port = try Ports.free()
        // Enough for the listeners and wakers of 64 loops and the first few loops, but not for all.
        let program = try RunningProgram.start(
            .balancer, ["127.0.0.1", "127.0.0.1", "\(backend.port)", "--port", "\(port)", "--threads", "64"],
            openFilesMax: 160)
        #expect(try program.waitForExit() == .exited(71), "\(program.summary)")
        let pattern = #/balancer: loop \d+: \w+.*: Too many open files \(raise the limit.*\)/#
        #expect(program.errors.texts.count { $0.wholeMatch(of: pattern) != nil } == 1, "\(program.summary)")
    }

    @Test(
        "the error for a wrong number of threads names the option",
        arguments: ["0", "-1", "65", "two", "9223372036854775807", "99999999999999999999"])
    func wrongNumber(_ value: String) throws {
        let program = try RunningProgram.start(.balancer, ["127.0.0.1", "127.0.0.1", "8090", "--threads=\(value)"])
        #expect(try program.waitForExit() == .exited(64))
        #expect(program.errors.texts.contains { $0.contains("--threads") }, "\(program.summary)")
    }
}
