import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// Agents beside backends, in a whole loop against a scripted kernel.
@Suite struct AgentTests {
    private static let port: UInt16 = 9000

    private static func address(_ number: Int) -> SocketAddress { SocketAddress.backend(number).with(port: port) }

    private struct Stage: ~Copyable {
        var loop: BalancerLoop
        let kernel: StagedKernel
        let hand: ManualClock

        mutating func pass(_ time: Duration) throws {
            for _ in 0..<Int(time / .milliseconds(50)) {
                hand.now = hand.now + .milliseconds(50)
                try loop.turn(.immediately)
            }
        }

        /// The agent of a backend says something, at the next interval.
        mutating func say(_ text: String, of number: Int = 0) throws {
            kernel.onConnect = { [kernel] socket in
                guard kernel.connects.last?.address == AgentTests.address(number) else { return }
                kernel.input[socket] = Array(text.utf8)
                kernel.ended.insert(socket)
            }
            try pass(.seconds(2))
            kernel.onConnect = nil
        }

        /// The backends that so many clients are sent to, each of which stays.
        mutating func clients(_ count: Int) throws -> [SocketAddress] {
            let before = kernel.connects.count
            for _ in 0..<count {
                kernel.arrive(at: kernel.listeners[0])
                try loop.turn(.immediately)
            }
            return kernel.connects[before...].map(\.address).filter { $0.port == 80 }
        }

        var entries: [TargetEntry] { Array(loop.shared.roster.current().targets) }
    }

    private static func staged(
        kind: Configuration.HealthCheck.Kind = .none, _ body: (StagedKernel, inout Stage) throws -> Void
    ) throws {
        let kernel = StagedKernel()
        kernel.connectAnswer = { _ in 0 }
        try withScriptedKernel(kernel) {
            let hand = ManualClock()
            let configuration = try Configuration.staged(
                backends: 2, interval: .seconds(1),
                adjust: { pool in
                    pool.health.kind = kind
                    pool.agent = .init(port: port, interval: .seconds(1), timeout: .milliseconds(500), send: [0x3F])
                }, backend: { .init(address: .backend($0), weight: 4) })
            var stage = Stage(
                loop: try BalancerLoop(configuration, clock: .manual(hand), output: .silent), kernel: kernel, hand: hand
            )
            try stage.loop.turn(.immediately)
            try body(kernel, &stage)
            stage.loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }

    @Test(arguments: [Configuration.HealthCheck.Kind.none, .tcp]) func itTakesItDownAndUp(
        kind: Configuration.HealthCheck.Kind
    ) throws {
        try Self.staged(kind: kind) { kernel, stage in
            try stage.say("down # for a test\n")
            var up = stage.entries.map(\.isUp)
            #expect(up == [false, true])
            var served = try stage.clients(4)
            #expect(Set(served) == [.backend(1)] && served.count == 4)
            // An agent that says nothing changes nothing.
            try stage.say("")
            kernel.connectAnswer = { $0.port == Self.port ? -ECONNREFUSED : 0 }
            try stage.pass(.seconds(5))
            kernel.connectAnswer = { _ in 0 }
            up = stage.entries.map(\.isUp)
            #expect(up == [false, true])
            try stage.say("up")
            up = stage.entries.map(\.isUp)
            served = try stage.clients(4)
            #expect(up == [true, true] && Set(served) == [.backend(0), .backend(1)])
            #expect(kernel.sockets(to: Self.address(0)).allSatisfy { kernel.output[$0] ?? [0x3F] == [0x3F] })
        }
    }

    /// What it said before holds, and the status can tell.
    @Test func anAgentThatIsSilentChangesNothingAndIsKnown() throws {
        try Self.staged { kernel, stage in
            try stage.say("50%\n")
            kernel.connectAnswer = { $0.port == Self.port ? -ECONNREFUSED : 0 }
            try stage.pass(.seconds(3))
            var agents = stage.entries.map(\.agent)
            #expect(agents.allSatisfy(\.isSilent) && agents[0].percent == 50)
            kernel.connectAnswer = { _ in 0 }
            try stage.say("up\n")
            agents = stage.entries.map(\.agent)
            #expect(!agents[0].isSilent && agents[0].percent == 50)
        }
    }

    /// Whom it has kept clients away from comes back as one that was down: through slow start.
    @Test(arguments: ["down\n", "drain\n", "0%\n"]) func whoComesBackByItStartsSlowly(word: String) throws {
        try Self.staged { _, stage in
            var entries = stage.entries.map(\.comebacks)
            #expect(entries == [0, 0])
            try stage.say(word)
            entries = stage.entries.map(\.comebacks)
            #expect(entries == [0, 0])
            try stage.say("50%\n")
            try stage.say("up ready 100%\n")
            entries = stage.entries.map(\.comebacks)
            #expect(entries == [1, 0])
        }
    }

    @Test func itsWeightAndItsLimit() throws {
        try Self.staged { kernel, stage in
            try stage.say("25%\n")
            var weights = stage.entries.map(\.weightNow)
            #expect(weights == [1, 4])
            var served = try stage.clients(10)
            #expect(served.count { $0 == .backend(0) } == 2 && served.count == 10)
            try stage.say("100% maxconn:4\n")
            weights = stage.entries.map(\.weightNow)
            #expect(weights == [4, 4])
            served = try stage.clients(10)
            #expect(served.count { $0 == .backend(0) } == 2 && served.count == 10)
            try stage.say("drain maxconn:0\n")
            served = try stage.clients(4)
            #expect(Set(served) == [.backend(1)])
            // Its sessions stay, and it is up.
            let (sessions, up) = (stage.loop.sessions.count, stage.entries.map(\.isUp))
            #expect(sessions == 24 && up == [true, true])
            try stage.say("ready, 0%\n")
            served = try stage.clients(4)
            #expect(Set(served) == [.backend(1)])
            try stage.say("50% sideways\n")
            weights = stage.entries.map(\.weightNow)
            #expect(weights == [2, 4])
        }
    }

    /// It accepts and is silent; it sends without end.
    @Test(arguments: [false, true]) func oneThatSaysNothingIsLeftInTime(isEndless: Bool) throws {
        try Self.staged { kernel, stage in
            if isEndless { kernel.onConnect = { kernel.endless.insert($0) } }
            try stage.pass(.seconds(3))
            let sockets = kernel.sockets(to: Self.address(0))
            #expect(sockets.count >= 2 && sockets.dropLast().allSatisfy { kernel.closed.contains($0) })
            let up = stage.entries.map(\.isUp)
            #expect(up == [true, true])
        }
    }
}
