import Glibc
import Synchronization
import Testing

/// Backends that fail clients are taken out for a while, with the real program.
@Suite("Passive health", .ownThread)
struct PassiveTests {
    /// Accepts connections, and resets each when a byte has come: a server that is broken behind its listener.
    private final class ResettingServer: Sendable {
        private let socket: ListeningSocket
        private let isStopping = Mutex(false)
        private let hasStopped = Mutex(false)

        init() throws {
            socket = try ListeningSocket()
            startThread(name: "resetting \(port)") { [self] in
                while !isStopping.withLock({ $0 }) {
                    guard let client = socket.accept(Deadline(within: .milliseconds(20))) else { continue }
                    _ = client.wait(for: POLLIN, Deadline(within: .milliseconds(200)))
                    client.reset()
                }
                hasStopped.withLock { $0 = true }
            }
            TestScope.atEnd { [self] in
                isStopping.withLock { $0 = true }
                try? eventually("the server stops") { hasStopped.withLock { $0 } }
            }
        }

        var port: UInt16 { socket.port }
    }

    @Test("a backend that resets clients before its first byte is ejected, and comes back after a check")
    func resets() throws {
        let broken = try ResettingServer()
        let server = try EchoBackend()
        let balancer = try ConfiguredBalancer.start(
            [broken.port, server.port],
            pool: [
                "check: {interval: 500ms, timeout: 500ms}",
                "passive: {failures: 3, within: 10s, ejected: 3s, share_max: 50%}",
            ], log: "log: {events: {to: stdout, level: info}, sessions: {to: stdout}}")
        try eventually("the backend is ejected") {
            let client = try balancer.balancer.connect()
            try? client.send("hello")
            _ = try? client.receive(5)
            return balancer.balancer.output.texts.contains { $0.contains(" ejected for 3.000 s ") }
        }
        // A client knows that it was reset a moment before its session has ended and counts: the next one may still come there.
        #expect(balancer.balancer.output.texts.count { $0.contains("reason=reset") } >= 3)
        let next = try (0..<6).map { _ in
            let client = try balancer.balancer.connect()
            try client.send("hello")
            return try client.receive(5)
        }
        #expect(next.allSatisfy { $0 == Array("hello".utf8) })
        try eventually("it is back") {
            balancer.balancer.output.texts.contains { $0.contains("a check has succeeded after its ejection") }
        }
    }
}
