import CEpoll
import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Who may come to a listener, and how many.
@Suite struct ClientRulesTests {
    private static func staged(
        at location: SourceLocation = #_sourceLocation,
        _ adjust: @escaping (inout Configuration.ClientRules) throws -> Void,
        _ body: (StagedKernel, ManualClock, inout BalancerLoop) throws -> Void
    ) throws {
        try withStagedLoop(
            try PrefaceStage.configuration { try adjust(&$0.clients) }, at: location, body)
    }

    private static func come(
        _ client: SocketAddress, isServed: Bool, _ kernel: StagedKernel, _ loop: inout BalancerLoop,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let socket = try loop.come(kernel, from: client)
        #expect((socket != nil) == isServed, sourceLocation: location)
    }

    private static func client(_ number: UInt32) -> SocketAddress { .ipv4(0xC633_6400 + number, port: 50_000) }

    @Test(arguments: Configuration.ClientRules.Refusal.allCases)
    func deniedClientsAreResetOrClosed(_ refusal: Configuration.ClientRules.Refusal) throws {
        try Self.staged {
            $0.deny = [try Network("198.51.100.0/24")]
            $0.allow = [try Network("198.51.100.7"), try Network("10.0.0.0/8")]
            $0.refusal = refusal
        } _: { kernel, _, loop in
            try Self.come(Self.client(1), isServed: false, kernel, &loop)
            #expect(kernel.resetOnClose.count == (refusal == .reset ? 1 : 0))
            try Self.come(Self.client(7), isServed: true, kernel, &loop)
            try Self.come(.ipv4(0x0A00_0002, port: 1), isServed: true, kernel, &loop)
            try Self.come(.ipv4(0x0B00_0002, port: 1), isServed: false, kernel, &loop)
            let (denied, sessions) = (loop.journal.cells[.denied], loop.sessions.count)
            #expect(denied == 2 && sessions == 2)
        }
    }

    @Test func aClientsSessionsAreLimitedAndOthersAreNot() throws {
        try Self.staged {
            $0.perClient = .init()
            $0.perClient?.sessionsMax = 2
        } _: { kernel, _, loop in
            let first = try #require(try loop.come(kernel, from: Self.client(1)))
            try Self.come(Self.client(1), isServed: true, kernel, &loop)
            try Self.come(Self.client(1), isServed: false, kernel, &loop)
            try Self.come(Self.client(2), isServed: true, kernel, &loop)
            try loop.finish(first, kernel)
            try Self.come(Self.client(1), isServed: true, kernel, &loop)
            let over = loop.journal.cells[.overLimit]
            #expect(over == 1)
        }
    }

    @Test func aClientThatWaitsGoesOnWhenOneOfItsSessionsEnds() throws {
        try Self.staged {
            $0.perClient = .init()
            $0.perClient?.sessionsMax = 1
            $0.perClient?.excess = .wait
        } _: { kernel, hand, loop in
            let first = try #require(try loop.come(kernel, from: Self.client(1)))
            let second = try #require(try loop.come(kernel, from: Self.client(1)))
            try Self.come(Self.client(1), isServed: false, kernel, &loop)
            try loop.pass(.seconds(1), hand)
            #expect(kernel.sockets(to: .backend(0)).count == 1)
            try loop.finish(first, kernel)
            try loop.pass(.milliseconds(200), hand)
            #expect(kernel.sockets(to: .backend(0)).count == 2)
            try loop.finish(second, kernel)
            let clients = loop.targets.roster.listeners[0].rules?.standing.clients.counts
            #expect(clients?.sessions == 0 && clients?.waiting == 0)
        }
    }

    @Test func aClientThatWaitsForTooLongIsClosed() throws {
        try Self.staged {
            $0.perClient = .init()
            $0.perClient?.sessionsMax = 1
            $0.perClient?.excess = .wait
        } _: { kernel, hand, loop in
            _ = try loop.come(kernel, from: Self.client(1))
            _ = try loop.come(kernel, from: Self.client(1))
            for _ in 0..<60 { try loop.pass(.milliseconds(100), hand) }
            let over = loop.count(.clientLimit)
            #expect(over == 1)
            let clients = loop.targets.roster.listeners[0].rules?.standing.clients.counts
            #expect(clients?.sessions == 1 && clients?.waiting == 0)
        }
    }

    @Test func aClientsRate() throws {
        try Self.staged {
            $0.perClient = .init()
            $0.perClient?.rate = Rate(count: 2, per: .seconds(1))
        } _: { kernel, hand, loop in
            var served = 0
            for _ in 0..<4 {
                if try loop.come(kernel, from: Self.client(1)) != nil { served += 1 }
            }
            #expect(served == 2)
            hand.now = hand.now + .milliseconds(600)
            try Self.come(Self.client(1), isServed: true, kernel, &loop)
            try Self.come(Self.client(1), isServed: false, kernel, &loop)
        }
    }

    @Test func theListenersRateLetsClientsWaitInTheBacklog() throws {
        try Self.staged {
            $0.rate = Rate(count: 2, per: .seconds(1))
        } _: { kernel, hand, loop in
            for number in 0..<6 { kernel.arrive(at: kernel.listeners[0], from: Self.client(UInt32(number))) }
            for _ in 0..<6 { try loop.turn(.immediately) }
            #expect(kernel.accepted.count == 2)
            for second in 1...4 {
                try loop.pass(.milliseconds(500), hand)
                #expect(kernel.accepted.count == 2 + second)
            }
        }
    }

    /// Otherwise they would wait for the time of the old rate.
    @Test func anotherRateHoldsAtOnceForThoseWhoWait() throws {
        func rules(_ rate: Rate?) throws -> Configuration { try PrefaceStage.configuration { $0.clients.rate = rate } }
        for next in [Rate(count: 1000, per: .seconds(1)), nil] {
            try withStagedLoop(try rules(Rate(count: 1, per: .seconds(3600)))) { kernel, hand, loop in
                _ = try loop.come(kernel, from: Self.client(1))
                _ = try loop.come(kernel, from: Self.client(2))
                #expect(kernel.accepted.count == 1)
                _ = try loop.reload(rules(next))
                try loop.pass(.milliseconds(100), hand)
                #expect(kernel.accepted.count == 2, "\(next.debugDescription)")
            }
        }
    }

    @Test func thoseWhoMayNotComeByTheirHeaderTakeNothingOfTheRate() throws {
        try withStagedLoop(
            try PrefaceStage.configuration {
                $0.proxy = .init(.required, from: [try Network(PrefaceStage.trusted)])
                $0.clients.rate = Rate(count: 1, per: .seconds(10))
                $0.clients.deny = [try Network("192.0.2.0/24")]
            }
        ) { kernel, _, loop in
            for _ in 0..<5 {
                let client = try #require(try loop.come(kernel))
                try loop.bring(PrefaceStage.header(), to: client, kernel)
            }
            let denied = loop.count(.denied)
            #expect(denied == 5)
        }
    }

    @Test func rulesOfListenersThatHaveLeftAreForgotten() throws {
        func named(_ name: String) throws -> Configuration {
            var settings = Configuration.ListenerSettings(address: .ipv4(0x7F00_0001, port: 20_000), name: name)
            settings.clients.deny = [try Network("192.0.2.1")]
            return try PrefaceStage.configuration { $0 = settings }
        }
        try withStagedLoop(try named("first")) { kernel, _, loop in
            let stays = try #require(try loop.come(kernel, from: Self.client(1)))
            for round in 0..<20 {
                _ = try loop.reload(named("\(round)"))
                try loop.turn(.immediately)
                let client = try #require(try loop.come(kernel, from: Self.client(2)))
                try loop.finish(client, kernel)
            }
            // That of the session that stays, and the present one.
            let kept = loop.sessions.rules.count
            #expect(kept == 2)
            try loop.finish(stays, kernel)
        }
    }

    /// Where sessions have been accepted, nothing is remembered of them that rules need.
    @Test func rulesCannotComeToALoopThatKeepsNoOrigins() throws {
        func rules(_ most: Int32?) throws -> Configuration {
            let with = try PrefaceStage.configuration {
                guard let most else { return }
                $0.clients.perClient = .init()
                $0.clients.perClient?.sessionsMax = most
            }
            return try Configuration(listeners: with.listeners, pools: with.pools, log: .none)
        }
        try withStagedLoop(try rules(nil)) { _, _, loop in
            let wanted = try rules(1)
            var refusal: String?
            do throws(ReloadError) { _ = try loop.reload(wanted) } catch { refusal = error.description }
            #expect(refusal?.contains("rules for clients") == true, "\(refusal ?? "taken over")")
        }
    }

    @Test func oneThatWaitsIsDeniedByAReload() throws {
        func rules(_ denies: Bool) throws -> Configuration {
            try PrefaceStage.configuration {
                $0.clients.perClient = .init()
                $0.clients.perClient?.sessionsMax = 1
                $0.clients.perClient?.excess = .wait
                if denies { $0.clients.deny = [try Network("198.51.100.1")] }
            }
        }
        try withStagedLoop(try rules(false)) { kernel, hand, loop in
            _ = try loop.come(kernel, from: Self.client(1))
            _ = try loop.come(kernel, from: Self.client(1))
            _ = try loop.reload(rules(true))
            try loop.pass(.milliseconds(300), hand)
            let denied = loop.count(.denied)
            #expect(denied == 1)
        }
    }

    @Test func whoIsThereCountsWhenRulesComeBack() throws {
        func rules(_ most: Int32?) throws -> Configuration {
            try PrefaceStage.configuration {
                guard let most else { return }
                $0.clients.perClient = .init()
                $0.clients.perClient?.sessionsMax = most
            }
        }
        try withStagedLoop(try rules(2)) { kernel, _, loop in
            for _ in 0..<2 { try Self.come(Self.client(1), isServed: true, kernel, &loop) }
            for most in [nil, 2 as Int32?] {
                _ = try loop.reload(rules(most))
                try loop.turn(.immediately)
            }
            try Self.come(Self.client(1), isServed: false, kernel, &loop)
        }
    }

    @Test func thoseWhoMayNotComeTakeNothingOfTheRate() throws {
        try Self.staged {
            $0.rate = Rate(count: 1, per: .seconds(1))
            $0.deny = [try Network("198.51.100.1")]
        } _: { kernel, _, loop in
            for _ in 0..<5 { _ = try loop.come(kernel, from: Self.client(1)) }
            try Self.come(Self.client(2), isServed: true, kernel, &loop)
        }
    }

    @Test func aReloadKeepsWhoIsThere() throws {
        func rules(_ most: Int32) throws -> Configuration {
            try PrefaceStage.configuration {
                $0.clients.perClient = .init()
                $0.clients.perClient?.sessionsMax = most
            }
        }
        try withStagedLoop(try rules(1)) { kernel, _, loop in
            let first = try #require(try loop.come(kernel, from: Self.client(1)))
            _ = try loop.reload(rules(2))
            try loop.turn(.immediately)
            try Self.come(Self.client(1), isServed: true, kernel, &loop)
            try Self.come(Self.client(1), isServed: false, kernel, &loop)
            _ = try loop.reload(PrefaceStage.configuration { _ in })
            try loop.turn(.immediately)
            try Self.come(Self.client(1), isServed: true, kernel, &loop)
            try loop.finish(first, kernel)
            _ = try loop.reload(rules(2))
            try loop.turn(.immediately)
            try Self.come(Self.client(1), isServed: true, kernel, &loop)
        }
    }
}
