import CEpoll
import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Listeners whose clients go to a pool by the server that they name.
@Suite struct ServerNameRoutingTests {
    private static func staged(
        otherwise: Int? = nil, protocols: [Configuration.ServerNames.ProtocolRoute] = [], header: Bool = false,
        at location: SourceLocation = #_sourceLocation,
        _ body: (StagedKernel, ManualClock, inout BalancerLoop) throws -> Void
    ) throws {
        try withStagedLoop(
            try PrefaceStage.configuration(pools: 4) {
                $0.serverNames = .init(
                    [
                        .init(try ServerNamePattern("server"), pool: 1),
                        .init(try ServerNamePattern("*.example.org"), pool: 2),
                    ], protocols: protocols, otherwise: otherwise)
                if header { $0.proxy = .init(.required, from: [try Network(PrefaceStage.trusted)]) }
            }, at: location, body)
    }

    /// A small ClientHello in one record: version, random, no session id, one cipher suite, no compression, extensions.
    static func hello(_ name: String?, protocols: [String] = []) -> [UInt8] {
        func sized(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes }
        var extensions: [UInt8] = []
        if let name { extensions += [0, 0] + sized(sized([0] + sized(Array(name.utf8)))) }
        if !protocols.isEmpty {
            extensions += [0, 16] + sized(sized(protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }))
        }
        let body = [3, 3] + [UInt8](repeating: 7, count: 32) + [0] + sized([0x13, 0x01]) + [1, 0] + sized(extensions)
        let message = [1, 0, UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + body
        return [22, 3, 1] + sized(message)
    }

    @Test(arguments: [("server", 1), ("SERVER.", 1), ("a.example.org", 2), ("A.B.Example.ORG", 2)])
    func theNameLeadsToThePoolAndEveryByteGoesOn(_ name: String, _ pool: Int) throws {
        let hello = Self.hello(name)
        try Self.staged { kernel, _, loop in
            let client = try #require(try loop.come(kernel))
            try loop.bring(hello + [1, 2, 3], to: client, kernel)
            let backend = try #require(kernel.sockets(to: .backend(pool)).last)
            #expect(kernel.output[backend] == hello + [1, 2, 3])
            let names = loop.targets.roster.listeners[0].rules?.names
            #expect(names?.routes[pool - 1].count.value == 1)
            try loop.finish(client, kernel)
            let left = loop.sessions.serverNames.count
            #expect(left == 0)
        }
    }

    @Test func aHelloByteByByte() throws {
        let hello = Self.hello("server")
        try Self.staged { kernel, _, loop in
            let client = try #require(try loop.come(kernel))
            for byte in hello.dropLast() { try loop.bring([byte], to: client, kernel) }
            #expect(kernel.sockets(to: .backend(1)).isEmpty)
            try loop.bring(hello.suffix(1), to: client, kernel)
            let backend = try #require(kernel.sockets(to: .backend(1)).last)
            #expect(kernel.output[backend] == hello)
        }
    }

    @Test func whoHasNoRouteGoesToTheOtherPoolOrIsClosed() throws {
        for bytes in [Self.hello("other"), Self.hello(nil), Array("GET / HTTP/1.1\r\n".utf8)] {
            try Self.staged(otherwise: 3) { kernel, _, loop in
                let client = try #require(try loop.come(kernel))
                try loop.bring(bytes, to: client, kernel)
                let backend = try #require(kernel.sockets(to: .backend(3)).last)
                #expect(kernel.output[backend] == bytes)
            }
            try Self.staged { kernel, _, loop in
                let client = try #require(try loop.come(kernel))
                try loop.bring(bytes, to: client, kernel)
                let closed = loop.count(.noRoute)
                #expect(closed == 1)
            }
        }
    }

    @Test func aHelloThatIsCutOffIsNoTLS() throws {
        let part = Array(Self.hello("server").dropLast(3))
        try Self.staged(otherwise: 3) { kernel, _, loop in
            let client = try #require(try loop.come(kernel))
            try loop.bring(part, to: client, kernel)
            kernel.ended.insert(client)
            kernel.post(client, CEPOLL_IN | CEPOLL_RDHUP)
            for _ in 0..<3 { try loop.turn(.immediately) }
            let backend = try #require(kernel.sockets(to: .backend(3)).last)
            #expect(kernel.output[backend] == part)
        }
    }

    @Test func aProtocolGoesBeforeTheName() throws {
        let acme = Configuration.ServerNames.ProtocolRoute(Array("acme-tls/1".utf8), pool: 3)
        try Self.staged(protocols: [acme]) { kernel, _, loop in
            for (protocols, pool) in [(["acme-tls/1"], 3), (["h2", "http/1.1"], 1)] {
                let client = try #require(try loop.come(kernel))
                try loop.bring(Self.hello("server", protocols: protocols), to: client, kernel)
                #expect(kernel.sockets(to: .backend(pool)).count == 1)
            }
        }
    }

    @Test func aSilentClientIsClosedInTime() throws {
        try Self.staged(otherwise: 3) { kernel, hand, loop in
            _ = try #require(try loop.come(kernel))
            try loop.pass(.milliseconds(3_100), hand)
            let late = loop.count(.prefaceTimeout)
            #expect(late == 1)
        }
    }

    @Test func theNameOfAHeaderCountsAsTheClientsOwn() throws {
        try Self.staged(header: true) { kernel, _, loop in
            let client = try #require(try loop.come(kernel))
            let header = PrefaceStage.header(authority: Array("www.example.org".utf8))
            try loop.bring(header + Array("GET /".utf8), to: client, kernel)
            let backend = try #require(kernel.sockets(to: .backend(2)).last)
            #expect(kernel.output[backend] == Array("GET /".utf8))
        }
    }

    @Test func aHeaderAndThenAHelloInAnyPieces() throws {
        let bytes = PrefaceStage.header() + Self.hello("server")
        try Self.staged(header: true) { kernel, _, loop in
            for split in 1..<bytes.count {
                let client = try #require(try loop.come(kernel))
                try loop.bring(bytes[..<split], to: client, kernel)
                try loop.bring(bytes[split...], to: client, kernel)
                let backend = try #require(kernel.sockets(to: .backend(1)).last)
                #expect(kernel.output[backend] == Self.hello("server"), "split \(split)")
                let row = loop.sessionTable().last
                #expect(row?.client == PrefaceStage.client)
                try loop.finish(client, kernel)
            }
        }
    }

    @Test func aReloadHoldsForThoseThatHaveNotSpokenYet() throws {
        try Self.staged { kernel, _, loop in
            let client = try #require(try loop.come(kernel))
            let hello = Self.hello("server")
            try loop.bring(hello.prefix(20), to: client, kernel)
            _ = try loop.reload(
                PrefaceStage.configuration(pools: 4) {
                    $0.serverNames = .init([.init(try ServerNamePattern("server"), pool: 3)])
                })
            try loop.turn(.immediately)
            try loop.bring(hello.dropFirst(20), to: client, kernel)
            #expect(kernel.sockets(to: .backend(3)).count == 1 && kernel.sockets(to: .backend(1)).isEmpty)
        }
    }
}
