import Foundation
import Glibc
import Testing

/// Pools whose backends come and go while the balancer runs.
@Suite("Discovered pools", .ownThread)
struct DiscoveredPoolsTests {
    /// Starts a balancer with one pool.
    private static func start(
        _ folder: TestFolder, backends: String, resolv: String? = nil, at location: SourceLocation = #_sourceLocation
    ) throws -> BalancerUnderTest {
        let port = try Ports.free(at: location)
        let path = folder.path(of: "balancer.yaml")
        let text = """
            listeners:
              web: {bind: "127.0.0.1:\(port)", pool: web}
            pools:
              web: {backends: \(backends), check: {interval: 100ms, timeout: 100ms}}
            log: {mode: changes}
            """
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let command = try [Program.balancer.path(at: location), "run", path]
        let program = try RunningProgram.start(
            resolv.map { NameServer.withResolv($0, command) } ?? command, named: "balancer", at: location)
        try Ports.waitForListener(on: port, of: program, at: location)
        return BalancerUnderTest(program: program, host: "127.0.0.1", port: port)
    }

    private static func serves(
        _ balancer: BalancerUnderTest, _ names: Set<String>, at location: SourceLocation = #_sourceLocation
    ) throws {
        try eventually("clients go to \(names)", details: { balancer.program.summary }, at: location) {
            let clients = try (0..<6).map { _ in try balancer.connect() }
            defer { for client in clients { client.close() } }
            return Set(clients.map { (try? $0.receiveLine()) ?? "nobody" }) == names
        }
    }

    @Test("a file that is replaced changes the pool; a broken one, or none, changes nothing")
    func file() throws {
        let folder = try TestFolder()
        let first = try EchoBackend(named: "A")
        let second = try EchoBackend(named: "B")
        func replace(_ text: String) throws {
            try text.write(toFile: folder.path(of: "list.yaml"), atomically: true, encoding: .utf8)
        }
        try replace("- 127.0.0.1:\(first.port)")
        let balancer = try Self.start(folder, backends: "{file: list.yaml, every: 1h}")
        try Self.serves(balancer, ["A"])
        let (old, _) = try balancer.connectAndGreet()
        try replace("- 127.0.0.1:\(second.port)")
        try Self.serves(balancer, ["B"])
        try replace("- {addres: 127.0.0.1:\(first.port)}")
        try balancer.program.wait("the mistake is logged") {
            balancer.countErrors(with: "list.yaml:1:4: [0].addres: no such key; did you mean 'address'?") == 1
        }
        try FileManager.default.removeItem(atPath: folder.path(of: "list.yaml"))
        try balancer.program.wait("the removal is logged") {
            balancer.countErrors(with: "list.yaml: there is no such file") == 1
        }
        #expect(try Set(balancer.backendsOfNextClients(4)) == ["B"])
        // One of them is the balancer itself, which costs the other nothing.
        try replace("[127.0.0.1:\(balancer.port), 127.0.0.1:\(first.port)]")
        try Self.serves(balancer, ["A"])
        #expect(
            balancer.countErrors(with: "127.0.0.1:\(balancer.port) is left out: the balancer itself listens on it") == 1
        )
        try old.send("still here")
        try old.expect("still here")
        balancer.program.signal(SIGTERM)
        old.close()
        #expect(try balancer.program.waitForExit() == .exited(0))
    }

    @Test("a reload brings discovered pools, changes them, and takes them away")
    func reload() throws {
        let folder = try TestFolder()
        let first = try EchoBackend(named: "A")
        let second = try EchoBackend(named: "B")
        try "- 127.0.0.1:\(second.port)".write(
            toFile: folder.path(of: "list.yaml"), atomically: true, encoding: .utf8)
        let balancer = try Self.start(folder, backends: "[\"127.0.0.1:\(first.port)\"]")
        let path = folder.path(of: "balancer.yaml")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        func set(_ backends: String) throws {
            let listed = "[\"127.0.0.1:\(first.port)\"]"
            try text.replacingOccurrences(of: listed, with: backends)
                .write(toFile: path, atomically: true, encoding: .utf8)
            balancer.program.signal(SIGHUP)
        }
        try Self.serves(balancer, ["A"])
        try set("{file: list.yaml}")
        try Self.serves(balancer, ["B"])
        #expect(try balancer.program.inotifyWatches() > 0)
        try "- 127.0.0.1:\(first.port)".write(
            toFile: folder.path(of: "other.yaml"), atomically: true, encoding: .utf8)
        try set("{file: other.yaml}")
        try Self.serves(balancer, ["A"])
        try set("[\"127.0.0.1:\(second.port)\"]")
        try Self.serves(balancer, ["B"])
        // The file is of nobody any more: its folder is not watched either.
        try eventually("no folder is watched") { try balancer.program.inotifyWatches() == 0 }
        try "- 127.0.0.1:\(first.port)".write(
            toFile: folder.path(of: "list.yaml"), atomically: true, encoding: .utf8)
        #expect(try Set(balancer.backendsOfNextClients(4)) == ["B"])
    }

    @Test(
        "a name's addresses are the backends, and they stay when the name server dies",
        .enabled(if: NameServer.canBeMade))
    func names() throws {
        let folder = try TestFolder()
        let first = try EchoBackend(named: "A", host: "127.0.0.2")
        let port = first.port
        _ = try EchoBackend(named: "B", host: "127.0.0.3", port: port)
        _ = try EchoBackend(named: "C", host: "127.0.0.4", port: port)
        let server = try NameServer(folder, "127.0.0.2 db.example.test\n127.0.0.3 db.example.test")
        let balancer = try Self.start(
            folder, backends: "{dns: \"db.example.test:\(port)\", every: 1s}", resolv: server.resolv)
        try Self.serves(balancer, ["A", "B"])
        try server.set("127.0.0.3 db.example.test\n127.0.0.4 db.example.test")
        try Self.serves(balancer, ["B", "C"])
        try server.set("")
        try balancer.program.wait("the loss is logged") {
            balancer.countErrors(with: "its backends stay as they are: db.example.test. does not exist") == 1
        }
        server.end()
        balancer.program.signal(SIGHUP)
        try balancer.program.wait("the death is logged") {
            balancer.countErrors(with: "no name server answered for db.example.test. A") >= 1
        }
        #expect(try Set(balancer.backendsOfNextClients(4)) == ["B", "C"])
    }
}

/// dnsmasq on port 53 of a loopback address, and a resolv.conf that names it, which a program sees as its own.
private struct NameServer {
    let resolv: String
    private let program: RunningProgram
    private let hosts: String

    init(_ folder: TestFolder, _ text: String) throws {
        // Tests that run at the same time have other addresses.
        let address = "127.53.\(Int.random(in: 1...254)).\(Int.random(in: 1...254))"
        hosts = folder.path(of: "hosts")
        resolv = folder.path(of: "resolv.conf")
        try "nameserver \(address)\noptions timeout:1 attempts:1\n".write(
            toFile: resolv, atomically: true, encoding: .utf8)
        try text.write(toFile: hosts, atomically: false, encoding: .utf8)
        program = try RunningProgram.start(
            [
                Self.path, "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces",
                "--listen-address=\(address)", "--port=53", "--local=/example.test/", "--local-ttl=1", "--user=root",
                "--addn-hosts=\(hosts)",
            ], named: "dnsmasq")
    }

    /// Other names: dnsmasq reads its file again at SIGHUP.
    func set(_ text: String) throws {
        try "\(text)\n".write(toFile: hosts, atomically: false, encoding: .utf8)
        program.signal(SIGHUP)
    }

    func end() { program.signal(SIGKILL) }

    static func withResolv(_ path: String, _ command: [String]) -> [String] {
        [unshare, "--mount", "/bin/sh", "-c", "mount --bind '\(path)' /etc/resolv.conf && exec \"$0\" \"$@\""] + command
    }

    /// Needs dnsmasq, and root for the mount and port 53.
    static let canBeMade: Bool = {
        guard getuid() == 0, unsafe access(path, X_OK) == 0, unsafe access(unshare, X_OK) == 0 else { return false }
        let trial = try? RunningProgram.start(withResolv("/etc/resolv.conf", ["/bin/true"]), named: "unshare")
        return (try? trial?.waitForExit()) == .exited(0)
    }()

    private static let path = "/usr/sbin/dnsmasq"
    private static let unshare = "/usr/bin/unshare"
}
