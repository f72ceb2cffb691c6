import Testing

/// How a pool's policy spreads clients, with the real program.
@Suite("Policies", .ownThread)
struct PoliciesTests {
    private static func start(
        _ servers: [EchoBackend], _ policy: String, weights: [Int] = [], pool: [String] = [], top: [String] = [],
        each: String = ""
    ) throws -> ConfiguredBalancer {
        let backends = servers.enumerated().map { place, server in
            let weight = weights.isEmpty ? 1 : weights[place]
            return "{name: b\(place), address: \"127.0.0.1:\(server.port)\", weight: \(weight)\(each)}"
        }
        return try ConfiguredBalancer.start(backends, pool: ["policy: \(policy)"] + pool, top: top)
    }

    private static func servers(_ names: String) throws -> [EchoBackend] {
        try names.map { try EchoBackend(named: String($0)) }
    }

    @Test("least-connections sends clients where the fewest are, for the weight")
    func leastConnections() throws {
        let balancer = try Self.start(Self.servers("AB"), "least-connections", weights: [2, 1])
        var clients = try (0..<6).map { _ in try balancer.balancer.connectAndGreet() }
        #expect(clients.count { $0.backend == "A" } == 4, "\(clients.map(\.backend))")
        // Those of A leave; the next ones go there.
        for (number, client) in clients.enumerated() where client.backend == "A" {
            client.client.close()
            try balancer.waitForRecords(1 + clients[..<number].count { $0.backend == "A" })
        }
        clients.removeAll { $0.backend == "A" }
        let next = try (0..<4).map { _ in try balancer.balancer.connectAndGreet() }
        #expect(next.allSatisfy { $0.backend == "A" }, "\(next.map(\.backend))")
    }

    @Test("random-two sends clients to all, and to the one with the fewer of two")
    func randomTwo() throws {
        let balancer = try Self.start(Self.servers("AB"), "random-two")
        // Of two backends both are drawn, so the fuller one never gets the next.
        let clients = try (0..<20).map { _ in try balancer.balancer.connectAndGreet() }
        #expect(clients.count { $0.backend == "A" } == 10, "\(clients.map(\.backend))")
    }

    @Test("first fills one backend after the other")
    func first() throws {
        let balancer = try Self.start(Self.servers("ABC"), "first", each: ", sessions_max: 2")
        let clients = try (0..<6).map { _ in try balancer.balancer.connectAndGreet() }
        #expect(clients.map(\.backend) == ["A", "A", "B", "B", "C", "C"])
        let one = try balancer.balancer.connect()
        #expect(try one.receiveToEnd().bytes == [])
        let record = try #require(try balancer.waitForRecords(1).first)
        #expect(record.reason == "backends-full", "\(record)")
        clients[0].client.close()
        try balancer.waitForRecords(2)
        #expect(try balancer.balancer.connectAndGreet().backend == "A")
    }

    /// As the program in docs/balancing.md says for these names and addresses.
    @Test("source-hash leads an address to its backend, always", arguments: [1, 2])
    func sourceHash(threads: Int) throws {
        let servers = try Self.servers("ABC")
        let balancer = try Self.start(
            servers, "source-hash", weights: [1, 2, 4], top: ["process: {threads: \(threads)}"])
        for (address, expected) in [
            ("127.0.0.1", "B"), ("127.0.0.2", "C"), ("127.0.0.3", "C"), ("127.0.0.4", "B"), ("127.0.0.9", "A"),
            ("127.0.0.26", "A"), ("127.0.0.28", "A"),
        ] {
            for _ in 0..<3 {
                let served = try balancer.balancer.connectAndGreet(from: address)
                #expect(served.backend == expected, "\(address)")
            }
        }
    }

    @Test("load_max sends clients of one address on when their backend has its share")
    func loadMax() throws {
        let servers = try Self.servers("ABC")
        let balancer = try Self.start(servers, "source-hash", pool: ["source_hash: {load_max: 110%}"])
        let clients = try (0..<12).map { _ in try balancer.balancer.connectAndGreet() }
        for name in ["A", "B", "C"] {
            #expect(clients.count { $0.backend == name } <= 5, "\(clients.map(\.backend))")
        }
    }

    /// The goal of the project: of two backends one is silent, and probes have not found it out.
    @Test(
        "after the first client nobody waits for a silent backend",
        arguments: [
            "round-robin", "least-connections", "random-two", "source-hash", "first",
        ])
    func silentBackend(policy: String) throws {
        let silent = try SilentBackend()
        let server = try EchoBackend(named: "A")
        let balancer = try ConfiguredBalancer.start(
            [silent.port, server.port],
            pool: ["policy: \(policy)", "connect_timeout: 1s", "check: {kind: none, interval: 1m}"])
        let served = try balancer.balancer.backendsOfNextClients(24)
        #expect(served.allSatisfy { $0 == "A" })
        let records = try balancer.waitForRecords(24)
        #expect(records.count { $0.attempts > 1 } <= 1, "\(records)")
    }

    /// The connects have no answer, and none has timed out: clients that come a second later do not wait.
    @Test("clients go elsewhere as soon as a connect has had no answer for a second")
    func noAnswer() throws {
        let silent = try SilentBackend()
        let server = try EchoBackend(named: "A")
        let balancer = try ConfiguredBalancer.start(
            [silent.port, server.port], pool: ["connect_timeout: 1m", "check: {kind: none, interval: 1m}"])
        let waiting = try balancer.balancer.connect()
        // A client in between has its turn at the other.
        #expect(try balancer.balancer.connectAndGreet().backend == "A")
        var fast = 0
        try eventually("clients go to the other backend") {
            let client = try balancer.balancer.connect()
            let isFast = (try? client.receiveLine(within: .milliseconds(500))) == "A"
            fast = isFast ? fast + 1 : 0
            return fast == 6
        }
        #expect(!waiting.hasEnded)
    }

    @Test("sessions_max holds for all loops together, and all of it can be used")
    func limitOfAllLoops() throws {
        let servers = try Self.servers("AB")
        let balancer = try Self.start(
            servers, "least-connections", top: ["process: {threads: 3}"], each: ", sessions_max: 5")
        let clients = try (0..<10).map { _ in try balancer.balancer.connectAndGreet() }
        #expect(clients.count { $0.backend == "A" } == 5)
        for _ in 0..<5 {
            let one = try balancer.balancer.connect()
            #expect(try one.receiveToEnd().bytes == [])
        }
        #expect(try balancer.waitForRecords(5).allSatisfy { $0.reason == "backends-full" })
    }
}
