import CEpoll
import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Listeners whose clients say in a PROXY header who they are.
@Suite struct ProxyAcceptTests {
    private static func staged(
        _ mode: Configuration.ProxyAccept.Mode, rules: Configuration.ClientRules = .init(),
        adjustPool: @escaping (inout Configuration.Pool) -> Void = { _ in },
        at location: SourceLocation = #_sourceLocation,
        _ body: (StagedKernel, ManualClock, inout BalancerLoop) throws -> Void
    ) throws {
        try withStagedLoop(
            try PrefaceStage.configuration(adjustPool: adjustPool) {
                $0.proxy = .init(mode, from: [try Network(PrefaceStage.trusted)])
                $0.clients = rules
            }, at: location, body)
    }

    @Test(arguments: ProxyVersion.allCases) func aHeaderInTwoPiecesSplitAnywhere(_ version: ProxyVersion) throws {
        let header = PrefaceStage.header(version)
        try Self.staged(.required) { kernel, _, loop in
            for split in 1..<header.count {
                let client = try #require(try loop.come(kernel))
                let connects = kernel.sockets(to: .backend(0)).count
                try loop.bring(header[..<split], to: client, kernel)
                #expect(kernel.sockets(to: .backend(0)).count == connects, "a backend before byte \(split)")
                try loop.bring(header[split...] + Array("hello".utf8), to: client, kernel)
                let row = loop.sessionTable().last
                #expect(row?.client == PrefaceStage.client, "split \(split)")
                let backend = try #require(kernel.sockets(to: .backend(0)).last)
                #expect(kernel.output[backend] == Array("hello".utf8), "split \(split)")
                try loop.finish(client, kernel)
            }
            let ended = loop.count(.finished)
            #expect(ended == UInt64(header.count - 1))
        }
    }

    @Test func bytesBehindTheHeaderThatComeLaterAreRelayed() throws {
        try Self.staged(.required) { kernel, _, loop in
            let client = try #require(try loop.come(kernel))
            try loop.bring(PrefaceStage.header(), to: client, kernel)
            let backend = try #require(kernel.sockets(to: .backend(0)).last)
            #expect(kernel.output[backend] == nil)
            try loop.bring(Array("later".utf8), to: client, kernel)
            #expect(kernel.output[backend] == Array("later".utf8))
        }
    }

    @Test func localAndUnknownKeepTheOwnAddress() throws {
        for header in [
            ProxyHeaderWriter.probe(.v2, from: nil, to: nil), ProxyHeaderWriter.probe(.v1, from: nil, to: nil),
        ] {
            try Self.staged(.required) { kernel, _, loop in
                let client = try #require(try loop.come(kernel))
                try loop.bring(header + [7], to: client, kernel)
                let row = loop.sessionTable().first
                #expect(row?.client == PrefaceStage.proxyAddress && row?.isConnected == true)
            }
        }
    }

    @Test func strangersAreClosedAtOnceWhereAHeaderIsRequired() throws {
        try Self.staged(.required) { kernel, _, loop in
            let client = try loop.come(kernel, from: PrefaceStage.stranger)
            let untrusted = loop.journal.cells[.untrusted]
            #expect(client == nil && untrusted == 1 && kernel.sockets(to: .backend(0)).isEmpty)
            #expect(kernel.resetOnClose.count == 1)
        }
    }

    @Test func whatStrangersSendIsTheirsWhereAHeaderIsOptional() throws {
        let header = PrefaceStage.header()
        try Self.staged(.optional) { kernel, _, loop in
            let client = try #require(try loop.come(kernel, from: PrefaceStage.stranger))
            try loop.bring(header, to: client, kernel)
            let backend = try #require(kernel.sockets(to: .backend(0)).last)
            let row = loop.sessionTable().first
            #expect(kernel.output[backend] == header && row?.client == PrefaceStage.stranger)
        }
    }

    @Test func withoutAHeaderTrustedClientsAreServedOnlyWhereItIsOptional() throws {
        for mode in Configuration.ProxyAccept.Mode.allCases {
            try Self.staged(mode) { kernel, _, loop in
                let client = try #require(try loop.come(kernel))
                try loop.bring(Array("GET /".utf8), to: client, kernel)
                let (bad, served) = (loop.count(.badHeader), kernel.sockets(to: .backend(0)).last)
                #expect(bad == (mode == .required ? 1 : 0))
                #expect(served.flatMap { kernel.output[$0] } == (mode == .required ? nil : Array("GET /".utf8)))
            }
        }
    }

    /// A server may be the one that speaks first.
    @Test func aSilentClientWithoutTheOptionalHeaderIsServedAfterTheTimeout() throws {
        try Self.staged(.optional) { kernel, hand, loop in
            _ = try #require(try loop.come(kernel))
            try loop.pass(.milliseconds(2_900), hand)
            #expect(kernel.sockets(to: .backend(0)).isEmpty)
            try loop.pass(.milliseconds(200), hand)
            #expect(kernel.sockets(to: .backend(0)).count == 1)
        }
    }

    @Test func theTimeIsBoundedFromTheAcceptOnWhateverComes() throws {
        for mode in Configuration.ProxyAccept.Mode.allCases {
            try Self.staged(mode) { kernel, hand, loop in
                let client = try #require(try loop.come(kernel))
                for byte in PrefaceStage.header().prefix(4) {
                    try loop.bring([byte], to: client, kernel)
                    try loop.pass(.milliseconds(800), hand)
                }
                let late = loop.count(.prefaceTimeout)
                #expect(late == 1 && kernel.sockets(to: .backend(0)).isEmpty, "\(mode)")
            }
        }
    }

    @Test func wrongHeadersEndTheSession() throws {
        var version3 = PrefaceStage.header()
        version3[12] = 0x31
        var checksum = PrefaceStage.header(.v2, .checksum)
        checksum[checksum.count - 1] ^= 1
        for header in [version3, checksum, Array("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n".utf8)] {
            try Self.staged(.optional) { kernel, _, loop in
                let client = try #require(try loop.come(kernel))
                try loop.bring(header, to: client, kernel)
                let bad = loop.count(.badHeader)
                #expect(bad == 1 && kernel.sockets(to: .backend(0)).isEmpty)
            }
        }
    }

    @Test func aHeaderThatIsCutOffByAFINIsWrong() throws {
        try Self.staged(.required) { kernel, _, loop in
            let client = try #require(try loop.come(kernel))
            try loop.bring(PrefaceStage.header().prefix(20), to: client, kernel)
            kernel.ended.insert(client)
            kernel.post(client, CEPOLL_IN | CEPOLL_RDHUP)
            for _ in 0..<3 { try loop.turn(.immediately) }
            let bad = loop.count(.badHeader)
            #expect(bad == 1)
        }
    }

    @Test func aClientThatLeavesWithoutAByteIsAbandoned() throws {
        try Self.staged(.required) { kernel, _, loop in
            let client = try #require(try loop.come(kernel))
            kernel.ended.insert(client)
            kernel.post(client, CEPOLL_IN | CEPOLL_RDHUP)
            for _ in 0..<3 { try loop.turn(.immediately) }
            let abandoned = loop.count(.abandoned)
            #expect(abandoned == 1)
        }
    }

    @Test func networksAndLimitsGoByTheAddressOfTheHeader() throws {
        var rules = Configuration.ClientRules()
        rules.deny = [try Network("192.0.2.0/24")]
        rules.perClient = .init()
        rules.perClient?.sessionsMax = 1
        try Self.staged(.required, rules: rules) { kernel, _, loop in
            let denied = try #require(try loop.come(kernel))
            try loop.bring(PrefaceStage.header(), to: denied, kernel)
            let first = loop.count(.denied)
            #expect(first == 1 && kernel.resetOnClose.contains(denied))
            let header = PrefaceStage.header(from: .ipv4(0xC633_6402, port: 1))
            for _ in 0..<2 {
                let client = try #require(try loop.come(kernel))
                try loop.bring(header, to: client, kernel)
            }
            let (over, sessions) = (loop.count(.clientLimit), loop.sessions.count)
            #expect(over == 1 && sessions == 1)
        }
    }

    /// What a peer was trusted with is over when the configuration says so.
    @Test func aHeaderIsBelievedOnlyWhileItsSenderIsTrusted() throws {
        let header = PrefaceStage.header()
        func rules(_ from: String?, _ mode: Configuration.ProxyAccept.Mode = .optional) throws -> Configuration {
            try PrefaceStage.configuration {
                if let from { $0.proxy = .init(mode, from: [try Network(from)]) }
            }
        }
        for (next, isServed) in [
            (try rules("192.0.2.0/24"), true), (try rules(nil), true), (try rules("192.0.2.0/24", .required), false),
        ] {
            try withStagedLoop(try rules(PrefaceStage.trusted)) { kernel, _, loop in
                let client = try #require(try loop.come(kernel))
                try loop.bring(header.prefix(9), to: client, kernel)
                _ = try loop.reload(next)
                try loop.turn(.immediately)
                try loop.bring(header.dropFirst(9), to: client, kernel)
                let row = loop.sessionTable().first
                #expect(row?.client == (isServed ? PrefaceStage.proxyAddress : nil))
                let output = kernel.sockets(to: .backend(0)).last.flatMap { kernel.output[$0] }
                #expect(output == (isServed ? header : nil))
            }
        }
    }

    @Test func aReloadThatChangesThePoolHoldsForThoseBeforeTheirFirstByte() throws {
        func rules(_ pools: [String]) throws -> Configuration {
            var settings = Configuration.ListenerSettings(address: .ipv4(0x7F00_0001, port: 20_000), name: "front")
            settings.proxy = .init(.required, from: [try Network(PrefaceStage.trusted)])
            return try Configuration(
                listeners: [settings],
                pools: pools.map {
                    var health = Configuration.HealthCheck()
                    health.kind = .none
                    let number = $0 == "old" ? 0 : 1
                    return .init(name: $0, backends: [.init(address: .backend(number))], health: health)
                }, log: .transitions(events: .init(to: .none), sessions: .init()))
        }
        try withStagedLoop(try rules(["old"])) { kernel, _, loop in
            let client = try #require(try loop.come(kernel))
            try loop.bring(PrefaceStage.header().prefix(9), to: client, kernel)
            _ = try loop.reload(rules(["new"]))
            try loop.turn(.immediately)
            try loop.bring(PrefaceStage.header().dropFirst(9), to: client, kernel)
            #expect(kernel.sockets(to: .backend(1)).count == 1)
        }
    }

    @Test func theAddressesOfTheHeaderGoOnToTheBackend() throws {
        let source = SocketAddress.ipv6(high: 0x2001_0DB8 << 32, low: 7, scope: 0, port: 1234)
        let destination = SocketAddress.ipv6(high: 0x2001_0DB8 << 32, low: 9, scope: 0, port: 443)
        try Self.staged(.required, adjustPool: { $0.proxy = .init(.v2) }) { kernel, _, loop in
            let client = try #require(try loop.come(kernel))
            try loop.bring(PrefaceStage.header(.v1, from: source, to: destination) + [1], to: client, kernel)
            let backend = try #require(kernel.sockets(to: .backend(0)).last)
            #expect(kernel.output[backend] == PrefaceStage.header(.v2, from: source, to: destination) + [1])
        }
    }
}
