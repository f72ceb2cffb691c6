import Foundation
import Glibc
import Testing

/// Backends whose names get an address, change it, and lose it while the balancer runs.
///
/// The names are in a hosts file that only the balancer sees, in its own mount namespace.
@Suite("Moving names", .ownThread, .enabled(if: Hosts.canBeMade, "needs unshare(1) and the right to mount"))
struct MovingNamesTests {
    @Test("a name without an address at the start serves clients as soon as it has one", arguments: [1, 2])
    func comesLater(threads: Int) throws {
        let hosts = try Hosts()
        let backend = try EchoBackend(named: "A")
        let balancer = try start(
            hosts, port: backend.port, "--allow-unresolved", "--probe-interval", "100ms", "--threads", "\(threads)")
        try balancer.program.waitForLine(GuideLine.dead(backend.port, "server1"))
        #expect(try balancer.connect().receiveToEnd() == ([], .finished))

        try hosts.set("127.0.0.1 server1")
        try balancer.program.waitForLine(GuideLine.alive(backend.port))
        #expect(try Set(balancer.backendsOfNextClients(16)) == ["A"])
        #expect(
            balancer.countErrors(with: "balancer: server1 is at 127.0.0.1:\(backend.port)") == 1,
            "\(balancer.program.summary)")
        // From then on the log identifies the backend by its address.
        let last = balancer.output.count(of: GuideLine.dead(backend.port, "server1"))
        try balancer.program.waitForLine(GuideLine.alive(backend.port), times: 3)
        #expect(balancer.output.count(of: GuideLine.dead(backend.port, "server1")) == last)
    }

    @Test(
        "after SIGHUP new clients go to a name's new address, and open sessions stay at the old one", arguments: [1, 2])
    func moves(threads: Int) throws {
        let hosts = try Hosts("127.0.0.2 server1")
        let backend = try EchoBackend(named: "A", host: "127.0.0.2")
        let other = try EchoBackend(named: "B", host: "127.0.0.3", port: backend.port)
        let balancer = try start(
            hosts, port: backend.port, "--probe-interval", "1h", "--threads", "\(threads)")
        let (old, _) = try balancer.connectAndGreet()

        try hosts.set("127.0.0.3 server1")
        balancer.program.signal(SIGHUP)
        let port = backend.port
        try balancer.program.wait("the move is logged") {
            balancer.countErrors(with: "server1 is at 127.0.0.3:\(port) now; it was at 127.0.0.2:\(port)") == 1
        }
        // The other loops learn the new address in their next turn.
        try eventually("all new clients go to the new address", details: { balancer.program.summary }) {
            try Set(balancer.backendsOfNextClients(16)) == ["B"]
        }
        // Probed at once, although the next probe is due in an hour.
        try balancer.program.waitForLine(GuideLine.alive(port, "127.0.0.3"))
        try old.send("still here")
        try old.expect("still here")

        try other.stop()
        #expect(try balancer.connect().receiveToEnd() == ([], .finished))
    }

    @Test("probes find a server that returns at another address, without a signal", arguments: [1, 2])
    func isBackElsewhere(threads: Int) throws {
        let hosts = try Hosts("127.0.0.2 server1")
        let backend = try EchoBackend(named: "A", host: "127.0.0.2")
        let balancer = try start(
            hosts, port: backend.port, "--probe-interval", "100ms", "--threads", "\(threads)")
        try balancer.program.waitForLine(GuideLine.alive(backend.port, "127.0.0.2"))
        try backend.stop()
        try balancer.program.waitForLine(GuideLine.dead(backend.port, "127.0.0.2"))

        _ = try EchoBackend(named: "B", host: "127.0.0.3", port: backend.port)
        try hosts.set("127.0.0.3 server1")
        try balancer.program.waitForLine(GuideLine.alive(backend.port, "127.0.0.3"))
        try eventually("all clients are served", details: { balancer.program.summary }) {
            let clients = try (0..<8).map { _ in try balancer.connect() }
            defer { for client in clients { client.close() } }
            return clients.allSatisfy { (try? $0.receiveLine()) == "B" }
        }
    }

    @Test("of a name with two addresses, of which one has no server, the other serves", arguments: [1, 2])
    func pair(threads: Int) throws {
        let hosts = try Hosts("127.0.0.2 server1\n127.0.0.3 server1")
        let backend = try EchoBackend(named: "A", host: "127.0.0.3")
        let other = try EchoBackend(named: "B", host: "127.0.0.2", port: backend.port)
        let balancer = try start(
            hosts, port: backend.port, "--probe-interval", "100ms", "--threads", "\(threads)")
        let first = try balancer.connectAndGreet().backend
        // Whichever serves: it goes, and the other takes over.
        try (first == "A" ? backend : other).stop()
        try eventually("the other serves", details: { balancer.program.summary }) {
            let client = try balancer.connect()
            defer { client.close() }
            return (try? client.receiveLine()) == (first == "A" ? "B" : "A")
        }
    }

    @Test("a name whose look-up fails keeps its address; the failure and its end are each logged once")
    func lost() throws {
        let hosts = try Hosts("127.0.0.2 server1")
        let backend = try EchoBackend(named: "A", host: "127.0.0.2")
        let balancer = try start(hosts, port: backend.port, "--probe-interval", "1h", "--log", "changes")
        try hosts.set("")
        for round in 1...3 {
            balancer.program.signal(SIGHUP)
            try balancer.program.wait("reload \(round)") { balancer.countErrors(with: "SIGHUP: ") == round }
            try balancer.program.wait("the failure is logged") {
                balancer.countErrors(with: "cannot look up server1: ") == 1
            }
            #expect(try balancer.connectAndGreet().backend == "A")
        }
        let address = "127.0.0.2:\(backend.port)"
        #expect(balancer.countErrors(with: "; it stays at \(address)") == 1, "\(balancer.program.summary)")
        try hosts.set("127.0.0.2 server1")
        balancer.program.signal(SIGHUP)
        try balancer.program.wait("the recovery is logged") {
            balancer.countErrors(with: "server1 can be looked up again: \(address)") == 1
        }
        #expect(try balancer.connectAndGreet().backend == "A")
        #expect(balancer.countErrors(with: "cannot look up") == 1, "\(balancer.program.summary)")
    }

    @Test("a name with several addresses keeps the current one")
    func keeps() throws {
        let hosts = try Hosts("127.0.0.3 server1")
        let backend = try EchoBackend(named: "A", host: "127.0.0.3")
        _ = try EchoBackend(named: "B", host: "127.0.0.2", port: backend.port)
        let balancer = try start(hosts, port: backend.port, "--probe-interval", "1h", "--log", "changes")
        try hosts.set("127.0.0.2 server1\n127.0.0.3 server1\n127.0.0.4 elsewhere")
        balancer.program.signal(SIGHUP)
        try balancer.program.wait("SIGHUP is answered") { balancer.countErrors(with: "SIGHUP: ") == 1 }
        try remains("clients go to the same backend", for: .milliseconds(300), details: { balancer.program.summary }) {
            try balancer.connectAndGreet().backend == "A"
        }
        #expect(balancer.countErrors(with: " is at ") == 0, "\(balancer.program.summary)")
    }

    /// Starts a balancer with the backend `server1 port`.
    private func start(
        _ hosts: Hosts, port: UInt16, _ options: String..., at location: SourceLocation = #_sourceLocation
    ) throws -> BalancerUnderTest {
        let own = try Ports.free(at: location)
        let program = try hosts.run(
            ["127.0.0.1", "server1", "\(port)", "--port", "\(own)"] + options, at: location)
        try Ports.waitForListener(on: own, of: program, at: location)
        return BalancerUnderTest(program: program, host: "127.0.0.1", port: own)
    }
}

/// A file that one balancer sees as `/etc/hosts`.
private struct Hosts {
    private let path: String

    init(_ text: String = "", at location: SourceLocation = #_sourceLocation) throws {
        path = try TestFolder(at: location).path(of: "hosts")
        try set(text)
    }

    /// Writes the text in place: the bind mount refers to the inode, not to the name.
    func set(_ text: String) throws {
        try "\(text)\n".write(toFile: path, atomically: false, encoding: .utf8)
    }

    func run(_ arguments: [String], at location: SourceLocation) throws -> RunningProgram {
        try RunningProgram.start(
            Self.command(path) + [Program.balancer.path(at: location)] + arguments, named: "balancer", at: location)
    }

    static let canBeMade: Bool = {
        guard unsafe access(unshare, X_OK) == 0 else { return false }
        let trial = try? RunningProgram.start(command("/etc/hosts") + ["/bin/true"], named: "unshare")
        return (try? trial?.waitForExit()) == .exited(0)
    }()

    private static let unshare = "/usr/bin/unshare"

    private static func command(_ path: String) -> [String] {
        [unshare, "--mount", "/bin/sh", "-c", "mount --bind '\(path)' /etc/hosts && exec \"$0\" \"$@\""]
    }
}
