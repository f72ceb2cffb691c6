import Glibc
import Reactor
import Testing

@testable import Balancer

/// What a listener is set to: its name, backlog, pool, and the file of a Unix socket.
@Suite struct ListenerSettingsTests {
    private static let backend = Configuration.Backend(address: .backend(0))

    private static func loop(_ listeners: [Configuration.ListenerSettings]) throws -> BalancerLoop {
        try BalancerLoop(
            Configuration(listeners: listeners, pools: [.init(backends: [backend])], log: .none), output: .silent)
    }

    // MARK: Unix sockets

    /// A path of its own, which is removed afterwards.
    private static func withPath(_ body: (_ path: String, _ address: SocketAddress) throws -> Void) throws {
        let directory = "/tmp/balancer-tests-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        try #require(unsafe mkdir(directory, 0o700) == 0)
        let path = directory + "/web.sock"
        defer {
            unsafe unlink(path)
            unsafe rmdir(directory)
        }
        try body(path, try #require(SocketAddress(unixPath: path)))
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? status : nil
    }

    private static func canConnect(_ address: SocketAddress) throws -> Bool {
        try Stream(for: address, from: nil).connect(to: address) == .connected
    }

    @Test func theFileHasItsPermissionsAndGoesWithTheListener() throws {
        try Self.withPath { path, address in
            do {
                // Its own user and group: nothing else is allowed to everybody.
                let file = Configuration.UnixFile(mode: 0o621, owner: geteuid(), group: getegid())
                var loop = try Self.loop([.init(address: address, unix: file)])
                #expect(loop.listenerAddresses == [address])
                #expect(Self.status(path).map { $0.st_mode & 0o777 } == 0o621)
                #expect(try Self.canConnect(address))
                loop.stop()
            }
            #expect(Self.status(path) == nil)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root may give files away")) func theFileMayBeSomebodyElses() throws {
        try Self.withPath { path, address in
            let loop = try Self.loop([.init(address: address, unix: .init(owner: 12_345, group: 23_456))])
            let status = try #require(Self.status(path))
            #expect(status.st_uid == 12_345 && status.st_gid == 23_456 && status.st_mode & 0o777 == 0o600)
            #expect(loop.isRunning as Bool)
        }
    }

    /// A process that was killed leaves its socket behind.
    @Test func aStaleSocketIsReplaced() throws {
        try Self.withPath { path, address in
            do { _ = try Listener(address, keepalive: nil) }
            #expect(Self.status(path) != nil)
            let loop = try Self.loop([.init(address: address)])
            #expect(try Self.canConnect(address))
            #expect(loop.isRunning as Bool)
        }
    }

    @Test func aSocketInUseIsLeftAlone() throws {
        try Self.withPath { path, address in
            let other = try Listener(address, keepalive: nil)
            let error = #expect(throws: SystemCallError.self) { _ = try Self.loop([.init(address: address)]) }
            #expect(error.map { "\($0)" } == "bind unix:\(path): Address already in use")
            #expect(try Self.canConnect(address) && other.hasWaiting)
        }
    }

    @Test func aFileThatIsNoSocketIsLeftAlone() throws {
        try Self.withPath { path, address in
            let file = unsafe open(path, O_CREAT | O_WRONLY, 0o600)
            close(file)
            let error = #expect(throws: SystemCallError.self) { _ = try Self.loop([.init(address: address)]) }
            #expect(error?.errno == Errno(rawValue: EEXIST))
            #expect(Self.status(path).map { $0.st_mode & S_IFMT } == S_IFREG)
        }
    }

    /// The kernel keeps one client more than the backlog.
    @Test func aUnixSocketHasABacklogOfItsOwn() throws {
        try Self.withPath { _, address in
            let loop = try Self.loop([.init(address: address, backlog: 3)])
            var waiting = Slab<Stream>(capacity: 16)
            for _ in 0..<8 {
                let stream = try Stream(for: address, from: nil)
                if stream.connect(to: address) == .connected { _ = waiting.insert(stream) }
            }
            let count = waiting.count
            #expect(count == 4)
            #expect(loop.isRunning as Bool)
        }
    }

    // MARK: the rest

    /// All that wait in it are served when the process ends, also where the other listeners' backlog is shorter.
    @Test func itsBacklogIsEmptiedAtTheEnd() throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var limits = Limits(sessionsMax: 100)
            limits.backlog = 4
            let listener = Configuration.ListenerSettings(address: .ipv4(0x7F00_0001, port: 20_000), backlog: 40)
            var loop = try BalancerLoop(
                Configuration(
                    listeners: [listener], pools: [.init(backends: [Self.backend])], limits: limits, log: .none),
                clock: .manual(ManualClock()), output: .silent)
            for _ in 0..<30 { kernel.arrive(at: kernel.listeners[0]) }
            loop.drain()
            let count = loop.sessions.count
            #expect(count == 30)
            loop.stop()
        }
    }

    @Test func eachHasABacklogOfItsOwn() throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var limits = Limits(sessionsMax: 10)
            limits.backlog = 70
            let listeners = [nil, 5].enumerated().map { place, backlog in
                Configuration.ListenerSettings(
                    address: .ipv4(0x7F00_0001, port: UInt16(20_000 + place)), backlog: backlog)
            }
            var loop = try BalancerLoop(
                Configuration(
                    listeners: listeners, pools: [.init(backends: [Self.backend])], limits: limits, log: .none),
                clock: .manual(ManualClock()), output: .silent)
            #expect(kernel.backlogs == [70, 5])
            loop.stop()
        }
    }

    /// Clients of all of them alternate over the backends of one pool.
    @Test func severalServeOnePool() throws {
        try TurnStage.run(backends: 2, listeners: 3) { kernel, stage in
            for listener in kernel.listeners { kernel.arrive(at: listener) }
            for _ in 0..<3 { try stage.turn() }
            #expect(kernel.connects.suffix(3).map(\.address) == [.backend(0), .backend(1), .backend(0)])
        }
    }

    @Test func aNameIsTheAddressUnlessItIsGiven() {
        let address = SocketAddress.ipv4(0x7F00_0001, port: 1)
        #expect(Configuration.ListenerSettings(address: address).name == "127.0.0.1:1")
        #expect(Configuration.ListenerSettings(address: address, name: "web").name == "web")
    }

    private static let tcp = SocketAddress.ipv4(0x7F00_0001, port: 1)
    private static let long = SocketAddress.unix(path: "/" + String(repeating: "x", count: SocketFile.pathBytesMax))

    @Test(
        arguments: [
            // Two addresses of one listener.
            ([.init(address: tcp, name: "a"), .init(address: .ipv4(0x7F00_0001, port: 2), name: "a")], ""),
            ([.init(address: tcp, name: "a"), .init(address: tcp, name: "b")], "two listeners on 127.0.0.1:1"),
            ([.init(address: tcp, name: "")], "its name is empty"),
            ([.init(address: tcp, name: "a", backlog: 0)], "listener 'a' at 127.0.0.1:1: backlog 0: it must be 1 to"),
            ([.init(address: tcp, unix: .init())], "only the path of a Unix socket"),
            ([.init(address: .unix(path: "@a"), unix: .init())], "only the path of a Unix socket"),
            ([.init(address: .unix(path: "/a"), unix: .init(mode: 0o1777))], "mode 1777: it must be 0 to 777"),
            ([.init(address: long)], "its path must have at most"),
            ([.init(address: .unix(path: "/a"), backlog: 7, unix: .init(mode: 0o660))], ""),
        ] as [([Configuration.ListenerSettings], String)])
    func settingsAreChecked(listeners: [Configuration.ListenerSettings], fault: String) {
        var text = ""
        do {
            _ = try Configuration(listeners: listeners, pools: [.init(backends: [Self.backend])])
        } catch {
            text = "\(error)"
        }
        #expect(fault.isEmpty ? text.isEmpty : text.contains(fault), "\(text)")
    }
}
