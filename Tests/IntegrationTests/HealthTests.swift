import Glibc
import Testing

/// Items 11 to 18: probes, bad and dead servers, and their effect on clients.
@Suite("Health", .ownThread)
struct HealthTests {
    /// How the kernel treats a new connection to a server that is down.
    enum Absence: Sendable, CaseIterable {
        case refuses, neverAnswers

        var cause: String {
            switch self {
            case .refuses: GuideLine.refusedCause
            case .neverAnswers: GuideLine.timeoutCause
            }
        }
    }

    @Test(
        "a stopped server is bad three times, then dead, each line after its cause; the others stay alive",
        arguments: Absence.allCases)
    func shutDown(_ absence: Absence) throws {
        let backends = try ["A", "B", "C"].map { try EchoBackend(named: $0) }
        let lost = backends[1].port
        let balancer = try BalancerUnderTest.start(
            backends: backends.map(\.port).onLoopback, "--probe-interval", "400ms", "--probe-timeout", "300ms",
            streams: .merged)
        for backend in backends { try balancer.wait(for: .alive, of: backend.port, times: 2) }
        // The balancer is stopped meanwhile, so that no probe comes while the port refuses or the queue is not full
        // yet.
        balancer.program.signal(SIGSTOP)
        try backends[1].stop()
        if absence == .neverAnswers { _ = try SilentBackend(port: lost) }
        balancer.program.signal(SIGCONT)

        try balancer.wait(for: .dead, of: lost, times: 3)
        let failures = balancer.health(of: lost).drop { $0 == .alive }
        #expect(failures.prefix(6) == [.bad, .bad, .bad, .dead, .dead, .dead])
        let lines = balancer.output.texts
        let bad = try #require(lines.firstIndex(of: GuideLine.bad(lost)))
        let dead = try #require(lines.lastIndex(of: GuideLine.dead(lost)))
        for port in [backends[0].port, backends[2].port] {
            #expect(balancer.health(of: port).allSatisfy { $0 == .alive }, "\(balancer.program.summary)")
            // There are five intervals between the first bad line and the third dead one.
            let rounds = lines[bad...dead].count { $0 == GuideLine.alive(port) }
            #expect((4...6).contains(rounds), "\(balancer.program.summary)")
        }
        // Much sooner than a connect would time out, so no client is sent to the dead server any more.
        let names = try (0..<4).map { _ in try balancer.connectAndGreet(within: .seconds(3)).backend }
        #expect(names.sorted() == ["A", "A", "C", "C"])
        if absence == .refuses { balancer.expectCauses([lost: absence.cause]) }
        #expect(lines[dead - 1] == absence.cause)
    }

    @Test(
        "a server that never started is bad three times, then dead, each line after its cause",
        arguments: Absence.allCases)
    func neverThere(_ absence: Absence) throws {
        let port = try absence == .refuses ? Ports.free() : SilentBackend().port
        let balancer = try BalancerUnderTest.start(
            backends: [port].onLoopback, "--probe-interval", "200ms", "--probe-timeout", "100ms", streams: .merged)
        try balancer.wait(for: .dead, of: port, times: 2)
        #expect(balancer.health(of: port).prefix(5) == [.bad, .bad, .bad, .dead, .dead])
        balancer.expectCauses([port: absence.cause])
    }

    @Test("one or two failures followed by a success never make a server dead, however often that happens")
    func fewFailures() throws {
        let port = try Ports.free()
        var backend = try EchoBackend(named: "A", port: port)
        let balancer = try BalancerUnderTest.start(
            backends: [port].onLoopback, "--probe-interval", "1500ms", "--probe-timeout", "400ms")
        try balancer.waitUntilAlive(port)
        // In total as many failures as make a server dead when they come in a row.
        for failures in [1, 2, 1] {
            let bad = balancer.health(of: port).count { $0 == .bad }
            try backend.stop()
            try balancer.wait(for: .bad, of: port, times: bad + failures)
            // Counted while the server is down, so that a line from before its stop is not taken for its return, for
            // which there is one interval of time.
            let alive = balancer.health(of: port).count { $0 == .alive }
            backend = try EchoBackend(named: "A", port: port)
            try balancer.wait(for: .alive, of: port, times: alive + 1)
        }
        let health = balancer.health(of: port)
        #expect(health.count { $0 == .bad } == 4, "\(balancer.program.summary)")
        #expect(!health.contains(.dead))
        #expect(try balancer.connectAndGreet().backend == "A")
    }

    @Test("a bad server is still in rotation")
    func badIsInRotation() throws {
        let first = try EchoBackend(named: "A")
        let second = try EchoBackend(named: "B")
        let balancer = try BalancerUnderTest.start(
            backends: [first.port, second.port].onLoopback, "--probe-interval", "1s")
        try balancer.waitUntilAlive(first.port, second.port)
        try second.stop()
        try balancer.wait(for: .bad, of: second.port)
        let again = try EchoBackend(named: "B", port: second.port)
        #expect(try balancer.backendsOfNextClients(2).sorted() == ["A", "B"])
        #expect(!balancer.health(of: again.port).contains(.dead))
    }

    @Test(
        "a dead server gets no clients, and gets them again after its return; clients of the others notice nothing"
    )
    func deathAndReturn() throws {
        let ports = try Ports.free(3)
        let steady = try [EchoBackend(named: "A", port: ports[0]), EchoBackend(named: "C", port: ports[2])]
        let lost = try EchoBackend(named: "B", port: ports[1])
        let balancer = try BalancerUnderTest.start(backends: ports.onLoopback, .probingOften)
        for port in ports { try balancer.waitUntilAlive(port) }
        let witnesses = try (0..<3).map { _ in try balancer.connectAndGreet() }
        let survivors = witnesses.filter { $0.backend != "B" }.map(\.client)
        #expect(survivors.count == 2)

        try lost.stop()
        try balancer.wait(for: .dead, of: ports[1])
        let whileDead = try balancer.backendsOfNextClients(6)
        #expect(whileDead.sorted() == ["A", "A", "A", "C", "C", "C"])
        #expect(zip(whileDead, whileDead.dropFirst()).allSatisfy { $0 != $1 }, "\(whileDead)")
        for client in survivors {
            try client.send("while it is dead")
            try client.expect("while it is dead")
        }

        let alive = balancer.health(of: ports[1]).count { $0 == .alive }
        let returned = try EchoBackend(named: "B", port: ports[1])
        try balancer.wait(for: .alive, of: ports[1], times: alive + 1)
        #expect(balancer.health(of: ports[1]).drop { $0 != .dead }.drop { $0 == .dead }.first == .alive)
        let afterwards = try balancer.backendsOfNextClients(6)
        #expect(afterwards.sorted() == ["A", "A", "B", "B", "C", "C"])
        for client in survivors {
            try client.send("after its return")
            try client.expect("after its return")
        }
        for backend in steady + [returned] { try backend.stop() }
    }

    @Test("clients of a server that refuses but is not dead yet go to the next server and notice nothing")
    func redispatch() throws {
        let ports = try Ports.free(3)
        let backends = try [EchoBackend(named: "A", port: ports[0]), EchoBackend(named: "C", port: ports[2])]
        let lost = try EchoBackend(named: "B", port: ports[1])
        // There is only the first probe, so the balancer learns of the failure only from clients.
        let balancer = try BalancerUnderTest.start(backends: ports.onLoopback, "--probe-interval", "1h")
        for port in ports { try balancer.waitUntilAlive(port) }
        try lost.stop()
        let clients = try (0..<12).map { _ in try balancer.connectAndGreet() }
        for (number, (client, _)) in clients.enumerated() {
            try client.send("number \(number)")
            try client.expect("number \(number)")
        }
        #expect(Set(clients.map(\.backend)) == ["A", "C"])
        #expect(balancer.health(of: ports[1]) == [.alive])
        #expect(balancer.errors.texts.isEmpty, "\(balancer.program.summary)")
        #expect(balancer.terminations == 0)
        for (client, _) in clients { client.close() }
        try balancer.waitUntilEmpty(after: 12)
        #expect(balancer.terminations == 12, "one row per client, however many servers were tried")
        for backend in backends { try backend.stop() }
    }

    @Test("bytes that a client sends early are not lost while servers are tried")
    func redispatchKeepsFirstWords() throws {
        let ports = try Ports.free(4)
        let last = try EchoBackend(port: ports[3])
        let balancer = try BalancerUnderTest.start(backends: ports.onLoopback, "--probe-interval", "1h")
        let pattern = Pattern(seed: 15)
        for _ in 1...4 {
            let client = try balancer.connect()
            try pattern.send(50_000, through: client)
            client.finishSending()
            let receipt = try pattern.receive(upTo: 50_000, from: client)
            #expect(receipt == Pattern.Receipt(count: 50_000, isIntact: true, ending: nil))
        }
        try last.stop()
    }

    @Test(
        "clients of a server that does not answer but is not dead yet go to the next server after the connect timeout")
    func redispatchAfterTimeout() throws {
        let silent = try SilentBackend()
        let backend = try EchoBackend(named: "B")
        let balancer = try BalancerUnderTest.start(
            backends: [silent.port, backend.port].onLoopback, "--probe-interval", "1h", "--connect-timeout", "300ms")
        #expect(try balancer.connectAndGreet().backend == "B")
        #expect(try balancer.connectAndGreet().backend == "B")
    }

    @Test("with all servers dead the balancer does not spin, closes new clients at once, and recovers by itself")
    func allDead() throws {
        let ports = try Ports.free(3)
        let balancer = try BalancerUnderTest.start(backends: ports.onLoopback, .probingOften)
        for port in ports { try balancer.wait(for: .dead, of: port) }
        for _ in 1...3 {
            let client = try balancer.connect()
            #expect(try client.receiveToEnd(within: .seconds(3)).bytes == [])
        }
        #expect(try balancer.program.processorShare(over: .seconds(3)) < 0.05)

        let names = ["A", "B", "C"]
        let backends = try zip(names, ports).map { try EchoBackend(named: $0, port: $1) }
        for port in ports { try balancer.wait(for: .alive, of: port) }
        #expect(try balancer.backendsOfNextClients(3).sorted() == names)
        for backend in backends { try backend.stop() }
    }

    @Test("when all servers die with open sessions, clients are disconnected, the table empties, and nothing spins")
    func allDieUnderClients() throws {
        let backends = try ["A", "B"].map { try EchoBackend(named: $0) }
        let balancer = try BalancerUnderTest.start(backends: backends.map(\.port).onLoopback, .probingOften)
        let clients = try (0..<8).map { _ in try balancer.connectAndGreet().client }
        for backend in backends { try backend.stop() }
        // The clients do not close their own end: the death of the server alone must reach them.
        for client in clients { _ = try client.receiveToEnd(within: .seconds(5)) }
        for backend in backends { try balancer.wait(for: .dead, of: backend.port) }
        #expect(try balancer.program.processorShare(over: .seconds(2)) < 0.05)
        for client in clients { client.close() }
        try balancer.waitUntilEmpty(after: 8)
    }
}

/// Items 11, 12 and 16 with the default interval of 5 s, in one run, which takes half a minute and mostly waits.
@Suite("Health at the guide's pace", .ownThreadAtOnce)
struct GuidePaceTests {
    @Test("with the default interval: every server is probed each 5 s, one is stopped and restarted, one never answers")
    func fiveSeconds() throws {
        let ports = try Ports.free(3)
        let silent = try SilentBackend()
        let servers = try ports.map { try startChatServer(on: $0) }
        let watch = LatenessWatch()
        let started = ContinuousClock.now
        let balancer = try BalancerUnderTest.start(backends: (ports + [silent.port]).onLoopback, streams: .merged)
        for port in ports { try balancer.wait(for: .alive, of: port) }
        let late = watch.lateness(from: started, to: .now)
        #expect(ContinuousClock.now - started < .seconds(4) + late, "the first round of probes is at start-up")
        let clients = try zip(["test1", "test2", "test3"], servers).map { name, server in
            let client = try startChatClient(to: balancer.address, as: name)
            try server.waitForLine(GuideLine.connected())
            return client
        }

        // The second server is shut down right after its second round.
        let lost = ports[1]
        try balancer.wait(for: .alive, of: lost, times: 2, within: .seconds(10))
        servers[1].signal(SIGTERM)
        try servers[1].waitForExit()
        let shutDown = ContinuousClock.now
        #expect(try clients[1].waitForExit() == .exited(1))
        try talk(clients[0], "test1", "one has gone")
        try talk(clients[2], "test3", "one has gone")

        try balancer.wait(for: .dead, of: lost, within: .seconds(25))
        let death = try #require(balancer.healthLines(of: lost).first { $0.health == .dead }).arrival
        let latest = .seconds(20.5) + watch.lateness(from: shutDown, to: death)
        #expect(death - shutDown > .seconds(14.5) && death - shutDown < latest, "\(death - shutDown)")

        // The server can bind at once although its client's connection lingers, and the next probe succeeds.
        let restarted = ContinuousClock.now
        let returned = try startChatServer(on: lost)
        try balancer.wait(for: .alive, of: lost, times: 3, within: .seconds(10))
        #expect(ContinuousClock.now - restarted < .seconds(6) + watch.lateness(from: restarted, to: .now))
        try balancer.wait(for: .alive, of: ports[0], times: 7, within: .seconds(10))
        try balancer.wait(for: .alive, of: ports[2], times: 7)
        #expect(balancer.health(of: lost) == [.alive, .alive, .bad, .bad, .bad, .dead, .alive])
        #expect(balancer.health(of: silent.port).prefix(5) == [.bad, .bad, .bad, .dead, .dead])
        for port in [ports[0], ports[2]] { #expect(balancer.health(of: port).allSatisfy { $0 == .alive }) }
        balancer.expectCauses([lost: GuideLine.refusedCause, silent.port: GuideLine.timeoutCause])
        for port in ports + [silent.port] {
            let arrivals = balancer.healthLines(of: port).map(\.arrival)
            #expect(arrivals.count >= 6)
            for (earlier, later) in zip(arrivals, arrivals.dropFirst()) {
                let interval = later - earlier
                // A late probe shortens the next interval.
                let tolerance = .seconds(0.5) + watch.lateness(from: earlier - .seconds(1), to: later)
                let isRegular = interval >= .seconds(5) - tolerance && interval <= .seconds(5) + tolerance
                #expect(isRegular, "\(port): \(interval)")
            }
        }

        // Only the silent server is dead, so the next three clients go to the three others, including the restarted
        // one.
        let newcomers = try (4...6).map { try startChatClient(to: balancer.address, as: "test\($0)") }
        try returned.waitForLine(GuideLine.connected())
        for (server, count) in [(servers[0], 2), (servers[2], 2)] {
            try server.waitForLine(GuideLine.connected(), times: count)
        }
        for (number, client) in zip(4..., newcomers) { try talk(client, "test\(number)", "hello") }
        try talk(clients[0], "test1", "it is back")
        try talk(clients[2], "test3", "it is back")
        // In half a minute the probes have added no line to any server's terminal.
        #expect(servers.map { $0.output.count(of: GuideLine.connected()) } == [2, 1, 2])
        #expect(servers.map { $0.output.count(where: GuideLine.isServerTermination) } == [0, 0, 0])
    }

    private func talk(
        _ client: RunningProgram, _ name: String, _ line: String, at location: SourceLocation = #_sourceLocation
    ) throws {
        try client.send(line, at: location)
        try client.waitForLine("[\(name)] \(line)", at: location)
    }
}
