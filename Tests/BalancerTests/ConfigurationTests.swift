import Reactor
import Testing

@testable import Balancer

@Suite struct ConfigurationTests {
    let listener = Configuration.ListenerSettings(address: .ipv4(0x7F00_0001, port: 20000))
    let backend = Configuration.Backend(address: .ipv4(0x7F00_0001, port: 8090))

    private func reason(_ make: () throws -> Configuration) -> String {
        do {
            _ = try make()
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test func theDefaultsAreTheGuides() throws {
        let configuration = try Configuration(listeners: [listener], pools: [.init(backends: [backend])])
        #expect(configuration.pools[0].health.interval == .seconds(5))
        #expect(configuration.pools[0].health.timeout == .seconds(2))
        #expect(configuration.pools[0].health.fall == 4)
        #expect(configuration.pools[0].health.rise == 1)
        #expect(configuration.pools[0].timeouts.connect == .seconds(5))
        #expect(configuration.pools[0].timeouts.idle == .seconds(3600))
        #expect(configuration.pools[0].timeouts.halfClosed == nil)
        #expect(configuration.pools[0].timeouts.sessionAgeMax == nil)
        #expect(configuration.timeouts.drain == .seconds(10))
        #expect(configuration.log == .guide)
    }

    @Test func eachMistakeIsNamed() {
        #expect(
            reason { try Configuration(listeners: [], pools: [.init(backends: [backend])]) }.contains("no listener"))
        #expect(reason { try Configuration(listeners: [listener], pools: []) }.contains("no pool"))
        #expect(reason { try Configuration(listeners: [listener], pools: [.init(backends: [])]) }.contains("backends"))
        #expect(
            reason {
                try Configuration(
                    listeners: [.init(address: listener.address, pool: 1)], pools: [.init(backends: [backend])])
            }.contains("there is no pool 1"))
        #expect(
            reason {
                try Configuration(
                    listeners: [listener], pools: [.init(backends: [.init(address: listener.address)])])
            }.contains("connect to itself"))
        #expect(
            reason { try Configuration(listeners: [listener, listener], pools: [.init(backends: [backend])]) }
                .contains("two listeners"))
    }

    /// However it is spelled, and whichever listener it is.
    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("127.0.0.1", "::ffff:127.0.0.1"), ("::1", "::"),
        ("0.0.0.0", "127.0.0.9"), ("::", "127.0.0.1"), ("::", "0.0.0.0"), ("::ffff:127.0.0.1", "127.0.0.1"),
    ])
    func theBalancerItselfIsNoBackend(listener: String, backend: String) throws {
        let listener = try #require(SocketAddress(host: listener, port: 20000))
        let backend = try #require(SocketAddress(host: backend, port: 20000))
        let expected =
            "backend \(backend) is the balancer's own address, so it would connect to itself: give the backend's port, or "
            + "the balancer another one to listen on"
        #expect(
            reason {
                try Configuration(
                    listeners: [.init(address: listener)], pools: [.init(backends: [.init(address: backend)])])
            } == expected)
        #expect(
            reason {
                try Configuration(
                    listeners: [.init(address: .ipv4(0x7F00_0001, port: 1)), .init(address: listener, pool: 1)],
                    pools: [
                        .init(name: "a", backends: [.init(address: backend)]),
                        .init(name: "b", backends: [.init(address: .ipv4(0x0A00_0001, port: 80))]),
                    ])
            } == expected)
    }

    @Test(arguments: [("0.0.0.0", "::1"), ("127.0.0.1", "::"), ("127.0.0.1", "127.0.0.2"), ("::1", "0.0.0.0")])
    func whoeverElseHasThePortIsABackend(listener: String, backend: String) throws {
        let listener = try #require(SocketAddress(host: listener, port: 20000))
        let backend = try #require(SocketAddress(host: backend, port: 20000))
        _ = try Configuration(
            listeners: [.init(address: listener)], pools: [.init(backends: [.init(address: backend)])])
    }

    @Test func anUnspecifiedBackendIsAtLoopback() {
        let backend = Configuration.Backend(address: .ipv4(0, port: 80))
        #expect(backend.address == .ipv4(0x7F00_0001, port: 80) && backend.unspecified == .ipv4(0, port: 80))
        let other = Configuration.Backend(address: .ipv4(1, port: 80))
        #expect(other.address == .ipv4(1, port: 80) && other.unspecified == nil)
        let source = Configuration.Pool(backends: [backend], source: .ipv4(0, port: 0)).sources
        #expect(source.isEmpty)
    }

    /// connect(2) and bind(2) would say "Invalid argument".
    @Test func aLinkLocalAddressNeedsItsInterface() throws {
        let address = try #require(SocketAddress(host: "fe80::1", port: 80))
        #expect(
            reason { try Configuration(listeners: [.init(address: address)], pools: [.init(backends: [backend])]) }
                == "listener [fe80::1]:80: a link-local address needs its interface: fe80::1%eth0")
        #expect(
            reason { try Configuration(listeners: [listener], pools: [.init(backends: [.init(address: address)])]) }
                == "backend [fe80::1]:80: a link-local address needs its interface: fe80::1%eth0")
    }

    @Test func aBackendIsNamedOnce() throws {
        let name = HostName(host: "server1", port: 8090, preferredFamily: 2)
        let named = Configuration.Backend(name: name, address: backend.address)
        for (twice, title) in [(backend, "127.0.0.1:8090"), (named, "server1:8090")] {
            #expect(
                reason { try Configuration(listeners: [listener], pools: [.init(backends: [twice, twice])]) }
                    == "backend \(title) is named twice: name each once")
        }
        // The name may get another address later.
        #expect(try Configuration(listeners: [listener], pools: [.init(backends: [backend, named])]).backendCount == 2)
    }

    @Test func thereAreAtMostSoManyPools() throws {
        func configuration(_ count: Int) throws -> Configuration {
            try Configuration(
                listeners: [listener], pools: (0..<count).map { .init(name: "\($0)", backends: [backend]) })
        }
        #expect(try configuration(Limits.poolsMax).pools.count == Limits.poolsMax)
        #expect(reason { try configuration(Limits.poolsMax + 1) } == "1025 pools: at most 1024")
    }

    @Test func aBacklogIsANumberOfClients() throws {
        func configuration(_ backlog: Int?) throws -> Configuration {
            var limits = Limits()
            limits.backlog = backlog
            return try Configuration(listeners: [listener], pools: [.init(backends: [backend])], limits: limits)
        }
        for backlog in [nil, 1, Limits.backlogMax] { #expect(try configuration(backlog).limits.backlog == backlog) }
        for backlog in [0, -1, Limits.backlogMax + 1] {
            #expect(reason { try configuration(backlog) } == "backlog \(backlog): it must be 1 to 1048576 (--backlog)")
        }
        #expect(Limits().backlogClients > Listener.backlogMax())
    }

    /// A quarter of what there is, and never more than without a limit.
    @Test func blocksAreBoundedByTheSmallestLimitOnMemory() {
        let group = MemoryLimit(.group("memory.max"), bytes: 100 << 20)
        let space = MemoryLimit(.addressSpace, bytes: 200 << 20, usedBytes: 160 << 20)
        let machine = MemoryLimit(.machine, bytes: 64 << 30)
        #expect(Limits.blocksMax(memory: []) == 1024)
        #expect(Limits.blocksMax(memory: [machine]) == 1024)
        #expect(Limits.blocksMax(memory: [group, machine]) == 100)
        #expect(Limits.blocksMax(memory: [group, space, machine]) == 40)
        #expect(Limits.blocksMax(memory: [.init(.machine, bytes: 1)]) == 1)
        #expect(Limits.blocksMax(memory: [.init(.addressSpace, bytes: 1, usedBytes: 2)]) == 1)
    }

    @Test func fullKernelBuffersAreBoundedByMemoryButNotByAddressSpace() {
        let group = MemoryLimit(.group("memory.max"), bytes: 100 << 20)
        #expect(Limits.stalledMax(memory: []) == 256)
        #expect(
            Limits.stalledMax(memory: [group, .init(.addressSpace, bytes: 1), .init(.machine, bytes: 64 << 30)]) == 22)
        #expect(Limits.stalledMax(memory: [.init(.machine, bytes: 1)]) == 1)
    }

    @Test func sessionsThatFitIntoALimitOnMemory() {
        // The rest of a gibibyte beside the blocks: the packaged service has 32,000 sessions.
        #expect(Limits.sessionsMax(memory: .init(.group("memory.max"), bytes: 1 << 30)) == 131_072)
        #expect(Limits.sessionsMax(memory: .init(.addressSpace, bytes: 1 << 30, usedBytes: 1 << 29)) == 621_378)
    }

    @Test func aPoolsNameIsItsOwn() {
        let twice = reason {
            try Configuration(
                listeners: [listener],
                pools: [.init(name: "web", backends: [backend]), .init(name: "web", backends: [backend])])
        }
        #expect(twice == "two pools 'web': each needs a name of its own")
    }

    @Test(
        arguments: [
            (.init(connect: .zero), "connect timeout"), (.init(idle: .seconds(1 << 40)), "idle timeout"),
            (.init(halfClosed: .zero), "half-closed timeout"),
            (.init(sessionAgeMax: .zero), "longest age of a session"), (.init(halfClosed: .seconds(7200)), ""),
        ] as [(Configuration.PoolTimeouts, String)])
    func timeoutsOfAPoolHaveBounds(timeouts: Configuration.PoolTimeouts, fault: String) {
        let text = reason {
            try Configuration(listeners: [listener], pools: [.init(backends: [backend], timeouts: timeouts)])
        }
        #expect(fault.isEmpty ? text.isEmpty : text.contains(fault))
    }

    @Test func timesAndCountsHaveBounds() {
        func withHealth(_ change: (inout Configuration.HealthCheck) -> Void) -> String {
            var health = Configuration.HealthCheck()
            change(&health)
            return reason {
                try Configuration(listeners: [listener], pools: [.init(backends: [backend], health: health)])
            }
        }
        #expect(withHealth { $0.timeout = .seconds(6) }.contains("longer than the probe interval"))
        #expect(withHealth { $0.interval = .zero }.contains("probe interval"))
        #expect(withHealth { $0.timeout = .seconds(-1) }.contains("probe timeout"))
        #expect(withHealth { $0.fall = 0 }.contains("fall count 0"))
        #expect(withHealth { $0.rise = -1 }.contains("rise count -1"))
        #expect(withHealth { $0.timeout = $0.interval }.isEmpty)

        func withTimeouts(_ change: (inout Configuration.Timeouts) -> Void) -> String {
            var timeouts = Configuration.Timeouts()
            change(&timeouts)
            return reason {
                try Configuration(listeners: [listener], pools: [.init(backends: [backend])], timeouts: timeouts)
            }
        }
        #expect(withTimeouts { $0.drain = .zero }.isEmpty)
        #expect(withTimeouts { $0.linger = .seconds(-1) }.contains("linger timeout"))

        for count in [0, -1, Limits.sessionsCeiling + 1] {
            let text = reason {
                try Configuration(
                    listeners: [listener], pools: [.init(backends: [backend])], limits: Limits(sessionsMax: count))
            }
            #expect(text.contains("sessions at most"))
        }

        func withThreads(_ count: Int, _ address: SocketAddress) -> String {
            reason {
                try Configuration(
                    listeners: [.init(address: address)], pools: [.init(backends: [backend])], threads: count)
            }
        }
        for count in [0, -1, Limits.threadsMax + 1] {
            #expect(withThreads(count, listener.address).contains("--threads"))
        }
        #expect(withThreads(Limits.threadsMax, listener.address).isEmpty)
        #expect(withThreads(2, .unix(path: "/run/x")).contains("Unix socket"))
        #expect(withThreads(1, .unix(path: "/run/x")).isEmpty)
    }

    @Test func sessionsFollowFromDescriptors() {
        #expect(Limits.sessionsMax(descriptors: 20_000, listeners: 1, backends: 3) == 9_918)
        // Each further loop has a listener and four descriptors of its own.
        #expect(Limits.sessionsMax(descriptors: 20_000, listeners: 1, backends: 3, threads: 3) == 9_913)
        #expect(Limits.sessionsMax(descriptors: 10, listeners: 1, backends: 3) == 1)
        #expect(Limits.sessionsMax(descriptors: .max, listeners: 1, backends: 1) == Limits.sessionsCeiling)
    }
}
