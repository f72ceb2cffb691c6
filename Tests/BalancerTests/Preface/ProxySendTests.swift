import CEpoll
import Glibc
import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Pools whose backends are told who the client is.
@Suite struct ProxySendTests {
    private static let listener = SocketAddress.ipv4(0x7F00_0001, port: 20_000)

    private static func staged(
        _ proxy: Configuration.ProxySend, at location: SourceLocation = #_sourceLocation,
        _ body: (StagedKernel, ManualClock, inout BalancerLoop) throws -> Void
    ) throws {
        try withStagedLoop(
            try PrefaceStage.configuration(adjustPool: { $0.proxy = proxy }) { _ in }, at: location, body)
    }

    @Test(arguments: ProxyVersion.allCases) func headerAndFirstBytesAreOneWrite(_ version: ProxyVersion) throws {
        try Self.staged(.init(version)) { kernel, _, loop in
            kernel.onAccept = {
                kernel.input[$0] = Array("hello".utf8)
            }
            kernel.connectAnswer = { _ in -EINPROGRESS }
            let client = try #require(try loop.come(kernel, from: PrefaceStage.client))
            kernel.post(client, CEPOLL_IN)
            let backend = try #require(kernel.sockets(to: .backend(0)).last)
            // All that it takes it takes at once, and no more.
            let wanted = PrefaceStage.header(version, to: Self.listener) + Array("hello".utf8)
            kernel.room[backend] = wanted.count
            kernel.post(backend, CEPOLL_OUT)
            try loop.turn(.immediately)
            #expect(kernel.output[backend] == wanted && kernel.room[backend] == 0)
        }
    }

    @Test func theHeaderDoesNotWaitForTheClient() throws {
        try Self.staged(.init(.v2)) { kernel, _, loop in
            _ = try #require(try loop.come(kernel, from: PrefaceStage.client))
            let backend = try #require(kernel.sockets(to: .backend(0)).last)
            #expect(kernel.output[backend] == PrefaceStage.header(to: Self.listener))
        }
    }

    @Test func aBackendThatTakesFewBytesGetsTheHeaderInPieces() throws {
        let header = PrefaceStage.header(to: Self.listener)
        for room in 0..<header.count {
            try Self.staged(.init(.v2)) { kernel, _, loop in
                kernel.onConnect = { kernel.room[$0] = room }
                let client = try #require(try loop.come(kernel, from: PrefaceStage.client))
                let backend = try #require(kernel.sockets(to: .backend(0)).last)
                try loop.bring(Array("hello".utf8), to: client, kernel)
                kernel.room[backend] = nil
                kernel.post(backend, CEPOLL_OUT)
                for _ in 0..<3 { try loop.turn(.immediately) }
                #expect(kernel.output[backend] == header + Array("hello".utf8), "room \(room)")
            }
        }
    }

    @Test func optionsOfVersion2() throws {
        try Self.staged(.init(.v2, hasChecksum: true, hasUniqueID: true)) { kernel, _, loop in
            let client = try #require(try loop.come(kernel, from: PrefaceStage.client))
            let backend = try #require(kernel.sockets(to: .backend(0)).last)
            var id: UInt64?
            for index in loop.sessions.slab.indexRange where loop.sessions.slab.isTaken(index) {
                id = loop.sessions.ids.id(of: loop.sessions.slab.key(at: index)).rawValue
            }
            let wanted = PrefaceStage.header(
                .v2, from: PrefaceStage.client, to: Self.listener, [.checksum, .uniqueID], uniqueID: try #require(id))
            #expect(kernel.output[backend] == wanted)
            try loop.finish(client, kernel)
        }
    }

    @Test func aListenerAtAllAddressesAsksTheSocket() throws {
        let local = SocketAddress.ipv4(0x0A00_00FE, port: 20_000)
        try withStagedLoop(
            try Configuration(
                listeners: [.init(address: .ipv4(0, port: 20_000))],
                pools: [
                    {
                        var pool = Configuration.Pool(backends: [.init(address: .backend(0))])
                        pool.proxy = .init(.v2)
                        return pool
                    }()
                ], log: .none)
        ) { kernel, _, loop in
            kernel.onAccept = { kernel.localAddresses[$0] = local }
            _ = try loop.come(kernel, from: PrefaceStage.client)
            let backend = try #require(kernel.sockets(to: .backend(0)).last)
            #expect(kernel.output[backend] == PrefaceStage.header(to: local))
        }
    }

    @Test(arguments: ProxyVersion.allCases) func probesSayThatTheyAreLocal(_ version: ProxyVersion) throws {
        let own = SocketAddress.ipv4(0x0A00_0009, port: 41_000)
        try withStagedLoop(
            try PrefaceStage.configuration(isChecked: true, adjustPool: { $0.proxy = .init(version) }) { _ in },
            answer: { _ in -EINPROGRESS }
        ) { kernel, _, loop in
            try loop.turn(.immediately)
            let socket = try #require(kernel.sockets(to: .backend(0)).first)
            kernel.localAddresses[socket] = own
            kernel.post(socket, CEPOLL_OUT)
            try loop.turn(.immediately)
            let isLocal = version == .v2
            #expect(
                kernel.output[socket]
                    == (isLocal
                        ? ProxyHeaderWriter.probe(.v2, from: nil, to: nil)
                        : PrefaceStage.header(.v1, from: own, to: .backend(0))))
            #expect(kernel.finished == [socket])
        }
    }
}
