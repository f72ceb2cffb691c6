import Foundation
import Glibc
import Testing

/// What a configuration file sets for sockets, as the kernel has it.
@Suite("Settings of sockets", .ownThread)
struct SocketSettingsTests {
    private static let tcp = Int32(IPPROTO_TCP)

    /// The balancer's two sockets of a client's session: towards the client, and towards the server.
    private static func sockets(
        of client: TCPSocket, _ server: UInt16, _ program: RunningProgram
    ) throws -> (client: TCPSocket, server: TCPSocket) {
        let address = try client.localAddress()
        let all = try SharedSockets.all(of: program) {
            let peer = try? $0.peerAddress()
            return peer == address || peer?.port == server
        }
        let towardsClient = try #require(all.first { (try? $0.peerAddress()) == address })
        return (towardsClient, try #require(all.first { (try? $0.peerAddress().port) == server }))
    }

    @Test(
        "keepalive and user_timeout are those of the file, on both sides of a session",
        .enabled(if: SharedSockets.arePossible))
    func keepalive() throws {
        let server = try EchoBackend(named: "A")
        let balancer = try ConfiguredBalancer.start(
            [server.port],
            pool: ["user_timeout: 7s", "keepalive: {idle: 1s, interval: 2s, probes: 3}"],
            listener: ["user_timeout: 9s", "keepalive: {idle: 11s, interval: 12s, probes: 13}"])
        let (client, _) = try balancer.balancer.connectAndGreet()
        let sides = try Self.sockets(of: client, server.port, balancer.program)
        func values(_ socket: TCPSocket) -> [Int32?] {
            [socket.option(SOL_SOCKET, SO_KEEPALIVE)]
                + [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT].map { socket.option(Self.tcp, $0) }
        }
        #expect(values(sides.client) == [1, 11, 12, 13, 9000])
        #expect(sides.server.option(Self.tcp, TCP_USER_TIMEOUT) == 7000)
        // Towards the server it is set once the session has lasted.
        try eventually("keepalive towards the server", details: { "\(values(sides.server))" }) {
            values(sides.server) == [1, 1, 2, 3, 7000]
        }
        try client.send("still here")
        try client.expect("still here")
    }

    @Test("a listener has the backlog of the file", .enabled(if: SharedSockets.arePossible), arguments: [3, 100])
    func backlog(_ count: Int) throws {
        let server = try EchoBackend(named: "A")
        let balancer = try ConfiguredBalancer.start([server.port], listener: ["backlog: \(count)"])
        let listeners = try SharedSockets.all(of: balancer.program) {
            $0.option(SOL_SOCKET, SO_ACCEPTCONN) == 1 && $0.option(SOL_SOCKET, SO_DOMAIN) == AF_INET
        }
        #expect(!listeners.isEmpty && listeners.allSatisfy { $0.backlog == count }, "\(listeners.map(\.backlog))")
    }

    @Test("a socket of the service manager gets the options of the file")
    func handedOver() throws {
        let server = try EchoBackend(named: "A")
        let socket = try ListeningSocket()
        let folder = try TestFolder()
        let path = folder.path(of: "balancer.yaml")
        let text = """
            listeners:
              web: {bind: {systemd: web}, pool: web, user_timeout: 9s, keepalive: {idle: 11s, interval: 12s, probes: 13}}
            pools:
              web: {backends: ["127.0.0.1:\(server.port)"]}
            """
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let program = try RunningProgram.startBalancer(handing: [socket.socket], names: "web", ["run", path])
        let client = try TCPSocket.connect(to: SocketAddress("127.0.0.1", socket.port))
        #expect(try client.receiveLine() == "A", "\(program.summary)")
        // It is the same socket here.
        let values = [TCP_USER_TIMEOUT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT].map {
            socket.socket.option(Self.tcp, $0)
        }
        #expect(values == [9000, 11, 12, 13])
    }

    // MARK: Unix sockets

    private static func status(of path: String) -> stat? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? status : nil
    }

    @Test("a Unix socket has the mode, owner and group of the file, replaces a stale one, and goes with the process")
    func unix() throws {
        let server = try EchoBackend(named: "A")
        let folder = try TestFolder()
        let path = folder.path(of: "web.sock")
        // Left by a process that was killed.
        try UnixSocket.listen(at: path).close()
        let before = try #require(Self.status(of: path))
        // Only root may give a file away.
        let (owner, group) = getuid() == 0 ? (uid_t(1), gid_t(2)) : (getuid(), getgid())
        let balancer = try ConfiguredBalancer.start(
            ["\"127.0.0.1:\(server.port)\""],
            bind: "{unix: \"\(path)\", mode: \"0660\", owner: \(owner), group: \(group)}")
        let file = try #require(Self.status(of: path))
        #expect(file.st_ino != before.st_ino)
        #expect(file.st_mode & S_IFMT == S_IFSOCK && file.st_mode & 0o7777 == 0o660)
        #expect(file.st_uid == owner && file.st_gid == group)
        #expect(try folder.names == ["web.sock"])
        let client = try UnixSocket.connect(to: path)
        #expect(try client.receiveLine() == "A")
        try client.send("hello")
        try client.expect("hello")
        client.close()
        balancer.program.signal(SIGTERM)
        #expect(try balancer.program.waitForExit() == .exited(0))
        #expect(try folder.names == [])
    }

    @Test("a Unix socket at which a process listens is left alone")
    func unixInUse() throws {
        let folder = try TestFolder()
        let path = folder.path(of: "web.sock")
        let other = try UnixSocket.listen(at: path)
        let before = try #require(Self.status(of: path))
        let balancer = try ConfiguredBalancer.start(
            ["\"127.0.0.1:\(try Ports.free())\""], bind: "{unix: \"\(path)\"}", isReady: false)
        #expect(try balancer.program.waitForExit() == .exited(69), "\(balancer.program.summary)")
        #expect(balancer.program.errors.text.contains("unix:\(path)"), "\(balancer.program.summary)")
        #expect(Self.status(of: path)?.st_ino == before.st_ino)
        #expect(try folder.names == ["web.sock"])
        other.close()
    }
}
