import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// The first round of probes: what the process says of itself, and when the service manager is told that it is ready.
@Suite struct FirstRoundTests {
    private struct Stage: ~Copyable {
        var loop: BalancerLoop
        let inbox: Inbox
        let hand = ManualClock()

        init(
            _ name: String, threads: Int = 1, _ pools: [Configuration.Pool], _ kernel: StagedKernel,
            lookUp: @escaping BackgroundResolver.Lookup = { _ throws(ResolverError) in [] }
        ) throws {
            let inbox = try Inbox(for: name)
            let variables = ["NOTIFY_SOCKET": inbox.name]
            let configuration = try Configuration(
                listeners: pools.indices.map {
                    .init(address: .ipv4(0x7F00_0001, port: UInt16(20_000 + $0)), pool: $0)
                },
                pools: pools, log: .none)
            loop = try BalancerLoop(
                configuration, clock: .manual(hand), service: ServiceManager.find(environment: { variables[$0] }),
                lookUp: lookUp, output: .silent)
            self.inbox = inbox
        }

        mutating func pass(_ time: Duration) throws {
            for _ in 0..<Int(time / .milliseconds(50)) {
                hand.now = hand.now + .milliseconds(50)
                try loop.turn(.immediately)
            }
        }

        /// What the manager was told since the last call: its READY messages alone.
        func ready() -> [String] { inbox.all().filter { $0.hasPrefix("READY=1\n") } }

        var state: ServiceState { loop.facts.service.state }
    }

    private static func staged(
        _ pools: [Configuration.Pool], name: String = #function,
        lookUp: @escaping BackgroundResolver.Lookup = { _ throws(ResolverError) in [] },
        _ body: (StagedKernel, inout Stage) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var stage = try Stage(String(name.prefix(40)), pools, kernel, lookUp: lookUp)
            try body(kernel, &stage)
            stage.loop.stop()
        }
    }

    private static func pool(
        _ backends: [Int], name: String = "default", isDiscovered: Bool = false, startsUnknown: Bool = false,
        kind: Configuration.HealthCheck.Kind = .tcp
    ) -> Configuration.Pool {
        var health = Configuration.HealthCheck()
        health.startsUnknown = startsUnknown
        health.kind = kind
        return .init(
            name: name, backends: backends.map { .init(address: .backend($0)) }, isDiscovered: isDiscovered,
            health: health)
    }

    /// In both modes. A backend that is silent takes the probe's timeout.
    @Test(arguments: [false, true]) func readyIsToldWhenEachBackendHasBeenProbed(startsUnknown: Bool) throws {
        let pools = [
            Self.pool([0], name: "a", startsUnknown: startsUnknown),
            Self.pool([1, 2], name: "b", startsUnknown: startsUnknown),
        ]
        try Self.staged(pools, name: #function) { kernel, stage in
            kernel.connectAnswer = { $0 == .backend(2) ? -EINPROGRESS : 0 }
            try stage.pass(.milliseconds(1900))
            let (early, state) = (stage.ready(), stage.state)
            #expect(early == [] && state == .starting)
            try stage.pass(.milliseconds(200))
            let (told, then) = (stage.ready(), stage.state)
            #expect(told == ["READY=1\nSTATUS=serving: 2 of 3 backends up"] && then == .serving)
            try stage.pass(.seconds(15))
            let more = stage.ready()
            #expect(more == [])
        }
    }

    /// Whatever the verdicts are: READY says that the process serves as well as it can, STATUS how well that is.
    @Test func aRoundInVainIsARound() throws {
        try Self.staged([Self.pool([0, 1], startsUnknown: true)]) { kernel, stage in
            kernel.connectAnswer = { _ in -ECONNREFUSED }
            try stage.pass(.milliseconds(100))
            let (told, state) = (stage.ready(), stage.state)
            #expect(told == ["READY=1\nSTATUS=no-backend: 0 of 2 backends up"] && state == .noBackend)
        }
    }

    /// A probe that could not be made has ended as well.
    @Test func aRoundWithoutPortsIsARound() throws {
        try Self.staged([Self.pool([0])]) { kernel, stage in
            kernel.connectAnswer = { _ in -EADDRNOTAVAIL }
            try stage.pass(.milliseconds(50))
            let told = stage.ready()
            #expect(told.count == 1)
        }
    }

    @Test func aPoolWithoutProbesIsReadyAtOnce() throws {
        try Self.staged([Self.pool([0, 1], kind: .none)]) { _, stage in
            try stage.loop.turn(.immediately)
            // What is found out in a turn is known in the next.
            try stage.loop.turn(.immediately)
            let (told, state) = (stage.ready(), stage.state)
            #expect(told == ["READY=1\nSTATUS=serving: 2 of 2 backends up, 2 of them not checked"])
            #expect(state == .serving)
        }
    }

    /// Many backends are probed one after the other, and those that leave are not waited for.
    @Test func manyBackendsAreOneRound() throws {
        try Self.staged([Self.pool(Array(0..<100), startsUnknown: true)]) { kernel, stage in
            kernel.connectAnswer = { $0 == .backend(99) ? -EINPROGRESS : 0 }
            try stage.pass(.milliseconds(500))
            let early = stage.ready()
            #expect(early == [])
            try stage.pass(.milliseconds(600))
            _ = try stage.loop.change(.remove(TargetID(rawValue: 99)))
            try stage.pass(.milliseconds(50))
            let none = stage.ready()
            try stage.pass(.seconds(4))
            let told = none + stage.ready()
            #expect(told == ["READY=1\nSTATUS=serving: 99 of 99 backends up"])
        }
    }

    /// A silent backend whose probe may take longer than that.
    @Test func theRoundHasABound() throws {
        var pool = Self.pool([0, 1])
        (pool.health.interval, pool.health.timeout) = (.seconds(60), .seconds(60))
        try Self.staged([pool]) { kernel, stage in
            kernel.connectAnswer = { $0 == .backend(0) ? -EINPROGRESS : 0 }
            try stage.pass(Limits.firstRoundMax - .milliseconds(100))
            let early = stage.ready()
            #expect(early == [])
            try stage.pass(.milliseconds(200))
            let (told, state) = (stage.ready(), stage.state)
            #expect(told == ["READY=1\nSTATUS=serving: 1 of 2 backends up"] && state == .serving)
        }
    }

    /// One look that was in vain is enough.
    @Test func aPoolThatCannotBeDiscoveredIsNotWaitedFor() throws {
        let pools = [Self.pool([0], name: "a"), Self.pool([], name: "b", isDiscovered: true)]
        try Self.staged(pools, name: #function) { kernel, stage in
            kernel.connectAnswer = { _ in 0 }
            try stage.pass(.seconds(1))
            let early = stage.ready()
            #expect(early == [])
            stage.loop.carryOut(.undiscovered(pool: "b", reason: "no server answers"))
            stage.loop.mayHaveNews = true
            try stage.pass(.milliseconds(100))
            let told = stage.ready()
            #expect(told == ["READY=1\nSTATUS=no-backend: 1 of 1 backends up"])
        }
    }

    /// Its backends come later, and are probed then. Without any there is the bound.
    @Test(arguments: [true, false]) func aDiscoveredPoolIsWaitedFor(comes: Bool) throws {
        let pools = [Self.pool([0], name: "a"), Self.pool([], name: "b", isDiscovered: true)]
        try Self.staged(pools, name: #function) { kernel, stage in
            kernel.connectAnswer = { $0 == .backend(1) ? -EINPROGRESS : 0 }
            try stage.pass(.seconds(3))
            let (early, state) = (stage.ready(), stage.state)
            #expect(early == [] && state == .starting)
            if comes {
                _ = try stage.loop.change(.add(.init(address: .backend(1)), to: PoolID(rawValue: 1)))
                try stage.pass(.milliseconds(100))
                let none = stage.ready()
                #expect(none == [])
                kernel.post(try #require(kernel.sockets(to: .backend(1)).last), CEPOLL_OUT)
                try stage.pass(.milliseconds(50))
                let told = stage.ready()
                #expect(told == ["READY=1\nSTATUS=serving: 2 of 2 backends up"])
            } else {
                try stage.pass(.seconds(8))
                let told = stage.ready()
                #expect(told == ["READY=1\nSTATUS=no-backend: 1 of 1 backends up"])
            }
        }
    }

    /// A process that ends before says that it ends, and never that it is ready: here its drain lasts for longer than a
    /// first round may.
    @Test func aProcessThatEndsIsNotReady() throws {
        var pool = Self.pool([0])
        (pool.health.interval, pool.health.timeout) = (.seconds(60), .seconds(60))
        try Self.staged([pool]) { kernel, stage in
            try stage.pass(.seconds(1))
            kernel.arrive(at: kernel.listeners[0])
            try stage.loop.turn(.immediately)
            kernel.post(try #require(kernel.sockets(to: .backend(0)).last), CEPOLL_OUT)
            try stage.loop.turn(.immediately)
            stage.loop.drain()
            try stage.pass(.milliseconds(9500))
            let isRunning = stage.loop.isRunning
            #expect(isRunning)
            try stage.pass(.seconds(1))
            let told = stage.inbox.all()
            #expect(told.allSatisfy { !$0.contains("READY") } && told.contains { $0.contains("STOPPING=1") })
        }
    }

    // MARK: names

    /// What the manager is told of a backend with a name, up to READY.
    private static func told(
        _ kind: Configuration.HealthCheck.Kind, at addresses: [SocketAddress]?
    ) throws -> [String] {
        let table = NameTable()
        table.set("server", addresses)
        var health = Configuration.HealthCheck()
        (health.kind, health.startsUnknown) = (kind, true)
        health.steps = [.expect(Array("SSH".utf8))]
        let inbox = try Inbox(for: "names")
        let configuration = try Configuration(
            listeners: [.init(address: .ipv4(0x7F00_0001, port: 0))],
            pools: [
                .init(
                    backends: [.init(name: HostName(host: "server", port: 9, preferredFamily: AF_INET), address: nil)],
                    health: health)
            ], log: .none)
        var loop = try BalancerLoop(
            configuration, service: ServiceManager.find(environment: { ["NOTIFY_SOCKET": inbox.name][$0] }),
            lookUp: table.lookUp, output: .silent)
        let before = loop.facts.service.state
        #expect(before == .starting)
        var told: [String] = []
        let deadline = Clock.monotonic.now() + (Limits.firstRoundMax - .seconds(2))
        while told.isEmpty, Clock.monotonic.now() < deadline {
            try loop.turn(.milliseconds(5))
            told += inbox.all().filter { $0.contains("READY") }
        }
        return told
    }

    /// A name that cannot be looked up is a probe that has failed, also where there are no probes.
    @Test(arguments: Configuration.HealthCheck.Kind.allCases)
    func aNameThatIsLookedUpInVainIsSettled(kind: Configuration.HealthCheck.Kind) throws {
        let told = try Self.told(kind, at: nil)
        #expect(told == ["READY=1\nSTATUS=no-backend: 0 of 1 backends up; no address: server:9"])
    }

    @Test func aNameThatIsFoundIsSettledWhereThereAreNoProbes() throws {
        let told = try Self.told(.none, at: [.ipv4(0x7F00_0001, port: 9)])
        #expect(told == ["READY=1\nSTATUS=serving: 1 of 1 backends up, 1 of them not checked"])
    }
}
