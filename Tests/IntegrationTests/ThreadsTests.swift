import Glibc
import Testing

/// With `--threads` several loops behave like one for clients and operators.
@Suite("Threads", .ownThread)
struct ThreadsTests {
    @Test("each loop serves clients, and all count in one session table", arguments: [2, 4])
    func allLoopsServe(threads: Int) throws {
        let backends = try ["A", "B", "C"].map { try EchoBackend(named: $0) }
        let balancer = try BalancerUnderTest.start(threads: threads, backends.map(\.port), "--probe-interval", "1h")
        for backend in backends { try balancer.waitUntilAlive(backend.port) }
        let names = Set(["balancer"] + (1..<threads).map { "balancer/\($0)" })
        // A thread sets its name when it starts to run.
        try balancer.program.wait("all threads have their names") {
            (try? balancer.program.threads()).map { Set($0.keys) } == names
        }
        let before = try balancer.program.threads()

        // The probability that one loop gets none of so many clients is below 1 in 10 million.
        let clients = try (0..<64).map { _ in try balancer.connectAndGreet() }
        #expect(Set(clients.map(\.backend)) == ["A", "B", "C"])
        for (number, (client, _)) in clients.enumerated() {
            try client.send("number \(number)")
            try client.expect("number \(number)")
        }
        let after = try balancer.program.threads()
        for name in names { #expect(after[name, default: 0] > before[name, default: 0], "\(name) served no client") }

        var expected = balancer.output.texts
        #expect(expected.count { $0.hasPrefix("srcIP") } == 1)
        for (place, (client, _)) in clients.enumerated() {
            let address = try client.localAddress()
            client.close()
            expected += GuideLine.terminated(address, left: clients.count - 1 - place)
            try balancer.program.wait("row \(place) is deleted") { balancer.output.texts.count >= expected.count }
        }
        #expect(balancer.output.texts == expected)
        #expect(balancer.errors.texts == [])
    }

    @Test("chat works through two loops")
    func chat() throws {
        let port = try Ports.free()
        let server = try startChatServer(on: port)
        let balancer = try BalancerUnderTest.start(threads: 2, [port])
        let clients = try (1...8).map { number in
            let client = try startChatClient(to: balancer.address, as: "test\(number)")
            try server.waitForLine(GuideLine.connected(), times: number)
            return client
        }
        try clients[0].send("hello")
        for client in clients { try client.waitForLine("[test1] hello") }
        for client in clients { try client.send("q") }
        for client in clients { #expect(try client.waitForExit() == .exited(0)) }
        try balancer.waitUntilEmpty(after: 8)
    }

    // MARK: Limits

    @Test("--sessions-max limits the sum, and each free place serves a waiting client of any loop")
    func sessionsMax() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            threads: 4, [backend.port], "--probe-interval", "1h", "--sessions-max", "6")
        try balancer.waitUntilAlive(backend.port)
        var waiting = try (0..<40).map { _ in try balancer.connect() }
        var served: [TCPSocket] = []
        func servedCount() -> Int {
            served += waiting.filter { $0.wait(for: POLLIN, Deadline(within: .zero)) }
            waiting.removeAll { client in served.contains { $0 === client } }
            return served.count
        }
        #expect(try settled("the number of clients served", for: .milliseconds(300)) { servedCount() } == 6)
        while !served.isEmpty {
            let expected = min(6, served.count + waiting.count - 1)
            let client = served.removeFirst()
            try client.expect("A\n")
            client.close()
            try balancer.program.wait("the place of a client that left is taken") { servedCount() == expected }
        }
        try balancer.waitUntilEmpty(after: 40)
        #expect(balancer.terminations == 40)
        #expect(backend.accepted == 41, "the backend should see the probe, and each client once")
        #expect(balancer.countErrors(with: "all 6 sessions are taken") == 1, "\(balancer.program.summary)")
        try balancer.program.wait("the end of the shortage is logged") {
            balancer.countErrors(with: "sessions are free again") == 1
        }
    }

    @Test("a free place that the woken loop has no client for goes to a client of another loop")
    func waitingClientsThatLeave() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            threads: 4, [backend.port], "--probe-interval", "1h", "--sessions-max", "1")
        for _ in 1...20 {
            let first = try balancer.connectAndGreet().client
            let waiting = try (0..<12).map { _ in try balancer.connect() }
            // All waiting clients except one have left when the place becomes free.
            let stays = waiting[5]
            for client in waiting where client !== stays { client.reset() }
            first.close()
            #expect(try stays.receiveLine() == "A")
            stays.close()
        }
    }

    // MARK: Health

    @Test(
        "clients of a failing server are redispatched until it is dead, then avoid it, and all loops use it again later"
    )
    func deathAndReturn() throws {
        let ports = try Ports.free(3)
        let steady = try [EchoBackend(named: "A", port: ports[0]), EchoBackend(named: "C", port: ports[2])]
        let lost = try EchoBackend(named: "B", port: ports[1])
        let balancer = try BalancerUnderTest.start(
            threads: 4, ports, "--probe-interval", "400ms", "--connect-timeout", "5s")
        for port in ports { try balancer.waitUntilAlive(port) }
        try lost.stop()
        let early = try (0..<24).map { _ in try balancer.connectAndGreet() }
        #expect(Set(early.map(\.backend)) == ["A", "C"])

        try balancer.wait(for: .dead, of: ports[1])
        // A client that is still sent to the dead server would wait for the connect timeout.
        let silent = try SilentBackend(port: ports[1])
        let late = try (0..<32).map { _ in try balancer.connectAndGreet(within: .seconds(2)) }
        #expect(Set(late.map(\.backend)) == ["A", "C"])
        silent.close()

        // The connections that filled the silent backend's queue linger.
        let returned = try eventually("the port is free again") { try? EchoBackend(named: "B", port: ports[1]) }
        let alive = balancer.health(of: ports[1]).count { $0 == .alive }
        try balancer.wait(for: .alive, of: ports[1], times: alive + 1)
        let names = try balancer.backendsOfNextClients(48)
        #expect(Set(names) == ["A", "B", "C"])
        for backend in steady + [returned] { try backend.stop() }
    }

    @Test("an outage of all servers is logged once for all loops, and its end with the total of closed clients")
    func allDead() throws {
        let port = try Ports.free()
        let balancer = try BalancerUnderTest.start(threads: 4, [port], .probingOften)
        try balancer.wait(for: .dead, of: port)
        for _ in 1...32 { #expect(try balancer.connect().receiveToEnd(within: .seconds(3)).bytes == []) }
        #expect(try balancer.program.processorShare(over: .seconds(1)) < 0.05)
        let backend = try EchoBackend(named: "A", port: port)
        try balancer.program.wait("the end of the outage is logged") {
            balancer.countErrors(with: "a backend is up again") == 1
        }
        #expect(balancer.errors.texts.contains { $0.hasSuffix("clients closed meanwhile: 32") })
        #expect(balancer.countErrors(with: "no backend is up") == 1)
        #expect(try Set(balancer.backendsOfNextClients(16)) == ["A"])
        try backend.stop()
    }

    // MARK: Log

    @Test("when the output is not read for a while, lines are complete, and missing ones are counted as dropped")
    func linesAreWhole() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            backends: [backend.port].onLoopback, "--threads", "4", "--log", "sessions", "--probe-interval", "1h",
            streams: .outputUnread)
        let count = 300
        let crowds = (0..<4).map { _ in
            Background {
                for _ in 0..<count { try balancer.connectAndGreet().client.close() }
            }
        }
        for crowd in crowds { try crowd.value(within: .seconds(60)) }
        // More lines than the pipe and the log can hold.
        balancer.program.readOutput()
        let record = #/session client=127\.0\.0\.1:\d+ backend=127\.0\.0\.1:\d+ up=0 down=2 .* reason=\w+/#
        let dropped = #/(\d+) lines? dropped: the reader of this output is too slow/#
        try balancer.program.wait("all sessions are logged or counted") {
            let told = balancer.output.texts.count { $0.wholeMatch(of: record) != nil }
            let missing = balancer.output.texts.compactMap { $0.wholeMatch(of: dropped).flatMap { Int($0.output.1) } }
            return told + missing.reduce(0, +) == 4 * count
        }
        let texts = balancer.output.texts.dropFirst()
        #expect(texts.allSatisfy { $0.wholeMatch(of: record) != nil || $0.wholeMatch(of: dropped) != nil })
    }

    @Test(
        "the guide's three lines of a session stay together, and the last table length is 0",
        arguments: ["guide", "none"])
    func threeLines(mode: String) throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(threads: 4, [backend.port], "--probe-interval", "1h", "--log", mode)
        if mode == "guide" { try balancer.program.wait("the first line") { !balancer.output.texts.isEmpty } }
        let opening = balancer.output.texts.count
        let crowds = (0..<4).map { _ in
            Background {
                for _ in 0..<100 { try balancer.connectAndGreet().client.close() }
            }
        }
        for crowd in crowds { try crowd.value(within: .seconds(60)) }
        guard mode == "guide" else { return #expect(balancer.output.texts.count + balancer.errors.texts.count == 0) }
        try balancer.waitUntilEmpty(after: 400)
        let lines = balancer.output.texts.filter { !$0.hasPrefix("IP : <") }.dropFirst(min(opening, 1))
        #expect(lines.count == 1200)
        for (place, line) in lines.enumerated() {
            let starts = ["", "client <127.0.0.1,", " Current NAT table length : "]
            #expect(place % 3 == 0 ? line.isEmpty : line.hasPrefix(starts[place % 3]), "line \(place): \(line)")
        }
    }
}
