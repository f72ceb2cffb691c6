import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// A new configuration under living sessions, with the real program.
@Suite("Reload", .ownThread)
struct ReloadTests {
    private static func text(
        listeners: [(ports: [UInt16], pool: String)], pools: [String: [UInt16]], threads: Int = 1, _ more: String = ""
    ) -> String {
        func quoted(_ ports: [UInt16]) -> String {
            "[" + ports.map { "\"127.0.0.1:\($0)\"" }.joined(separator: ", ") + "]"
        }
        var text = "process: {threads: \(threads)}\nlisteners:\n"
        for (number, listener) in listeners.enumerated() {
            text += "  l\(number): {bind: \(quoted(listener.ports)), pool: \(listener.pool)}\n"
        }
        text += "pools:\n"
        for (name, ports) in pools.sorted(by: { $0.key < $1.key }) {
            text += "  \(name): {backends: \(quoted(ports))\(more)}\n"
        }
        return text
    }

    @Test("pools and listeners change, and sessions go on", arguments: [1, 2])
    func change(threads: Int) throws {
        let (first, second) = (try EchoBackend(named: "A"), try EchoBackend(named: "B"))
        let (port, other) = (try Ports.free(), try Ports.free())
        let balancer = try ReloadableBalancer.start(
            Self.text(listeners: [([port], "a")], pools: ["a": [first.port]], threads: threads), port: port)
        let session = try balancer.under(port).connectAndGreet()
        #expect(session.backend == "A")
        // The listener has another pool and one more address; the old pool has gone.
        try balancer.reload(
            Self.text(listeners: [([port, other], "b")], pools: ["b": [second.port]], threads: threads))
        #expect(try balancer.under(port).backendsOfNextClients(2) == ["B", "B"])
        #expect(try balancer.under(other).backendsOfNextClients(2) == ["B", "B"])
        // An address goes.
        try balancer.reload(Self.text(listeners: [([other], "b")], pools: ["b": [second.port]], threads: threads))
        try eventually("nobody listens at the old address") { !Ports.isListening(port) }
        #expect(try balancer.under(other).backendsOfNextClients(1) == ["B"])
        try session.client.send("still here")
        #expect(try session.client.receive(10) == Array("still here".utf8))
        #expect(balancer.refusals == 0)
    }

    /// 0.0.0.0 takes the place of one address, whose port it needs before that is closed.
    @Test("an address that overlaps with the one that goes", arguments: [1, 2])
    func overlap(threads: Int) throws {
        let backend = try EchoBackend(named: "A")
        let port = try Ports.free()
        let one = Self.text(listeners: [([port], "a")], pools: ["a": [backend.port]], threads: threads)
        let balancer = try ReloadableBalancer.start(one, port: port)
        let session = try balancer.under(port).connectAndGreet()
        try balancer.reload(one.replacingOccurrences(of: "127.0.0.1:\(port)", with: "0.0.0.0:\(port)"))
        try balancer.reload(one)
        #expect(try balancer.under(port).backendsOfNextClients(3) == ["A", "A", "A"])
        try session.client.send("x")
        #expect(try session.client.receive(1) == Array("x".utf8))
        #expect(balancer.refusals == 0)
    }

    /// Their timers were set for an hour.
    @Test("shorter timeouts reach the sessions that there are", arguments: ["idle_timeout: 1s", "session_age_max: 1s"])
    func timeouts(setting: String) throws {
        let backend = try EchoBackend(named: "A")
        let port = try Ports.free()
        let text = Self.text(listeners: [([port], "a")], pools: ["a": [backend.port]])
        let balancer = try ReloadableBalancer.start(text, port: port)
        let sessions = try (0..<20).map { _ in try balancer.under(port).connectAndGreet().client }
        try balancer.reload(Self.text(listeners: [([port], "a")], pools: ["a": [backend.port]], ", \(setting)"))
        for session in sessions {
            #expect(try session.receiveToEnd(within: .seconds(10)).ending == .finished, "\(balancer.program.summary)")
        }
    }

    @Test("with mistakes, or what takes a restart, nothing changes, and the log says why")
    func refused() throws {
        let backend = try EchoBackend(named: "A")
        let (port, other) = (try Ports.free(), try Ports.free())
        let right = Self.text(listeners: [([port], "a")], pools: ["a": [backend.port]])
        let balancer = try ReloadableBalancer.start(right, port: port)
        let holder = try ListeningSocket(host: "127.0.0.1", port: other)
        for (wrong, message) in [
            (right.replacingOccurrences(of: "pools:", with: "pols:"), "did you mean 'pools'?"),
            (right.replacingOccurrences(of: "threads: 1", with: "threads: 2"), "process.threads has changed"),
            (
                Self.text(listeners: [([port], "a"), ([other], "a")], pools: ["a": [backend.port]]),
                "Address already in use"
            ),
            (Self.text(listeners: [([port], "a")], pools: ["a": [port]]), "connect to itself"),
        ] {
            let before = balancer.refusals
            try balancer.reload(wrong)
            #expect(balancer.refusals == before + 1)
            #expect(balancer.program.errors.text.contains(message), "\(message)")
            #expect(try balancer.under(port).backendsOfNextClients(1) == ["A"])
        }
        holder.close()
        try balancer.reload(Self.text(listeners: [([port], "a"), ([other], "a")], pools: ["a": [backend.port]]))
        #expect(try balancer.under(other).backendsOfNextClients(1) == ["A"])
    }

    /// READY comes after what was taken over or refused, and STATUS has the new number of backends.
    @Test("the service manager is told RELOADING, and READY with the new state, also when nothing was taken over")
    func notification() throws {
        let (first, second) = (try EchoBackend(named: "A"), try EchoBackend(named: "B"))
        let port = try Ports.free()
        let manager = try NotifySocket()
        let both = Self.text(listeners: [([port], "a")], pools: ["a": [first.port, second.port]])
        let one = Self.text(listeners: [([port], "a")], pools: ["a": [first.port]])
        let balancer = try ReloadableBalancer.start(both, port: port, environment: ["NOTIFY_SOCKET": manager.name])
        try manager.wait(for: "READY", from: balancer.program)
        for (round, (text, status)) in [(both, "2 of 2"), (one, "1 of 1"), ("nothing", "1 of 1")].enumerated() {
            try balancer.reload(text)
            let ready = try manager.wait(for: "READY", number: round + 2, from: balancer.program)
            #expect(ready["STATUS"] == "serving: \(status) backends up")
            #expect(manager.count("RELOADING") == round + 1)
        }
        #expect(balancer.program.errors.text.contains("configuration taken over: nothing has changed"))
        #expect(balancer.refusals == 1)
    }

    /// Pools that are new each time, with a name that has not been looked up yet, and with a list in a file.
    @Test("new names and new discovered pools lose no client", arguments: [1, 2])
    func newNames(threads: Int) throws {
        let backend = try EchoBackend(named: "A")
        let port = try Ports.free()
        let list = try TestFolder().path(of: "list.yaml")
        try "- 127.0.0.1:\(backend.port)".write(toFile: list, atomically: true, encoding: .utf8)
        func text(_ pool: String, _ backends: String) -> String {
            """
            process: {threads: \(threads)}
            listeners: {main: {bind: "127.0.0.1:\(port)", pool: \(pool)}}
            pools: {\(pool): {backends: \(backends)}}
            """
        }
        let balancer = try ReloadableBalancer.start(text("first", "127.0.0.1:\(backend.port)"), port: port)
        let hammering = Hammering(port: port)
        for number in 1...20 {
            try balancer.reload(text("name\(number)", "localhost:\(backend.port)"))
            try balancer.reload(text("list\(number)", "{file: \(list)}"))
        }
        #expect(try hammering.stop() > 20)
        #expect(hammering.failures == [])
        #expect(balancer.refusals == 0)
    }

    /// The number of reloads of the long test: `RELOADS`, or 1,000.
    private static let reloads = ProcessInfo.processInfo.environment["RELOADS"].flatMap(Int.init) ?? 1000

    /// Configurations of any kind, from a seed: the port has a pool with at least one backend in each.
    private struct Script {
        var random: SplitMix64
        let ports: [UInt16]
        let backends: [UInt16]
        let threads: Int

        mutating func next() -> String {
            let names = ["a", "b", "c"].shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random))
            var text = "process: {threads: \(threads), sessions_max: \(Int.random(in: 500...1000, using: &random))}\n"
            text += "listeners:\n  main: {bind: \"127.0.0.1:\(ports[0])\", pool: \(names[0])"
            text += Bool.random(using: &random) ? ", backlog: 300}\n" : "}\n"
            for port in ports.dropFirst() where Bool.random(using: &random) {
                text +=
                    "  l\(port): {bind: \"127.0.0.1:\(port)\", pool: \(names.randomElement(using: &random) ?? "a")}\n"
            }
            text += "pools:\n"
            for name in names { text += pool(name) }
            return text
        }

        private mutating func pool(_ name: String) -> String {
            var text = "  \(name):\n    check: {interval: \(Int.random(in: 1...5, using: &random))s, timeout: 1s}\n"
            text += "    retries: {max: \(Int.random(in: 2...4, using: &random))}\n    backends:\n"
            let chosen = backends.shuffled(using: &random).prefix(Int.random(in: 1...backends.count, using: &random))
            for (place, port) in chosen.enumerated() {
                // The first may always be picked.
                let weight = Int.random(in: place == 0 ? 1...3 : 0...3, using: &random)
                let isBackup = place > 0 && Bool.random(using: &random)
                // More than there are: while others are unknown, a client that finds the known ones full is closed.
                let most =
                    Bool.random(using: &random) ? ", sessions_max: \(Int.random(in: 50...99, using: &random))" : ""
                let label = Bool.random(using: &random) ? "name: n\(place), " : ""
                text +=
                    "      - {\(label)address: \"127.0.0.1:\(port)\", weight: \(weight), backup: \(isBackup)\(most)}\n"
            }
            return text
        }
    }

    @Test("a thousand reloads while clients come and sessions talk", arguments: [1, 2])
    func hammer(threads: Int) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        let backends = try ["A", "B", "C", "D"].map { try EchoBackend(named: $0) }
        let ports = try (0..<3).map { _ in try Ports.free() }
        var script = Script(
            random: SplitMix64(seed: seed), ports: ports, backends: backends.map(\.port), threads: threads)
        let first = script.next()
        let balancer = try ReloadableBalancer.start(first, port: ports[0])
        let sessions = try (0..<8).map { _ in try balancer.under(ports[0]).connectAndGreet().client }
        let hammering = Hammering(port: ports[0])
        let descriptors = try balancer.program.descriptors().count
        var early = 0
        for number in 1...Self.reloads {
            try balancer.reload(script.next())
            if number == max(1, Self.reloads / 10) { early = try balancer.program.residentMemory() }
            guard number % 10 == 0 else { continue }
            let message = Array("\(number) of seed \(seed)".utf8)
            for session in sessions { try session.send(message) }
            for session in sessions { #expect(try session.receive(message.count) == message, "seed \(seed)") }
        }
        try balancer.reload(first)
        let served = try hammering.stop()
        #expect(hammering.failures == [], "seed \(seed)")
        #expect(served > Self.reloads / 10, "seed \(seed)")
        #expect(balancer.refusals == 0, "seed \(seed)\n\(balancer.program.summary)")
        try eventually("no descriptor is left over, seed \(seed)") {
            try balancer.program.descriptors().count <= descriptors
        }
        // The programs of a sanitizer's build, which are elsewhere, keep what was freed.
        if ProcessInfo.processInfo.environment["BALANCER_PROGRAMS"] == nil {
            #expect(try balancer.program.residentMemory() < early + 3 << 20, "seed \(seed)")
        }
    }
}

/// Clients that come one after the other, from two threads, until they are stopped.
private final class Hammering: Sendable {
    private let isStopping = Mutex(false)
    private let found = Mutex<[String]>([])
    private let counts = Mutex((served: 0, running: 2))

    init(port: UInt16) {
        for number in 0..<2 {
            startThread(name: "hammer \(number)") { [self] in
                while !isStopping.withLock({ $0 }), failures.count < 10 { askOnce(port) }
                counts.withLock { $0.running -= 1 }
            }
        }
    }

    /// What went wrong, for people.
    var failures: [String] { found.withLock { $0 } }

    /// Ends the threads; returns how many clients were served.
    func stop() throws -> Int {
        isStopping.withLock { $0 = true }
        try eventually("the clients stop", within: .seconds(30)) { counts.withLock { $0.running } == 0 }
        return counts.withLock { $0.served }
    }

    private func askOnce(_ port: UInt16) {
        do {
            let client = try TCPSocket.connect(to: SocketAddress("127.0.0.1", port))
            defer { client.close() }
            let name = try client.receiveLine(within: .seconds(10))
            try client.send("hello")
            let answer = try client.receive(5)
            guard ["A", "B", "C", "D"].contains(name), answer == Array("hello".utf8) else {
                return found.withLock { $0.append("\(name) has answered \(answer)") }
            }
            counts.withLock { $0.served += 1 }
        } catch {
            found.withLock { $0.append("\(error)") }
        }
    }
}
