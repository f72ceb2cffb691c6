import Testing

/// What a configuration file sets for a pool, as clients and servers see it.
@Suite("Settings of a pool", .ownThread)
struct PoolSettingsTests {
    // MARK: time

    @Test("half_closed_timeout ends a session of which one side has ended; others go on")
    func halfClosed() throws {
        let server = try ListeningSocket()
        let balancer = try ConfiguredBalancer.start([server.port], pool: ["half_closed_timeout: 300ms"])
        let other = try balancer.balancer.connect()
        try other.send("other")
        let otherSide = try server.acceptClient()
        let client = try balancer.balancer.connect()
        try client.send("hello")
        let side = try server.acceptClient()
        client.finishSending()
        #expect(try client.receiveToEnd().bytes == [])
        #expect(try side.receiveToEnd().bytes == Array("hello".utf8))
        let record = try #require(try balancer.waitForRecords(1).first)
        #expect(record.reason == "half-closed" && record.duration >= .milliseconds(300), "\(record)")
        try otherSide.send("still here")
        try other.expect("still here")
        #expect(balancer.records.count == 1)
    }

    @Test("session_age_max ends sessions that talk, at ages that differ by up to a tenth")
    func sessionAge() throws {
        let server = try EchoBackend(named: "A")
        let balancer = try ConfiguredBalancer.start([server.port], pool: ["session_age_max: 1s"])
        let clients = try (0..<20).map { _ in try balancer.balancer.connectAndGreet().client }
        try eventually("all sessions have ended") {
            for client in clients where !client.hasEnded { try? client.send(".") }
            return balancer.records.count == 20
        }
        let ages = balancer.records.map(\.duration)
        #expect(Set(balancer.records.map(\.reason)) == ["session-age"])
        // A busy machine may be late, and is never early.
        #expect(ages.min() ?? .zero >= .milliseconds(900), "\(ages)")
        #expect((ages.max() ?? .zero) - (ages.min() ?? .zero) > .milliseconds(50), "\(ages)")
    }

    // MARK: retries

    @Test("retries.timeout bounds what six silent backends take together")
    func retriesTimeout() throws {
        let silent = try (0..<6).map { _ in try SilentBackend() }
        let balancer = try ConfiguredBalancer.start(
            silent.map(\.port),
            pool: ["check: {kind: none}", "connect_timeout: 1s", "retries: {timeout: 1500ms}"])
        let client = try balancer.balancer.connect()
        _ = try client.receiveToEnd()
        let record = try #require(try balancer.waitForRecords(1).first)
        #expect(record.reason == "connect-failed" && record["limit"] == "retries.timeout", "\(record)")
        #expect(record.attempts == 2, "\(record)")
        // Without the bound these are six seconds.
        #expect((.milliseconds(1500) ..< .seconds(5)).contains(record.duration), "\(record)")
    }

    @Test("retries.max bounds how many backends are tried")
    func retriesMax() throws {
        let refusing = try Ports.free(5)
        let balancer = try ConfiguredBalancer.start(refusing, pool: ["check: {kind: none}", "retries: {max: 3}"])
        let client = try balancer.balancer.connect()
        _ = try client.receiveToEnd()
        let record = try #require(try balancer.waitForRecords(1).first)
        #expect(record.attempts == 3 && record["limit"] == "retries.max", "\(record)")
    }

    // MARK: who gets clients

    @Test("backends get clients by their weight, and none without weight")
    func weights() throws {
        let servers = try ["A", "B", "C"].map { try EchoBackend(named: $0) }
        let balancer = try ConfiguredBalancer.start(
            zip(servers, [3, 1, 0]).map { "{address: \"127.0.0.1:\($0.port)\", weight: \($1)}" })
        let served = try balancer.balancer.backendsOfNextClients(12)
        #expect(served.count { $0 == "A" } == 9 && served.count { $0 == "B" } == 3, "\(served)")
        #expect(!served.joined().contains("AAAA"), "\(served)")
    }

    @Test("a backup gets clients only while no other backend is up")
    func backup() throws {
        let (first, second) = (try EchoBackend(named: "A"), try EchoBackend(named: "B"))
        let balancer = try ConfiguredBalancer.start(
            ["\"127.0.0.1:\(first.port)\"", "{address: \"127.0.0.1:\(second.port)\", backup: true}"],
            pool: ["check: {interval: 50ms, fall: 2}"])
        #expect(try balancer.balancer.backendsOfNextClients(3) == ["A", "A", "A"])
        try first.stop()
        try balancer.wait(forStatus: "serving: 1 of 2 backends up")
        #expect(try balancer.balancer.backendsOfNextClients(3) == ["B", "B", "B"])
        _ = try EchoBackend(named: "A", port: first.port)
        try balancer.wait(forStatus: "serving: 2 of 2 backends up", number: 2)
        #expect(try balancer.balancer.backendsOfNextClients(3) == ["A", "A", "A"])
    }

    @Test("a backend gets no client before its first probe has ended, and none after that was in vain")
    func unknown() throws {
        let server = try EchoBackend(named: "A")
        let silent = try SilentBackend()
        let refusing = try Ports.free()
        let balancer = try ConfiguredBalancer.start(
            ["\"127.0.0.1:\(refusing)\"", "\"127.0.0.1:\(silent.port)\"", "\"127.0.0.1:\(server.port)\""],
            pool: ["check: {interval: 3s, timeout: 3s, fall: 100}"], isReady: false)
        try balancer.wait(forStatus: "starting: 1 of 3 backends up")
        // One that is up is known, and the silent one is not judged yet.
        #expect(try balancer.balancer.backendsOfNextClients(4) == ["A", "A", "A", "A"])
        #expect(balancer.manager.count("READY") == 0)
        let ready = try balancer.manager.wait(for: "READY", from: balancer.program)
        #expect(ready["STATUS"] == "serving: 1 of 3 backends up")
        #expect(try balancer.balancer.backendsOfNextClients(4) == ["A", "A", "A", "A"])
        let records = try balancer.waitForRecords(8)
        #expect(records.allSatisfy { $0.attempts == 1 }, "\(records)")
    }

    // MARK: a backend that goes down

    @Test("when_down decides what becomes of the sessions of a backend that goes down", arguments: ["close", "keep"])
    func whenDown(_ choice: String) throws {
        let server = try ListeningSocket()
        let balancer = try ConfiguredBalancer.start(
            [server.port], pool: ["check: {interval: 50ms, fall: 2}", "when_down: \(choice)"])
        let client = try balancer.balancer.connect()
        try client.send("hello")
        let side = try server.acceptClient()
        // Probes are refused; the session's connection stays.
        server.close()
        try balancer.wait(forStatus: "no-backend: 0 of 1 backends up")
        if choice == "close" {
            _ = try client.receiveToEnd()
            let record = try #require(try balancer.waitForRecords(1).first)
            #expect(record.reason == "backend-down", "\(record)")
        } else {
            try side.send("still here")
            try client.expect("still here")
            #expect(balancer.records.isEmpty)
        }
    }

    // MARK: probes

    @Test("without a check no server is probed")
    func unchecked() throws {
        let server = try EchoBackend(named: "A")
        let balancer = try ConfiguredBalancer.start(
            [server.port], pool: ["check: {kind: none, interval: 20ms, timeout: 20ms}"])
        #expect(balancer.manager.messages.last?["STATUS"] == "serving: 1 of 1 backends up, 1 of them not checked")
        try remains("no probe comes", for: .milliseconds(300)) { server.accepted == 0 }
        #expect(try balancer.balancer.backendsOfNextClients(1) == ["A"])
        #expect(server.accepted == 1)
    }

    @Test("a server sees the end of a probe's connection as the check says", arguments: ["fin", "reset"])
    func closeOfProbes(_ close: String) throws {
        let server = try ListeningSocket()
        let balancer = try ConfiguredBalancer.start(
            ["\"127.0.0.1:\(server.port)\""], pool: ["check: {interval: 50ms, timeout: 50ms, close: \(close)}"])
        for _ in 0..<5 {
            let probe = try #require(server.accept(Deadline(within: .seconds(10))), "\(balancer.program.summary)")
            let end = try probe.receiveToEnd()
            #expect(end.bytes == [] && end.ending == (close == "fin" ? .finished : .failed(errno: 104)))
            probe.close()
        }
    }
}
