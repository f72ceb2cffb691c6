import TestSupport
import Testing

/// Limits of listeners and pools, and sessions that move to backends which have come back, with the real program.
@Suite("Limits", .ownThread)
struct LimitTests {
    private static func isServed(_ client: TCPSocket, within time: Duration = .seconds(10)) -> Bool {
        (try? client.receiveLine(within: time)) != nil
    }

    @Test("clients beyond a listener's limit wait, and have their turn when a session ends", arguments: [1, 3])
    func listener(threads: Int) throws {
        let server = try EchoBackend(named: "A")
        let balancer = try ConfiguredBalancer.start(
            ["\"127.0.0.1:\(server.port)\""], listener: ["limits: {sessions: 3}"],
            top: ["process: {threads: \(threads)}"], log: "log: {events: {to: stdout}, sessions: {to: stdout}}")
        let first = try (0..<3).map { _ in try balancer.balancer.connectAndGreet().client }
        var waiting = try (0..<6).map { _ in try balancer.balancer.connect() }
        try remains("nobody else is served", for: .milliseconds(200)) { waiting.allSatisfy { !$0.hasBytes } }
        for client in first { client.close() }
        while !waiting.isEmpty {
            try eventually("one of them is served") { waiting.contains { $0.hasBytes } }
            let served = try #require(waiting.firstIndex { $0.hasBytes })
            waiting.remove(at: served).close()
        }
        try eventually("the log says so") {
            balancer.balancer.output.texts.contains {
                $0.contains("listener=web all 3 sessions of the listener are taken")
            }
        }
        #expect(try balancer.balancer.connectAndGreet().backend == "A")
    }

    @Test("a pool has no more sessions than it may; those beyond wait in its queue", arguments: [1, 3])
    func pool(threads: Int) throws {
        let servers = try (0..<2).map { _ in try EchoBackend(named: "A") }
        let balancer = try ConfiguredBalancer.start(
            servers.map { "\"127.0.0.1:\($0.port)\"" },
            pool: ["sessions_max: 3", "queue: {max: 2, timeout: 1m}"],
            top: ["process: {threads: \(threads)}"], log: "log: {events: {to: stdout}, sessions: {to: stdout}}")
        let first = try (0..<3).map { _ in try balancer.balancer.connectAndGreet().client }
        let waiting = try (0..<2).map { _ in try balancer.balancer.connect() }
        try remains("nobody else is served", for: .milliseconds(200)) { waiting.allSatisfy { !$0.hasBytes } }
        #expect(try balancer.balancer.connect().receiveToEnd().bytes == [])
        for client in first { client.close() }
        for client in waiting { #expect(Self.isServed(client)) }
        for event in ["has its most sessions: new clients wait", "the queue is full: new clients are closed"] {
            try eventually("the log says: \(event)") {
                balancer.balancer.output.texts.contains { $0.contains("pool=web") && $0.contains(event) }
            }
        }
    }

    @Test("idle sessions move to a backend that has come back, with a FIN")
    func rebalance() throws {
        let (one, port) = (try EchoBackend(named: "A"), try Ports.free())
        let balancer = try ConfiguredBalancer.start(
            [one.port, port],
            pool: [
                "check: {interval: 200ms, timeout: 200ms, fall: 1}",
                "rebalance: {share: 50%, every: 500ms, idle: 300ms}",
            ])
        let clients = try (0..<8).map { _ in try balancer.balancer.connectAndGreet().client }
        let back = try EchoBackend(named: "B", port: port)
        try eventually("some are ended in order") { clients.contains { $0.hasEnded } }
        for client in clients where client.hasEnded { #expect(try client.receiveToEnd().ending == .finished) }
        let records = try balancer.waitForRecords(1)
        #expect(records.allSatisfy { $0.reason == "rebalanced" }, "\(records)")
        // Those that come again find it.
        try eventually("a client is served by it") { try balancer.balancer.connectAndGreet().backend == "B" }
        #expect(back.accepted > 0)
    }

    @Test("a pool with too few backends uses all of them, and says so")
    func panic() throws {
        let (one, port) = (try EchoBackend(named: "A"), try Ports.free())
        let balancer = try ConfiguredBalancer.start(
            [one.port, port],
            pool: ["check: {interval: 200ms, timeout: 200ms, fall: 1}", "panic_threshold: 60%"],
            log: "log: {events: {to: stdout}, sessions: {to: stdout}}")
        try eventually("the log says so") {
            balancer.balancer.output.texts.contains { $0.contains("all are used, whatever their checks say: 1 of 2") }
        }
        let back = try EchoBackend(named: "B", port: port)
        try eventually("and that it is over") {
            balancer.balancer.output.texts.contains { $0.contains("enough backends may be picked again: 2 of 2") }
        }
        #expect(back.port == port)
    }
}
