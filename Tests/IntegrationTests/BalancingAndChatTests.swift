import Testing

/// Items 4 to 8: the choice of a server for each client, and the guides' dialogues through the balancer.
@Suite("Balancing and chat", .ownThread)
struct BalancingAndChatTests {
    @Test("the first guide: with six clients and three servers, each line appears on exactly the guide's terminals")
    func firstGuide() throws {
        let system = try ChatSystem.start()
        let test1 = try system.join("test1")
        let test2 = try system.join("test2")
        let test3 = try system.join("test3")
        #expect(system.announced == [1, 1, 1])
        try say("hello", by: test1, as: "test1")
        try say("hi", by: test2, as: "test2")
        try say("hi", by: test3, as: "test3")

        let test4 = try system.join("test4")
        #expect(system.announced == [2, 1, 1])
        let test5 = try system.join("test5")
        #expect(system.announced == [2, 2, 1])
        let test6 = try system.join("test6")
        #expect(system.announced == [2, 2, 2])
        try say("hi test4", by: test4, as: "test4", to: test1)
        try say("hello test4", by: test1, as: "test1", to: test4)
        try say("hi test2", by: test5, as: "test5", to: test2)
        try say("oh test5 good to see you", by: test2, as: "test2", to: test5)
        try say("hello tes3", by: test6, as: "test6", to: test3)
        try say("hi test6", by: test3, as: "test3", to: test6)

        try system.expect([
            (test1, ["[test1] hello", "[test4] hi test4", "[test1] hello test4"]),
            (test2, ["[test2] hi", "[test5] hi test2", "[test2] oh test5 good to see you"]),
            (test3, ["[test3] hi", "[test6] hello tes3", "[test3] hi test6"]),
            (test4, ["[test4] hi test4", "[test1] hello test4"]),
            (test5, ["[test5] hi test2", "[test2] oh test5 good to see you"]),
            (test6, ["[test6] hello tes3", "[test3] hi test6"]),
        ])
    }

    @Test("the second guide: of four clients the 1st and 4th share a server, the 2nd and 3rd each have their own")
    func secondGuide() throws {
        let system = try ChatSystem.start()
        let jin = try system.join("jin")
        let susu = try system.join("susu")
        let jang = try system.join("jang")
        let sujungwef = try system.join("sujungwef")
        #expect(system.announced == [2, 1, 1])
        try say("hello", by: jin, as: "jin", to: sujungwef)
        try say("hi jins", by: sujungwef, as: "sujungwef", to: jin)
        try say("hi sujungwef", by: jin, as: "jin", to: sujungwef)
        try say("asfas", by: susu, as: "susu")
        try say("hello", by: susu, as: "susu")
        try say("sdfsd", by: jang, as: "jang")
        try say("hello", by: jang, as: "jang")
        let shared = ["[jin] hello", "[sujungwef] hi jins", "[jin] hi sujungwef"]
        try system.expect([
            (jin, shared), (susu, ["[susu] asfas", "[susu] hello"]), (jang, ["[jang] sdfsd", "[jang] hello"]),
            (sujungwef, shared),
        ])

        // Clients quit with `q` from left to right; each time the table loses a row and a server sees its client leave.
        for (client, left) in zip([jin, susu, jang, sujungwef], [3, 2, 1, 0]) {
            try client.send("q")
            #expect(try client.waitForExit() == .exited(0))
            try system.balancer.program.waitForLine(" Current NAT table length : \(left)")
        }
        try eventually("each server saw its clients leave") { system.terminated == [2, 1, 1] }
    }

    @Test("q and Q end one client silently; the others continue", arguments: ["q", "Q"])
    func quit(_ word: String) throws {
        let system = try ChatSystem.start(servers: 1)
        let leaving = try system.join("test1")
        let staying = try system.join("test2")
        try say("hello", by: leaving, as: "test1", to: staying)
        try leaving.send(word)
        #expect(try leaving.waitForExit() == .exited(0))
        try system.balancer.waitUntilTableLength(1)
        try say("still here", by: staying, as: "test2")
        try system.expect([
            (leaving, ["[test1] hello"]), (staying, ["[test1] hello", "[test2] still here"]),
        ])
    }

    @Test("a server prints one Connected line, with the balancer's address, and one terminated line per client")
    func serversTerminals() throws {
        let port = try Ports.free()
        let server = try startChatServer(on: port)
        let balancer = try BalancerUnderTest.start(
            on: "127.0.0.3", backends: [port].onLoopback, "--probe-interval", "100ms")
        for count in 1...3 {
            let client = try balancer.connect()
            try client.send("hello\n")
            try client.expect("hello\n")
            client.close()
            try server.wait("\(count) clients came and went") {
                server.output.count(where: GuideLine.isServerTermination) == count
            }
        }
        #expect(server.output.count(of: GuideLine.connected("127.0.0.3")) == 3)
        #expect(server.output.lines.count == 6, "\(server.summary)")
    }

    @Test("clients go to the servers by round robin from the first server on, and probes do not count")
    func roundRobin() throws {
        let backends = try ["A", "B", "C"].map { try EchoBackend(named: $0) }
        let balancer = try BalancerUnderTest.start(
            backends: backends.map(\.port).onLoopback, "--probe-interval", "50ms", "--probe-timeout", "45ms")
        // A probe of every server before each client.
        let names = try (1...9).map { turn in
            for backend in backends { try balancer.wait(for: .alive, of: backend.port, times: turn) }
            return try balancer.connectAndGreet().backend
        }
        #expect(names == ["A", "B", "C", "A", "B", "C", "A", "B", "C"])
    }

    @Test("clients may connect before all servers are up; a server that starts later gets its share")
    func serversComeLater() throws {
        let ports = try Ports.free(3)
        let balancer = try BalancerUnderTest.start(backends: ports.onLoopback, .probingOften)
        try balancer.wait(for: .bad, of: ports[1])
        let early = try balancer.connect()
        #expect(try early.receiveToEnd(within: .seconds(5)).bytes == [])

        let first = try EchoBackend(named: "B", port: ports[1])
        try balancer.waitUntilAlive(ports[1])
        #expect(try balancer.backendsOfNextClients(3) == ["B", "B", "B"])

        let others = try [EchoBackend(named: "A", port: ports[0]), EchoBackend(named: "C", port: ports[2])]
        try balancer.waitUntilAlive(ports[0], ports[2])
        let names = try balancer.backendsOfNextClients(6)
        #expect(names.sorted() == ["A", "A", "B", "B", "C", "C"])
        for backend in others + [first] { try backend.stop() }
    }

    @Test("three hundred clients at once each receive exactly their own data")
    func threeHundredClients() throws {
        let backends = try ["A", "B", "C"].map { try EchoBackend(named: $0) }
        let balancer = try BalancerUnderTest.start(backends: backends.map(\.port).onLoopback, .probingOften)
        let clients = try (0..<300).map { _ in try balancer.connectAndGreet() }
        for name in ["A", "B", "C"] { #expect(clients.count { $0.backend == name } == 100) }
        for round in 1...2 {
            for (number, (client, _)) in clients.enumerated() { try client.send("round \(round) of \(number)\n") }
            for (number, (client, _)) in clients.enumerated() { try client.expect("round \(round) of \(number)\n") }
        }
        for (client, _) in clients { client.close() }
        try balancer.waitUntilEmpty(after: 300)
        #expect(balancer.terminations == 300)
    }

    @Test("one chat server serves three hundred clients")
    func threeHundredOnOneServer() throws {
        let system = try ChatSystem.start(servers: 1)
        let clients = try (0..<300).map { _ in
            let client = try system.balancer.connect()
            // Each client sends once, so that the server knows all of them before it gets the line that all must
            // receive.
            try client.send("+")
            return client
        }
        try system.servers[0].wait("all announced") { system.announced == [300] }
        // How many pluses a client receives depends on when it connected; the line after them goes to all.
        try clients[299].send("word\n")
        for client in clients {
            let line = try client.receiveLine()
            #expect(line.hasSuffix("word") && line.dropLast(4).allSatisfy { $0 == "+" }, "\(line)")
        }
    }

    @Test("IPv6: the balancer listens on it, probes over it, and logs IPv6 clients")
    func ipv6() throws {
        let backend = try EchoBackend(named: "A", host: "::1")
        let balancer = try BalancerUnderTest.start(on: "::1", backends: [SocketAddress("::1", backend.port)])
        try balancer.program.waitForLine("srcIP : ::1")
        try balancer.program.waitForLine("IP : <::1>, Port : <\(backend.port)> Server is alive")
        let (client, name) = try balancer.connectAndGreet()
        #expect(name == "A")
        try client.send("hello")
        try client.expect("hello")
        let port = try client.localAddress().port
        client.close()
        try balancer.program.waitForLine("client <::1,\(port)> terminated")
    }

    @Test(
        "the balancer can listen on every address with 0.0.0.0 and ::",
        arguments: [("0.0.0.0", "127.0.0.1"), ("::", "::1")], ["127.0.0.1", "::1"])
    func everyAddress(listening: (wildcard: String, loopback: String), backendHost: String) throws {
        let backend = try EchoBackend(named: "A", host: backendHost)
        let balancer = try BalancerUnderTest.start(
            on: listening.wildcard, backends: [SocketAddress(backendHost, backend.port)])
        try balancer.program.waitForLine("srcIP : \(listening.wildcard)")
        try balancer.program.waitForLine(GuideLine.alive(backend.port, backendHost))
        let client = try TCPSocket.connect(to: SocketAddress(listening.loopback, balancer.port))
        try client.expect("A\n")
        let port = try client.localAddress().port
        client.close()
        try balancer.program.waitForLine("client <\(listening.loopback),\(port)> terminated")
    }

    // MARK: Steps

    /// Types `line` at `speaker` and waits until it is on that client's terminal and on the `listener`'s.
    private func say(
        _ line: String, by speaker: RunningProgram, as name: String, to listener: RunningProgram? = nil,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        try speaker.send(line, at: location)
        try speaker.waitForLine("[\(name)] \(line)", at: location)
        try listener?.waitForLine("[\(name)] \(line)", at: location)
    }
}
