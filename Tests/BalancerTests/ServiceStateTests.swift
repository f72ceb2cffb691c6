import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// What the balancer says of itself, against what happens to a new client.
@Suite struct ServiceStateTests {
    private struct Stage: ~Copyable {
        var loop: BalancerLoop
        let kernel: StagedKernel
        let hand = ManualClock()

        init(_ kernel: StagedKernel, backends: Int, sessionsMax: Int = 100) throws {
            loop = try BalancerLoop(
                .staged(backends: backends, interval: .seconds(1), sessionsMax: sessionsMax), clock: .manual(hand),
                output: .silent)
            self.kernel = kernel
        }

        mutating func pass(_ time: Duration) throws {
            for _ in 0..<Int(time / .milliseconds(50)) {
                hand.now = hand.now + .milliseconds(50)
                try loop.turn(.immediately)
            }
        }

        mutating func arrive() throws {
            kernel.arrive(at: kernel.listeners[0])
            try loop.turn(.immediately)
        }

        var state: ServiceState { loop.facts.service.state }
        var backendsUp: Int { loop.facts.service.backendsUp }
        var health: [String] { loop.facts.roster.targets.map(\.stateWord) }
    }

    private static func staged(
        backends: Int, sessionsMax: Int = 100, _ body: (StagedKernel, inout Stage) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            var stage = try Stage(kernel, backends: backends, sessionsMax: sessionsMax)
            try body(kernel, &stage)
            stage.loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    // MARK: backends

    /// Until the first round of probes has ended: one answer does not suffice.
    @Test func itStartsUntilEachBackendHasBeenProbed() throws {
        try Self.staged(backends: 2) { kernel, stage in
            let first = stage.state
            #expect(first == .starting)
            try stage.loop.turn(.immediately)
            let (probing, up, health) = (stage.state, stage.backendsUp, stage.health)
            #expect(probing == .starting && up == 0 && health == ["unknown", "unknown"])
            kernel.post(try #require(kernel.sockets(to: .backend(1)).last), CEPOLL_OUT)
            try stage.pass(.milliseconds(100))
            let (answered, upThen, healthThen) = (stage.state, stage.backendsUp, stage.health)
            #expect(answered == .starting && upThen == 1 && healthThen == ["unknown", "up"])
            kernel.post(try #require(kernel.sockets(to: .backend(0)).last), CEPOLL_HUP)
            kernel.errors[try #require(kernel.sockets(to: .backend(0)).last)] = ECONNREFUSED
            try stage.pass(.milliseconds(100))
            let (ended, upAtEnd, healthAtEnd) = (stage.state, stage.backendsUp, stage.health)
            #expect(ended == .serving && upAtEnd == 1 && healthAtEnd == ["down", "up"])
        }
    }

    /// They are in rotation until they have failed four times, but a client that comes is closed.
    @Test func backendsThatNeverAnsweredAreNoBackends() throws {
        try Self.staged(backends: 2) { kernel, stage in
            kernel.connectAnswer = { _ in -ECONNREFUSED }
            try stage.pass(.milliseconds(100))
            let (state, up, health) = (stage.state, stage.backendsUp, stage.health)
            #expect(state == .noBackend && up == 0 && health == ["down", "down"])
            let verdicts = stage.loop.shared.roster.current().targets.map(\.isUp)
            #expect(verdicts == [true, true])
            kernel.connectAnswer = { _ in 0 }
            try stage.pass(.seconds(1))
            let again = stage.state
            #expect(again == .serving)
        }
    }

    /// One failed probe is no verdict, so it must not make others move their clients elsewhere.
    @Test func aBackendThatHasAnsweredCountsUntilItsVerdict() throws {
        try Self.staged(backends: 1) { kernel, stage in
            kernel.connectAnswer = { _ in 0 }
            try stage.pass(.milliseconds(100))
            kernel.connectAnswer = { _ in -ECONNREFUSED }
            var states: [ServiceState] = []
            for _ in 0..<5 {
                try stage.pass(.seconds(1))
                states.append(stage.state)
            }
            #expect(states == [.serving, .serving, .serving, .noBackend, .noBackend])
        }
    }

    /// Of what a name leads to now, nothing is known.
    @Test func aBackendThatMovedHasNotAnswered() throws {
        try Self.staged(backends: 1) { kernel, stage in
            kernel.connectAnswer = { $0 == .backend(0) ? 0 : -EINPROGRESS }
            try stage.pass(.milliseconds(100))
            _ = try stage.loop.change(.move(TargetID(rawValue: 0), to: .backend(7)))
            let moved = stage.state
            #expect(moved == .starting)
            // There and back, before the prober has looked.
            _ = try stage.loop.change(.move(TargetID(rawValue: 0), to: .backend(0)))
            try stage.pass(.milliseconds(1200))
            let back = stage.state
            #expect(back == .serving)
        }
    }

    // MARK: this machine

    /// No port is left, or the source address is gone: the verdicts stay, and say nothing any more.
    @Test func probesThatCannotBeMadeAreNoHealth() throws {
        try Self.staged(backends: 2) { kernel, stage in
            kernel.connectAnswer = { _ in 0 }
            try stage.pass(.milliseconds(100))
            kernel.connectAnswer = { _ in -EADDRNOTAVAIL }
            var states: [ServiceState] = []
            for _ in 0..<5 {
                try stage.pass(.seconds(1))
                states.append(stage.state)
            }
            #expect(states == [.serving, .serving, .serving, .impaired, .impaired])
            kernel.connectAnswer = { _ in 0 }
            try stage.pass(.seconds(1))
            let again = stage.state
            #expect(again == .serving)
        }
    }

    /// At the start as well, where there is no verdict that could stay.
    @Test func firstProbesThatCannotBeMadeAreNoStart() throws {
        try Self.staged(backends: 1) { kernel, stage in
            kernel.connectAnswer = { _ in -EADDRNOTAVAIL }
            try stage.pass(.seconds(5))
            let state = stage.state
            #expect(state == .impaired)
        }
    }

    /// The first client that is closed tells, long before the probes. A session that is connected ends it.
    @Test func aClientClosedForLackOfPortsIsTold() throws {
        try Self.staged(backends: 2) { kernel, stage in
            kernel.connectAnswer = { _ in 0 }
            try stage.pass(.milliseconds(100))
            kernel.connectAnswer = { _ in -EADDRNOTAVAIL }
            try stage.arrive()
            let state = stage.state
            #expect(state == .impaired)
            kernel.connectAnswer = { _ in 0 }
            stage.hand.now = stage.hand.now + .milliseconds(1100)
            try stage.loop.turn(.immediately)
            try stage.arrive()
            let again = stage.state
            #expect(again == .serving)
        }
    }

    /// Others were told to send no clients here, so no session can end it.
    @Test func aProbeEndsItWhereNoClientComes() throws {
        try Self.staged(backends: 1) { kernel, stage in
            kernel.connectAnswer = { _ in 0 }
            try stage.pass(.milliseconds(500))
            kernel.connectAnswer = { _ in -EADDRNOTAVAIL }
            try stage.arrive()
            kernel.connectAnswer = { _ in 0 }
            // A probe that connects within a second of it may have had a port that was free for a moment.
            try stage.pass(.milliseconds(700))
            let soon = stage.state
            #expect(soon == .impaired)
            try stage.pass(.milliseconds(1000))
            let later = stage.state
            #expect(later == .serving)
        }
    }

    /// One backend cannot be connected to, the next one serves: the client has noticed nothing.
    @Test func anAttemptThatAnotherBackendMakesGoodIsNotTold() throws {
        try Self.staged(backends: 2) { kernel, stage in
            kernel.connectAnswer = { _ in 0 }
            try stage.pass(.milliseconds(100))
            kernel.connectAnswer = { $0 == .backend(0) ? -EADDRNOTAVAIL : 0 }
            try stage.arrive()
            let (state, sessions) = (stage.state, stage.loop.sessions.count)
            #expect(state == .serving && sessions == 1)
        }
    }

    @Test func clientsThatCannotBeAcceptedAreTold() throws {
        try Self.staged(backends: 1) { kernel, stage in
            kernel.connectAnswer = { _ in 0 }
            try stage.pass(.milliseconds(100))
            kernel.descriptorsMax = kernel.descriptors.count
            try stage.arrive()
            let state = stage.state
            #expect(state == .impaired)
            kernel.descriptorsMax = .max
            try stage.pass(.seconds(2))
            let again = stage.state
            #expect(again == .serving)
        }
    }

    // MARK: sessions

    /// A session more would wait. Full is only what somebody waits at: the last place is no fault.
    @Test func clientsThatWaitForAPlaceAreTold() throws {
        try Self.staged(backends: 1, sessionsMax: 2) { kernel, stage in
            kernel.connectAnswer = { _ in 0 }
            try stage.pass(.milliseconds(100))
            try stage.arrive()
            try stage.arrive()
            let last = stage.state
            #expect(last == .serving)
            try stage.arrive()
            try stage.pass(.seconds(3))
            let (state, sessions) = (stage.state, stage.loop.sessions.count)
            #expect(state == .full && sessions == 2)
            for client in kernel.accepted {
                kernel.ended.insert(client)
                kernel.post(client, CEPOLL_IN | CEPOLL_HUP | CEPOLL_RDHUP)
            }
            for backend in kernel.connects.map(\.socket) where kernel.descriptors.contains(backend) {
                kernel.ended.insert(backend)
                kernel.post(backend, CEPOLL_IN | CEPOLL_HUP | CEPOLL_RDHUP)
            }
            try stage.pass(.seconds(3))
            let again = stage.state
            #expect(again == .serving)
        }
    }

    /// Whatever else is wrong, it accepts no more clients.
    @Test func drainingIsTheLastWord() throws {
        try Self.staged(backends: 1) { kernel, stage in
            stage.loop.drain()
            let state = stage.state
            #expect(state == .draining)
        }
    }
}

@Suite struct ServiceStatusTests {
    /// The line stays short, however many names have no address.
    @Test(arguments: [
        (0, ""), (1, "; no address: b0:80"), (3, "; no address: b0:80, b1:80, b2:80"),
        (5, "; no address: b0:80, b1:80, b2:80 and 2 more"),
    ])
    func itNamesBackendsWithoutAnAddress(count: Int, expected: String) throws {
        let names = (0..<count).map { HostName(host: "b\($0)", port: 80, preferredFamily: AF_INET) }
        let shared = SharedRoster(
            try Configuration(
                listeners: [.init(address: .ipv4(0x7F00_0001, port: 20_000))],
                pools: [
                    .init(backends: names.map { .init(name: $0, address: nil) } + [.init(address: .backend(0))])
                ]))
        let facts = ServiceFacts(shared.current(), ServiceConditions(), isDraining: false)
        #expect(facts.status == "STATUS=starting: 0 of \(count + 1) backends up\(expected)")
    }
}

@Suite struct ServiceConditionsTests {
    private let now = Instant(nanoseconds: 5_000_000_000)

    /// A condition lasts while it lasts in any loop; each change has another version.
    @Test func theLastLoopEndsIt() {
        let conditions = ServiceConditions()
        var versions = [conditions.version]
        for loop in [0, 63] {
            #expect(conditions.begin(.full, in: loop, now) as Bool)
            #expect(!conditions.begin(.full, in: loop, now) as Bool)
            versions.append(conditions.version)
        }
        #expect(conditions.end(.full, in: 0) as Bool)
        versions.append(conditions.version)
        #expect(conditions.contains(.full) && !conditions.contains(.cannotAccept))
        #expect(!conditions.end(.full, in: 0) as Bool)
        #expect(conditions.end(.full, in: 63) as Bool)
        versions.append(conditions.version)
        #expect(!conditions.contains(.full))
        #expect(Set(versions).count == versions.count && versions.last == conditions.version)
    }

    @Test func aProbeEndsItForAllLoopsOnceNoClientIsClosed() {
        let conditions = ServiceConditions()
        _ = conditions.begin(.cannotConnect, in: 1, now)
        _ = conditions.begin(.cannotConnect, in: 2, now + .milliseconds(500))
        _ = conditions.begin(.full, in: 2, now)
        conditions.probeConnected(now + .milliseconds(1400))
        #expect(conditions.contains(.cannotConnect))
        conditions.probeConnected(now + .milliseconds(1500))
        #expect(!conditions.contains(.cannotConnect) && conditions.contains(.full))
    }
}
