import CEpoll
import Glibc
import Reactor
import Synchronization
import Testing

@testable import Balancer

/// Several source addresses: more connections to one backend than there are ports, and sources that cannot be used.
@Suite struct SourcePortsTests {
    private static let sources = (1...3).map { SocketAddress.ipv4(0x0A02_0000 + UInt32($0), port: 0) }

    private static func pool(_ pool: inout Configuration.Pool, _ sources: [SocketAddress]) {
        pool = .init(backends: pool.backends, health: pool.health, sources: sources)
    }

    /// What the sockets of the last `count` connects were bound to.
    private static func bound(_ count: Int, _ kernel: StagedKernel) -> [SocketAddress?] {
        kernel.connects.suffix(count).map { kernel.bound[$0.socket] }
    }

    @Test func theyTakeTurns() throws {
        try TurnStage.run(adjust: { Self.pool(&$0, Self.sources) }) { kernel, stage in
            _ = try stage.open(7)
            #expect(Self.bound(7, kernel) == (0..<7).map { Self.sources[$0 % 3] })
            let sockets = Set(kernel.connects.suffix(7).map(\.socket))
            let leaveThePort = kernel.options.filter {
                sockets.contains($0.socket) && $0.option == IP_BIND_ADDRESS_NO_PORT && $0.value == 1
            }
            #expect(leaveThePort.count == 7)
        }
    }

    /// One that has no port left is passed over, within one attempt; only when none has any is it a shortage.
    @Test func oneWithoutPortsIsPassedOver() throws {
        try TurnStage.run(adjust: { Self.pool(&$0, Self.sources) }) { kernel, stage in
            kernel.socketAnswer = { kernel.bound[$0] == Self.sources[1] ? -EADDRNOTAVAIL : -EINPROGRESS }
            _ = try stage.open(4)
            let counts = [stage.total(.connects), stage.total(.failedNoPort), UInt64(stage.loop.sessions.count)]
            #expect(counts == [4, 0, 4])
            #expect(Self.bound(6, kernel).compactMap { $0 } == [0, 1, 2, 0, 1, 2].map { Self.sources[$0] })
            kernel.socketAnswer = { _ in -EADDRNOTAVAIL }
            kernel.arrive(at: kernel.listeners[0])
            try stage.turn()
            let record = stage.loop.sessions.lastRecord
            #expect(record.reason == .shortage && record.attempts == 1)
            #expect(Set(Self.bound(3, kernel)) == Set(Self.sources))
        }
    }

    /// Whichever it is, the one that has ports left is found.
    @Test(arguments: 0..<3) func theOnlyOneWithPortsIsFound(place: Int) throws {
        try TurnStage.run(adjust: { Self.pool(&$0, Self.sources) }) { kernel, stage in
            kernel.socketAnswer = { kernel.bound[$0] == Self.sources[place] ? -EINPROGRESS : -EADDRNOTAVAIL }
            _ = try stage.open(3)
            let counts = [stage.total(.connects), stage.total(.failedNoPort), UInt64(stage.loop.sessions.count)]
            #expect(counts == [3, 0, 3])
            #expect(Self.bound(1, kernel) == [Self.sources[place]])
        }
    }

    /// One source needs no turns: where the kernel chooses it by itself, nothing is bound.
    @Test func asTheOnlySourceItIsNotBoundWhereTheKernelChoosesIt() throws {
        let kernel = StagedKernel()
        for socket in CInt(1000)..<1200 { kernel.localAddresses[socket] = Self.sources[0].with(port: 40_000) }
        try withScriptedKernel(kernel) {
            var stage = try TurnStage(kernel, adjust: { Self.pool(&$0, [Self.sources[0]]) })
            _ = try stage.open(2)
            #expect(Self.bound(2, kernel) == [nil, nil])
            stage.loop.stop()
        }
    }

    /// A source that this machine does not have: bind(2) says so.
    @Test func oneThatIsNotThereIsPassedOver() throws {
        try TurnStage.run(adjust: { Self.pool(&$0, Self.sources) }) { kernel, stage in
            kernel.bindAnswer = { $0 == Self.sources[0] ? -EADDRNOTAVAIL : 0 }
            _ = try stage.open(3)
            let counts = [stage.total(.connects), stage.total(.failedNoPort), UInt64(stage.loop.sessions.count)]
            #expect(counts == [3, 0, 3])
        }
    }

    /// Probes go on with the next source, in the same moment, and stay with it.
    @Test func aProbeUsesASourceThatItCan() throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            kernel.bindAnswer = { $0 == Self.sources[0] ? -EADDRNOTAVAIL : 0 }
            kernel.connectAnswer = { _ in 0 }
            var loop = try BalancerLoop(
                .staged(backends: 1, adjust: { Self.pool(&$0, Self.sources) }), clock: .manual(ManualClock()),
                output: .silent)
            try loop.turn(.immediately)
            #expect(kernel.connects.map { kernel.bound[$0.socket] } == [Self.sources[1]])
            let prospect = loop.shared.roster.current().prospect
            #expect(prospect == .served)
            loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    /// When no source can be used, that is this machine's shortage, told once.
    @Test func aProbeTriesEachSourceOnce() throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            kernel.bindAnswer = { Self.sources.contains($0) ? -EADDRNOTAVAIL : 0 }
            var loop = try BalancerLoop(
                .staged(backends: 1, adjust: { Self.pool(&$0, Self.sources) }), clock: .manual(ManualClock()),
                output: .silent)
            let before = kernel.sockets
            try loop.turn(.immediately)
            #expect(kernel.sockets - before == 3)
            loop.stop()
        }
    }

    /// Only those from which a backend can be reached take turns.
    @Test func aLoopbackSourceIsNotUsedTowardsOthers() throws {
        let sources = [SocketAddress.ipv4(0x7F00_0002, port: 0), Self.sources[0], Self.sources[1]]
        try TurnStage.run(adjust: { Self.pool(&$0, sources) }) { kernel, stage in
            _ = try stage.open(4)
            #expect(Self.bound(4, kernel).compactMap { $0 } == [1, 2, 1, 2].map { sources[$0] })
        }
    }

    @Test(
        arguments: [
            ((0..<17).map { .ipv4(1 + $0, port: 0) }, "17 source addresses: at most 16"),
            ([.ipv4(1, port: 0), .ipv4(1, port: 0)], "named twice"), ([.unix(path: "/x")], "an IP address is needed"),
            ([.ipv6(high: 0xFE80 << 48, low: 1, scope: 0, port: 0)], "fe80::1%eth0"), ([.ipv4(0, port: 0)], ""),
        ] as [([SocketAddress], String)])
    func sourcesAreChecked(sources: [SocketAddress], fault: String) {
        var text = ""
        do {
            _ = try Configuration.staged(backends: 1) { Self.pool(&$0, sources) }
        } catch {
            text = "\(error)"
        }
        #expect(fault.isEmpty ? text.isEmpty : text.contains(fault))
    }

    /// Against the real kernel, in a network of its own in which each address has ten ports.
    @Test(
        .enabled(if: NetworkNamespace.isPossible, "needs the right to make a network namespace"),
        arguments: [1, 2, 3])
    func eachSourceHasPortsOfItsOwn(count: Int) throws {
        let result = try #require(
            NetworkNamespace.run(ports: "40000 40009") { try Self.connectAll(sources: count) })
        #expect(try result.get() == UInt64(10 * count))
    }

    /// How many of 40 clients are connected to the one backend, and stay.
    private static func connectAll(sources count: Int) throws -> UInt64 {
        let backend = try Listener(.ipv4(0x7F00_0009, port: 80), backlog: 100)
        var health = Configuration.HealthCheck()
        health.interval = .seconds(3600)
        let pool = Configuration.Pool(
            backends: [.init(address: backend.address)], health: health,
            sources: (0..<count).map { .ipv4(0x7F00_0002 + UInt32($0), port: 0) })
        let front = SocketAddress.ipv4(0x7F00_0001, port: 20_000)
        var loop = try BalancerLoop(
            Configuration(listeners: [.init(address: front)], pools: [pool], log: .none), output: .silent)
        let deadline = Clock.monotonic.now() + .seconds(20)
        while loop.shared.roster.current().prospect != .served, Clock.monotonic.now() < deadline {
            try loop.turn(.milliseconds(5))
        }
        var clients = Slab<Stream>(capacity: 40)
        for number in 0..<40 {
            // Each from an address of its own: clients need ports as well.
            let client = try Stream(for: front, from: .ipv4(0x7F00_0100 + UInt32(number), port: 0))
            guard client.connect(to: front).hasBegun else { continue }
            _ = clients.insert(client)
        }
        func settled() -> UInt64 { loop.shared.total(.endedShortage) + UInt64(loop.sessions.count) }
        while settled() < 40 || loop.hasMoreToDo, Clock.monotonic.now() < deadline { try loop.turn(.milliseconds(5)) }
        let connected = UInt64(loop.sessionTable().count { $0.isConnected })
        loop.stop()
        return connected
    }
}
