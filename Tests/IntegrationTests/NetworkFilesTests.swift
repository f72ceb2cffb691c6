import Foundation
import Glibc
import Testing

/// Files of networks, which are watched: a change is taken over as at SIGHUP, with the real program.
@Suite("Files of networks", .ownThread)
struct NetworkFilesTests {
    private static func start(_ denied: String) throws -> ConfiguredBalancer {
        let server = try EchoBackend(named: "A")
        // In a folder of its own, which is there before that of the balancer.
        let folder = try TestFolder()
        let path = folder.path(of: "deny.txt")
        try denied.write(toFile: path, atomically: true, encoding: .utf8)
        let balancer = try ConfiguredBalancer.start(
            ["\"127.0.0.1:\(server.port)\""], listener: ["deny: [{file: \"\(path)\"}]"],
            log: "log: {events: {to: stderr}, sessions: {to: stdout}}")
        return ConfiguredBalancer(balancer: balancer.balancer, manager: balancer.manager, folder: folder)
    }

    private static func isServed(_ source: String, by balancer: ConfiguredBalancer) -> Bool {
        guard let client = try? balancer.balancer.connect(from: source) else { return false }
        defer { client.close() }
        return (try? client.receiveLine()) == "A"
    }

    private static func rewrite(_ balancer: ConfiguredBalancer, _ text: String) throws {
        try text.write(toFile: balancer.folder.path(of: "deny.txt"), atomically: false, encoding: .utf8)
    }

    private static func replace(_ balancer: ConfiguredBalancer, _ text: String) throws {
        try text.write(toFile: balancer.folder.path(of: "deny.txt"), atomically: true, encoding: .utf8)
    }

    private static func reloads(_ balancer: ConfiguredBalancer) -> Int {
        balancer.balancer.countErrors(with: "configuration taken over")
    }

    @Test("a list that is replaced, or written in place, is taken over without a signal")
    func denied() throws {
        let balancer = try Self.start("# nobody yet\n")
        let (session, _) = try balancer.balancer.connectAndGreet(from: "127.0.0.2")
        #expect(Self.isServed("127.0.0.3", by: balancer))
        try Self.replace(balancer, "127.0.0.2 # no more\n")
        try eventually("127.0.0.2 is refused") { !Self.isServed("127.0.0.2", by: balancer) }
        #expect(Self.isServed("127.0.0.3", by: balancer))
        try Self.rewrite(balancer, "127.0.0.3\n")
        try eventually("127.0.0.3 is refused") { !Self.isServed("127.0.0.3", by: balancer) }
        #expect(Self.isServed("127.0.0.2", by: balancer))
        #expect(Self.reloads(balancer) == 2)
        // A session that there is has nothing to do with it.
        try session.send("still here")
        #expect(try session.receive(10) == Array("still here".utf8))
    }

    @Test("a list with mistakes, or none, changes nothing, and the log says why")
    func wrong() throws {
        let balancer = try Self.start("127.0.0.2\n")
        #expect(!Self.isServed("127.0.0.2", by: balancer))
        try Self.replace(balancer, "127.0.0.3\nexample.org\n")
        try balancer.program.wait("the mistake is logged") {
            balancer.balancer.countErrors(with: "deny.txt:2:1: 'example.org': a name is no network") == 1
        }
        #expect(Self.isServed("127.0.0.3", by: balancer) && !Self.isServed("127.0.0.2", by: balancer))
        try FileManager.default.removeItem(atPath: balancer.folder.path(of: "deny.txt"))
        try balancer.program.wait("the removal is logged") {
            balancer.balancer.countErrors(with: "deny.txt': there is no such file") == 1
        }
        #expect(Self.reloads(balancer) == 0)
        try Self.rewrite(balancer, "127.0.0.3\n")
        try eventually("127.0.0.3 is refused") { !Self.isServed("127.0.0.3", by: balancer) }
        #expect(Self.isServed("127.0.0.2", by: balancer))
        // After SIGHUP the service manager is told, whatever files have changed meanwhile.
        balancer.program.signal(SIGHUP)
        try balancer.manager.wait(for: "READY", number: 2, from: balancer.program)
    }

    /// Half of it would refuse the reload, or let somebody in.
    @Test("a list that is being written is not read by halves")
    func written() throws {
        let balancer = try Self.start("127.0.0.2\n")
        let path = balancer.folder.path(of: "deny.txt")
        let file = unsafe open(path, O_WRONLY | O_TRUNC)
        for piece in ["127.0.", "0.3\n12", "7.0.0.2\n"] {
            #expect(unsafe write(file, piece, piece.utf8.count) == piece.utf8.count)
            // Something else happens in the folder, and the balancer serves on meanwhile.
            try "x".write(toFile: balancer.folder.path(of: "other"), atomically: false, encoding: .utf8)
            #expect(!Self.isServed("127.0.0.2", by: balancer))
        }
        #expect(Self.reloads(balancer) == 0 && !Self.isServed("127.0.0.2", by: balancer))
        close(file)
        try eventually("127.0.0.3 is refused") { !Self.isServed("127.0.0.3", by: balancer) }
        #expect(Self.reloads(balancer) == 1)
        #expect(balancer.balancer.countErrors(with: "was not taken over") == 0)
    }
}
