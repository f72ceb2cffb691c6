import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// Backends of which nothing is known yet: ``Configuration/HealthCheck/startsUnknown``.
@Suite struct UnknownBackendTests {
    // MARK: who is picked

    private static func stage(
        _ count: Int, backups: Set<Int> = [], startsUnknown: Bool = true, _ body: (inout TargetsStage) throws -> Void
    ) throws {
        try withScriptedKernel(StagedKernel()) {
            var stage = try TargetsStage(
                backends: count, backend: { .init(address: .backend($0), isBackup: backups.contains($0)) },
                adjust: { $0.health.startsUnknown = startsUnknown })
            try body(&stage)
        }
    }

    private static func picks(_ count: Int, _ stage: inout TargetsStage) -> [SocketAddress] {
        (0..<count).compactMap { _ in stage.pick().map { stage.address($0) } }
    }

    /// The result of a first probe.
    private static func judge(_ number: Int, isUp: Bool, _ stage: inout TargetsStage) {
        stage.find(number) {
            $0.isUp = isUp
            $0.probes.record(isUp ? .succeeded : .failed)
        }
        stage.targets.adopt(&stage.core, &stage.journal)
    }

    @Test func theyServeOnlyWhileNoneIsKnownToBeUp() throws {
        try Self.stage(3) { stage in
            #expect(Self.picks(3, &stage) == [.backend(0), .backend(1), .backend(2)])
            Self.judge(1, isUp: true, &stage)
            #expect(Self.picks(2, &stage) == [.backend(1), .backend(1)])
            Self.judge(0, isUp: true, &stage)
            #expect(Set(Self.picks(2, &stage)) == [.backend(0), .backend(1)])
            // All that are known are down: better one of which nothing is known.
            for number in 0...1 { Self.judge(number, isUp: false, &stage) }
            #expect(Self.picks(2, &stage) == [.backend(2), .backend(2)])
            Self.judge(2, isUp: false, &stage)
            #expect(Self.picks(1, &stage) == [])
        }
    }

    /// A backup that is known to be up comes before all of which nothing is known; of these the backups come last.
    @Test func backupsKeepTheirRank() throws {
        try Self.stage(4, backups: [1, 3]) { stage in
            #expect(Self.picks(2, &stage) == [.backend(0), .backend(2)])
            Self.judge(1, isUp: true, &stage)
            #expect(Self.picks(2, &stage) == [.backend(1), .backend(1)])
            Self.judge(2, isUp: true, &stage)
            #expect(Self.picks(2, &stage) == [.backend(2), .backend(2)])
            Self.judge(2, isUp: false, &stage)
            Self.judge(1, isUp: false, &stage)
            #expect(Self.picks(2, &stage) == [.backend(0), .backend(0)])
            Self.judge(0, isUp: false, &stage)
            #expect(Self.picks(2, &stage) == [.backend(3), .backend(3)])
        }
    }

    /// One that is added gets no client before it has answered, and neither does one that moves.
    @Test func theyAreUnknownWhenTheyComeAndWhenTheyMove() throws {
        try Self.stage(1) { stage in
            Self.judge(0, isUp: true, &stage)
            try stage.change(.add(.init(address: .backend(7)), to: PoolID(rawValue: 0)))
            #expect(Self.picks(2, &stage) == [.backend(0), .backend(0)])
            Self.judge(1, isUp: true, &stage)
            #expect(Set(Self.picks(2, &stage)) == [.backend(0), .backend(7)])
            try stage.change(.move(TargetsStage.id(1), to: .backend(8)))
            #expect(Self.picks(2, &stage) == [.backend(0), .backend(0)])
            // The known one is to get no clients, or leaves.
            try stage.change(.weigh(TargetsStage.id(0), 0))
            #expect(Self.picks(2, &stage) == [.backend(8), .backend(8)])
            try stage.change(.weigh(TargetsStage.id(0), 1))
            #expect(Self.picks(2, &stage) == [.backend(0), .backend(0)])
            try stage.change(.remove(TargetsStage.id(0)))
            #expect(Self.picks(2, &stage) == [.backend(8), .backend(8)])
        }
    }

    /// The guide's command: up until proven otherwise.
    @Test func otherPoolsPickThemAsBefore() throws {
        try Self.stage(3, startsUnknown: false) { stage in
            Self.judge(1, isUp: true, &stage)
            #expect(Self.picks(3, &stage) == [.backend(0), .backend(1), .backend(2)])
        }
    }

    // MARK: the first probe decides

    private struct Stage: ~Copyable {
        var loop: BalancerLoop
        let hand = ManualClock()

        init(backends: Int, adjust: (inout Configuration.Pool) -> Void = { _ in }) throws {
            loop = try BalancerLoop(
                .staged(
                    backends: backends, interval: .seconds(1),
                    adjust: {
                        $0.health.startsUnknown = true
                        adjust(&$0)
                    }), clock: .manual(hand), output: .silent)
        }

        mutating func pass(_ time: Duration) throws {
            for _ in 0..<Int(time / .milliseconds(50)) {
                hand.now = hand.now + .milliseconds(50)
                try loop.turn(.immediately)
            }
        }

        var verdicts: [Bool] { loop.shared.roster.current().targets.map(\.isUp) }
    }

    private static func staged(
        backends: Int, adjust: (inout Configuration.Pool) -> Void = { _ in },
        _ body: (StagedKernel, inout Stage) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var stage = try Stage(backends: backends, adjust: adjust)
            try body(kernel, &stage)
            stage.loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    /// Four failures in a row take it down later; at first one does.
    @Test func oneFailureIsEnoughAtFirst() throws {
        try Self.staged(backends: 2) { kernel, stage in
            kernel.connectAnswer = { $0 == .backend(0) ? -ECONNREFUSED : 0 }
            try stage.pass(.milliseconds(50))
            let first = stage.verdicts
            #expect(first == [false, true])
            kernel.connectAnswer = { $0 == .backend(0) ? 0 : -ECONNREFUSED }
            var later: [[Bool]] = []
            for _ in 0..<4 {
                try stage.pass(.seconds(1))
                later.append(stage.verdicts)
            }
            #expect(later == [[true, true], [true, true], [true, true], [true, false]])
        }
    }

    /// However many it takes later. What was known of another address counts for nothing.
    @Test func oneSuccessIsEnoughAtEachAddress() throws {
        try Self.staged(backends: 1, adjust: { $0.health.rise = 3 }) { kernel, stage in
            kernel.connectAnswer = { $0 == .backend(5) ? 0 : -ECONNREFUSED }
            try stage.pass(.milliseconds(50))
            let down = stage.verdicts
            #expect(down == [false])
            _ = try stage.loop.change(.move(TargetID(rawValue: 0), to: .backend(6)))
            try stage.pass(.milliseconds(50))
            let stillDown = stage.verdicts
            #expect(stillDown == [false])
            _ = try stage.loop.change(.move(TargetID(rawValue: 0), to: .backend(5)))
            try stage.pass(.milliseconds(50))
            let up = stage.verdicts
            #expect(up == [true])
            kernel.connectAnswer = { _ in -EINPROGRESS }
            _ = try stage.loop.change(.move(TargetID(rawValue: 0), to: .backend(6)))
            try stage.pass(.milliseconds(50))
            let entry = try #require(stage.loop.targets.roster.targets.first { _ in true })
            #expect(entry.isUnknown && entry.isUp)
        }
    }

    /// The addresses of a name are tried one after the other. One that was in vain makes the backend down, and the next
    /// one does not make it unknown: only its answer brings it back, and at once.
    @Test func aSearchIsNoNewBeginning() {
        let addresses = (1...3).map { SocketAddress.backend($0) }
        var settings = PoolSettings()
        (settings.health.startsUnknown, settings.health.rise) = (true, 3)
        let entry = TargetEntry(
            id: TargetID(rawValue: 0), name: "server:80",
            host: HostName(host: "server", port: 80, preferredFamily: AF_INET), address: addresses[0],
            startsUnknown: true, counters: TargetCounters(loops: 1))
        let pool = PoolEntry(id: PoolID(rawValue: 0), name: "default", settings: settings, targets: [entry])
        let rhythm = ProbeRhythm(entry.id, of: 1, interval: settings.health.interval)
        var target = ProbedTarget(
            entry, of: pool, rhythm: rhythm, timer: TimerID.none, due: Instant(nanoseconds: 0))
        for _ in 0..<5 {
            _ = target.record(.failed)
            guard let next = target.choose(from: addresses) else { break }
            target.move(to: next, isSearch: true)
            let isUp = target.finding.isUp
            #expect(!isUp)
        }
        _ = target.record(.succeeded)
        let isFound = target.finding.isUp
        #expect(isFound)
        // The name has another address: of that one nothing is known.
        for _ in 0..<4 { _ = target.record(.failed) }
        let isDown = !target.finding.isUp
        target.move(to: .backend(9))
        let isUnknown = target.finding.isUp
        #expect(isDown && isUnknown)
    }

    /// Clients that come before the first answer are served by whoever answers them.
    @Test func clientsDoNotWaitForTheFirstProbe() throws {
        try Self.staged(backends: 2) { kernel, stage in
            try stage.loop.turn(.immediately)
            kernel.arrive(at: kernel.listeners[0])
            try stage.loop.turn(.immediately)
            let attempts = kernel.connects.count
            #expect(attempts == 3, "two probes and a session")
            kernel.post(try #require(kernel.sockets(to: .backend(1)).first), CEPOLL_OUT)
            try stage.loop.turn(.immediately)
            for _ in 0..<3 {
                kernel.arrive(at: kernel.listeners[0])
                try stage.loop.turn(.immediately)
            }
            let others = kernel.connects.dropFirst(3).map(\.address)
            #expect(others == [.backend(1), .backend(1), .backend(1)])
        }
    }

    /// The log has it once, and says how many failures it were.
    @Test func theLogHasOneFailure() throws {
        var health = Configuration.HealthCheck()
        (health.interval, health.timeout, health.startsUnknown) = (.milliseconds(10), .milliseconds(10), true)
        let configuration = try Configuration(
            listeners: [.init(address: .ipv4(0x7F00_0001, port: 0))],
            pools: [.init(backends: [.init(address: .ipv4(0x7F00_0001, port: 9))], health: health)], log: .changes)
        let pipe = try Pipe()
        var loop = try BalancerLoop(
            configuration,
            output: EventLog(
                .changes, output: OutputStream(number: pipe.inputNumber),
                errors: OutputStream(number: pipe.inputNumber)))
        let deadline = Clock.monotonic.now() + .seconds(20)
        var text = ""
        while !text.contains("dead"), Clock.monotonic.now() < deadline {
            try loop.turn(.milliseconds(5))
            text += String(decoding: pipe.read(atMost: 4096), as: UTF8.self)
        }
        // A few more probes.
        for _ in 0..<40 { try loop.turn(.milliseconds(5)) }
        text += String(decoding: pipe.read(atMost: 4096), as: UTF8.self)
        #expect(text.contains("probe of 127.0.0.1:9 failed, 1 in a row: "), "\(text)")
        #expect(text.occurrences(of: " failed, ") == 1 && text.occurrences(of: "Server is dead") == 1, "\(text)")
    }
}
