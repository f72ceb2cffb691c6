import Glibc
import TestSupport
import Testing

/// Clients wait for a place at a backend, with the real program.
@Suite("Queue", .ownThread)
struct QueueTests {
    private static func start(
        _ servers: [EchoBackend], sessionsMax: Int, queue: String, threads: Int = 1, check: String = "{interval: 1s}",
        process: String? = nil
    ) throws -> ConfiguredBalancer {
        try ConfiguredBalancer.start(
            servers.map { "{address: \"127.0.0.1:\($0.port)\", sessions_max: \(sessionsMax)}" },
            pool: ["queue: \(queue)", "check: \(check)"], top: ["process: {\(process ?? "threads: \(threads)")}"])
    }

    private static func isServed(_ client: TCPSocket, within time: Duration = .seconds(10)) -> Bool {
        (try? client.receiveLine(within: time)) == "A"
    }

    @Test("places go to those who wait, in the order in which they came", arguments: [1, 2])
    func order(threads: Int) throws {
        let server = try EchoBackend(named: "A")
        let balancer = try Self.start([server], sessionsMax: 1, queue: "{max: 10, timeout: 1m}", threads: threads)
        let first = try balancer.balancer.connectAndGreet().client
        var waiting: [TCPSocket] = []
        for _ in 0..<4 { waiting.append(try balancer.balancer.connect()) }
        try remains("nobody else is served", for: .milliseconds(200)) { waiting.allSatisfy { !$0.hasBytes } }
        // One who waits leaves: the next one has its turn.
        waiting.remove(at: 1).close()
        first.close()
        // Several loops serve theirs in turn, each in order.
        if threads == 1 {
            for client in waiting {
                #expect(Self.isServed(client))
                client.close()
            }
        } else {
            var left = waiting
            while !left.isEmpty {
                try eventually("one of them is served") { left.contains { $0.hasBytes } }
                let served = try #require(left.firstIndex { $0.hasBytes })
                left.remove(at: served).close()
            }
        }
        let records = try balancer.waitForRecords(5)
        #expect(records.count { $0.reason == "abandoned" } == 1, "\(records)")
    }

    @Test("clients that wait are served while the balancer drains, in whatever loop", arguments: [1, 3])
    func draining(threads: Int) throws {
        let server = try EchoBackend(named: "A")
        let balancer = try Self.start(
            [server], sessionsMax: 1, queue: "{max: 20, timeout: 1m}", process: "threads: \(threads), drain_time: 1m")
        var serving = try balancer.balancer.connectAndGreet().client
        var waiting = try (0..<8).map { _ in try balancer.balancer.connect() }
        try remains("nobody else is served", for: .milliseconds(200)) { waiting.allSatisfy { !$0.hasBytes } }
        balancer.program.signal(SIGTERM)
        while !waiting.isEmpty {
            serving.close()
            try eventually("one of them is served") { waiting.contains { $0.hasBytes } }
            let place = try #require(waiting.firstIndex { $0.hasBytes })
            serving = waiting.remove(at: place)
        }
        serving.close()
        #expect(try balancer.program.waitForExit() == .exited(0))
    }

    @Test("a full queue closes the next client, and one that has waited too long is closed; the log says why")
    func limits() throws {
        let server = try EchoBackend(named: "A")
        let balancer = try Self.start([server], sessionsMax: 1, queue: "{max: 2, timeout: 500ms}")
        let first = try balancer.balancer.connectAndGreet().client
        let waiting = try (0..<2).map { _ in try balancer.balancer.connect() }
        let next = try balancer.balancer.connect()
        #expect(try next.receiveToEnd().bytes == [])
        for client in waiting { #expect(try client.receiveToEnd().bytes == []) }
        let records = try balancer.waitForRecords(3)
        #expect(records.map(\.reason) == ["queue-full", "queue-timeout", "queue-timeout"], "\(records)")
        #expect(records.dropFirst().allSatisfy { $0.duration >= .milliseconds(500) }, "\(records)")
        first.close()
        // The limit does not stick.
        try balancer.waitForRecords(4)
        #expect(try balancer.balancer.connectAndGreet().backend == "A")
    }

    @Test(
        "clients come and go, some killed: no limit is exceeded, and afterwards all places are free", arguments: [1, 3])
    func churn(threads: Int) throws {
        let servers = try ["A", "A", "A"].map { try EchoBackend(named: $0) }
        let balancer = try Self.start(servers, sessionsMax: 4, queue: "{max: 50, timeout: 1m}", threads: threads)
        let seed = UInt64.random(in: 0...9999)
        print("seed \(seed)")
        var random = SplitMix64(seed: seed)
        var clients: [TCPSocket] = []
        for _ in 0..<400 {
            clients.append(try balancer.balancer.connect())
            while clients.count > 40 {
                let client = clients.remove(at: Int.random(in: clients.indices, using: &random))
                if Bool.random(using: &random) { client.reset() } else { client.close() }
            }
        }
        for client in clients { client.close() }
        try balancer.waitForRecords(400)
        // All twelve places, and not one more.
        let all = try (0..<12).map { _ in try balancer.balancer.connectAndGreet().client }
        let one = try balancer.balancer.connect()
        try remains("one more waits", for: .milliseconds(200)) { !one.hasBytes }
        all[5].close()
        #expect(Self.isServed(one))
    }
}
