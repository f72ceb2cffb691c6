import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// What sessions may move in a turn, and who goes first: ``Limits/readsPerTurn`` and those beside it.
@Suite struct TurnShareTests {
    private static let chunk = Limits().chunkBytes

    /// Mebibytes arrive at once: each turn moves its share, everybody is served once, in the order of their events.
    @Test func fourHundredAtOnceHaveTheSharesOfATurn() throws {
        try TurnStage.run { kernel, stage in
            kernel.keepsOutput = false
            let pairs = try stage.open(400)
            for pair in pairs { stage.send(Self.chunk, from: pair.backend) }
            var served: [CInt] = []
            var turns = 0
            while stage.loop.hasMoreToDo || turns == 0 {
                let calls = try stage.turn()
                turns += 1
                #expect(calls.bytes <= (Limits.chunksPerTurn + Limits.bulkChunksPerTurn) * Self.chunk)
                #expect(calls.reads.count <= Limits.readsPerTurn + Limits.readsPerQuantum)
                served += calls.reads.filter { $0.count > 0 }.map(\.socket)
                guard turns < 400 else { break }
            }
            #expect(served == pairs.map(\.backend))
            #expect(pairs.allSatisfy { kernel.written[$0.client] == Self.chunk })
            #expect(turns <= pairs.count / Limits.chunksPerTurn + 1)
        }
    }

    /// What has waited for a slow reader is written in turns as well, when all readers have room at once.
    @Test func bytesThatHaveWaitedCount() throws {
        try TurnStage.run { kernel, stage in
            kernel.keepsOutput = false
            let pairs = try stage.open(100)
            for pair in pairs {
                kernel.room[pair.client] = 0
                stage.send(Self.chunk, from: pair.backend)
            }
            repeat { try stage.turn() } while stage.loop.hasMoreToDo
            for pair in pairs {
                kernel.room[pair.client] = nil
                kernel.post(pair.client, CEPOLL_OUT)
            }
            var written = 0
            var turns = 0
            while written < pairs.count * Self.chunk, turns < 400 {
                try stage.turn()
                turns += 1
                let sum = kernel.written.values.reduce(0, +)
                #expect(sum - written <= (Limits.chunksPerTurn + Limits.bulkChunksPerTurn) * Self.chunk)
                written = sum
            }
            #expect(pairs.allSatisfy { kernel.written[$0.client] == Self.chunk })
            #expect(turns <= pairs.count / Limits.bulkChunksPerTurnAlone + 1)
        }
    }

    /// More than fits into a poll and into a turn's share of reads. Those of the last turn go first.
    @Test func aThousandMessagesHaveTheReadsOfATurn() throws {
        try TurnStage.run(limits: Limits(sessionsMax: 2000)) { kernel, stage in
            let pairs = try stage.open(1000)
            for pair in pairs { stage.send(64, from: pair.client) }
            var served: [CInt] = []
            var turns = 0
            while served.count < pairs.count, turns < 100 {
                let calls = try stage.turn()
                #expect(calls.reads.count <= Limits.readsPerTurn)
                served += calls.reads.map(\.socket)
                turns += 1
                // The first has another message: it has its turn after all who wait.
                if turns == 3 { stage.send(64, from: pairs[0].client) }
            }
            #expect(served == pairs.map(\.client) + [pairs[0].client])
            #expect(turns == (pairs.count + Limits.readsPerTurn - 1) / Limits.readsPerTurn)
            #expect(pairs.dropFirst().allSatisfy { kernel.output[$0.backend]?.count == 64 })
            let hasMore = stage.loop.hasMoreToDo
            #expect(!hasMore)
        }
    }

    /// 300 sessions that could move for ever, each reported in each turn, and one that moves little.
    @Test func aMessageIsServedInTheTurnOfItsEvent() throws {
        try TurnStage.run { kernel, stage in
            kernel.keepsOutput = false
            let pairs = try stage.open(301)
            let (bulk, small) = (pairs.dropLast(), pairs[300])
            for pair in bulk {
                kernel.endless.insert(pair.backend)
                kernel.post(pair.backend, CEPOLL_IN)
            }
            // The first read of each tells that it moves much.
            for _ in 0..<100 { try stage.turn() }
            var served: [CInt] = []
            for turn in 1...310 {
                for pair in bulk { kernel.post(pair.backend, CEPOLL_IN) }
                stage.send(64, from: small.client)
                let calls = try stage.turn()
                #expect(kernel.written[small.backend] == 64 * turn)
                // Each event of a client is one read: the others are of sessions in bulk.
                let moved = calls.reads.filter { $0.socket != small.client && $0.count > 0 }
                #expect(moved.reduce(0) { $0 + $1.count } == Limits.bulkChunksPerTurn * Self.chunk)
                served += moved.map(\.socket)
            }
            // One after the other, round after round.
            #expect(Set(served[..<300]).count == 300)
            #expect(served[300...].elementsEqual(served[..<10]))
        }
    }

    /// The other way round: however many have a message in each turn, those in bulk have their quantum.
    @Test func bulkHasItsQuantumBesideMessages() throws {
        try TurnStage.run { kernel, stage in
            kernel.keepsOutput = false
            let pairs = try stage.open(202)
            let (bulk, small) = (pairs[..<2], pairs[2...])
            for pair in bulk {
                kernel.endless.insert(pair.backend)
                kernel.post(pair.backend, CEPOLL_IN)
            }
            try stage.turn()
            for _ in 0..<50 {
                for pair in small where kernel.input[pair.client]?.isEmpty ?? true { stage.send(64, from: pair.client) }
                let calls = try stage.turn()
                let moved = calls.reads.filter { $0.count == Self.chunk }
                #expect(moved.count == Limits.bulkChunksPerTurn)
                #expect(calls.reads.count - moved.count == Limits.readsPerTurn)
            }
            let shares = bulk.map { kernel.written[$0.client, default: 0] / Self.chunk }
            #expect(shares.reduce(0, +) >= 50 && abs(shares[0] - shares[1]) <= 4, "\(shares)")
        }
    }

    /// Alone they need fewer looks at the poller.
    @Test func bulkAloneHasMoreQuanta() throws {
        #expect(Limits.bulkChunksPerTurnAlone > Limits.bulkChunksPerTurn)
        try TurnStage.run { kernel, stage in
            kernel.keepsOutput = false
            let pairs = try stage.open(10)
            for pair in pairs {
                kernel.endless.insert(pair.backend)
                kernel.post(pair.backend, CEPOLL_IN)
            }
            for _ in 0..<4 { try stage.turn() }
            var served: [CInt] = []
            for _ in 0..<10 {
                let calls = try stage.turn()
                #expect(calls.bytes == Limits.bulkChunksPerTurnAlone * Self.chunk)
                served += calls.reads.map(\.socket)
            }
            #expect(Set(served[..<10]).count == 10)
            #expect(served[10...].elementsEqual(served[..<(served.count - 10)]))
        }
    }

    // MARK: what happens to a session that stands in a queue

    /// Sessions in bulk, all of which stand in the queue.
    private static func withBulk(
        _ count: Int, _ body: (StagedKernel, inout TurnStage, [TurnStage.Pair]) throws -> Void
    ) throws {
        try TurnStage.run { kernel, stage in
            kernel.keepsOutput = false
            let pairs = try stage.open(count)
            for pair in pairs {
                kernel.endless.insert(pair.backend)
                kernel.post(pair.backend, CEPOLL_IN)
            }
            for _ in 0..<count { try stage.turn() }
            let queued = stage.loop.sessions.bulk.count
            #expect(queued == count)
            try body(kernel, &stage, pairs)
        }
    }

    @Test func aSessionInTheQueueWhoseClientResets() throws {
        try Self.withBulk(10) { kernel, stage, pairs in
            stage.reset(pairs[4].client)
            for _ in 0..<10 { try stage.turn() }
            #expect(!kernel.descriptors.contains(pairs[4].client) && !kernel.descriptors.contains(pairs[4].backend))
            let record = stage.loop.sessions.lastRecord
            #expect(record.reason == .reset && record.endedBy == .client)
            let (count, queued) = (stage.loop.sessions.count, stage.loop.sessions.bulk.count)
            #expect(count == 9 && queued == 9)
        }
    }

    /// All that was read before its end is delivered.
    @Test func aSessionInTheQueueWhoseBackendEnds() throws {
        try Self.withBulk(10) { kernel, stage, pairs in
            let before = kernel.written[pairs[4].client, default: 0]
            kernel.endless.remove(pairs[4].backend)
            kernel.input[pairs[4].backend] = [UInt8](repeating: 7, count: 3 * Self.chunk)
            for side in [pairs[4].backend, pairs[4].client] {
                kernel.ended.insert(side)
                kernel.post(side, CEPOLL_IN | CEPOLL_RDHUP)
            }
            for _ in 0..<40 { try stage.turn() }
            #expect(kernel.written[pairs[4].client, default: 0] - before == 3 * Self.chunk)
            let record = stage.loop.sessions.lastRecord
            #expect(record.reason == .finished && record.bytesDiscarded == 0)
        }
    }

    @Test func aStopCutsSessionsInTheQueue() throws {
        try Self.withBulk(10) { kernel, stage, _ in
            let reads = kernel.reads.count
            stage.loop.stop()
            #expect(stage.total(.endedCut) == 10)
            #expect(kernel.reads.count == reads)
        }
    }

    /// A place in the queue is that of a session, not of the row that it had.
    @Test func aTokenOfAnEndedSessionDoesNothing() throws {
        try Self.withBulk(3) { kernel, stage, pairs in
            let row = stage.loop.sessions.slab.indexRange.first {
                stage.loop.sessions.slab.isTaken($0)
                    && stage.loop.sessions.slab[$0].link.client.stream.number == pairs[1].client
            }
            let index = try #require(row)
            stage.loop.settle(
                stage.loop.sessions.end(index, .cut, &stage.loop.targets, &stage.loop.core, &stage.loop.journal))
            // Another client gets the row before the queue comes to its turn.
            kernel.arrive(at: kernel.listeners[0])
            for listener in stage.loop.admission.startBacklogDrain() {
                stage.loop.sessions.beginTurn()
                stage.loop.admission.beginTurn()
                stage.loop.accept(listener)
            }
            let client = try #require(kernel.accepted.last)
            let holder = stage.loop.sessions.slab[index].link.client.stream.number
            #expect(holder == client)
            var next: [Int] = []
            while let row = stage.loop.sessions.next(in: .bulk) { next.append(row) }
            #expect(next.count == 2 && !next.contains(index))
        }
    }

    /// Its event has come, and there was no share for it: that is no silence, however long it was before.
    @Test func aSessionThatWaitsForItsShareIsNotIdle() throws {
        try TurnStage.run(adjust: { $0.timeouts.idle = .seconds(8) }) { kernel, stage in
            let pairs = try stage.open(100)
            // All are due now. The first and the last of the wheel are among those that have to wait for a share.
            stage.hand.now = stage.hand.now + .milliseconds(8100)
            for pair in pairs[20..<84] + pairs[..<20] + pairs[84...] { stage.send(64, from: pair.client) }
            for _ in 0...pairs.count / Limits.readsPerTurn { try stage.turn() }
            #expect(stage.total(.endedIdle) == 0)
            #expect(pairs.allSatisfy { kernel.output[$0.backend]?.count == 64 })
        }
    }
}
