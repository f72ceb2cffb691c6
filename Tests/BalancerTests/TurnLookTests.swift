import CEpoll
import Reactor
import Testing

@testable import Balancer

/// When a loop looks on for events before it sleeps: see `LookOn`, which decides whether that pays.
@Suite struct TurnLookTests {
    private static let chunk = Limits().chunkBytes

    /// How a turn in which a message of 64 bytes arrives asks the kernel for events: 0 is a look, -1 a sleep.
    private static func timeouts(
        _ count: Int = 64, from socket: CInt, _ kernel: StagedKernel, _ stage: inout TurnStage
    ) throws -> [CInt] {
        let before = kernel.timeouts.count
        stage.send(count, from: socket)
        try stage.loop.turn(.never)
        return Array(kernel.timeouts[before...])
    }

    /// A sleep gathers more bytes per event than a look.
    @Test func aTurnThatServedBulkIsFollowedByASleep() throws {
        try TurnStage.run { kernel, stage in
            kernel.keepsOutput = false
            let pairs = try stage.open(2)
            let (bulk, small) = (pairs[0], pairs[1])
            var waits = 0
            while try Self.timeouts(from: small.client, kernel, &stage) == [-1], waits < 1_000 { waits += 1 }
            try #require((1..<1_000).contains(waits), "no look in \(waits) waits")
            // The first read tells that it moves much.
            #expect(try Self.timeouts(Self.chunk / 2, from: bulk.backend, kernel, &stage) == [0])
            #expect(try Self.timeouts(Self.chunk / 2, from: bulk.backend, kernel, &stage) == [0])
            let hasMore = stage.loop.hasMoreToDo
            #expect(!hasMore)
            #expect(kernel.written[bulk.client] == Self.chunk)
            #expect(try Self.timeouts(from: small.client, kernel, &stage) == [-1])
            #expect(try Self.timeouts(from: small.client, kernel, &stage) == [0])
        }
    }
}
