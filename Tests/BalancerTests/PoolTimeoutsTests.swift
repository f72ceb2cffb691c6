import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// Times after which a session of a pool ends: once one side has ended its direction, and by its age.
@Suite struct PoolTimeoutsTests {
    private static func halfClosed(_ pool: inout Configuration.Pool) {
        pool.timeouts = .init(idle: .seconds(100), halfClosed: .seconds(8))
    }

    @Test(arguments: [Party.client, .backend]) func aSilentHalfIsWaitedForShorter(first: Party) throws {
        try TurnStage.run(adjust: Self.halfClosed) { kernel, stage in
            let pair = try stage.open(1)[0]
            try stage.pass(.seconds(50))
            stage.end(first == .client ? pair.client : pair.backend)
            try stage.pass(.seconds(7))
            #expect(kernel.descriptors.contains(pair.client))
            try stage.pass(.seconds(2))
            let record = stage.loop.sessions.lastRecord
            #expect(record.reason == .halfClosed && record.endedBy == .balancer && record.error == nil)
            #expect(stage.total(.endedHalfClosed) == 1 && !kernel.descriptors.contains(pair.backend))
        }
    }

    /// The other direction goes on for as long as it moves.
    @Test func aHalfThatMovesGoesOn() throws {
        try TurnStage.run(adjust: Self.halfClosed) { kernel, stage in
            let pair = try stage.open(1)[0]
            stage.end(pair.client)
            for _ in 0..<10 {
                stage.send(100, from: pair.backend)
                try stage.pass(.seconds(6))
            }
            #expect(kernel.output[pair.client]?.count == 1000 && kernel.descriptors.contains(pair.client))
            try stage.pass(.seconds(3))
            #expect(stage.total(.endedHalfClosed) == 1)
        }
    }

    /// The kernel has taken everything, and no event comes while a slow reader acknowledges it.
    @Test func aReaderThatAcknowledgesKeepsItsHalf() throws {
        try TurnStage.run(adjust: Self.halfClosed) { kernel, stage in
            let pair = try stage.open(1)[0]
            kernel.unacknowledged[pair.client] = 100_000
            stage.send(100_000, from: pair.backend)
            try stage.turn()
            stage.end(pair.backend)
            for step in 1...20 {
                kernel.unacknowledged[pair.client] = CInt(100_000 - step * 1000)
                try stage.pass(.seconds(4))
            }
            #expect(kernel.descriptors.contains(pair.client))
            // It acknowledges nothing more: a quarter of the time later at the most.
            try stage.pass(.seconds(11))
            #expect(stage.total(.endedHalfClosed) == 1)
        }
    }

    /// Without an end of a side, and without the setting, nothing but idleness ends a session.
    @Test func bothHalvesHaveTheIdleTimeout() throws {
        try TurnStage.run(adjust: Self.halfClosed) { kernel, stage in
            _ = try stage.open(1)
            try stage.pass(.seconds(99))
            #expect(stage.total(.endedIdle) + stage.total(.endedHalfClosed) == 0)
            try stage.pass(.seconds(2))
            #expect(stage.total(.endedIdle) == 1)
        }
        try TurnStage.run(adjust: { $0.timeouts.idle = .seconds(100) }) { kernel, stage in
            let pair = try stage.open(1)[0]
            stage.end(pair.client)
            try stage.pass(.seconds(99))
            #expect(stage.total(.endedIdle) == 0)
            try stage.pass(.seconds(2))
            #expect(stage.total(.endedIdle) == 1)
        }
    }

    /// A tenth earlier or later, and never all at once, though they began together and move bytes all the time.
    @Test func sessionsThatBeganTogetherDoNotGrowTooOldTogether() throws {
        try TurnStage.run(adjust: { $0.timeouts.sessionAgeMax = .seconds(100) }) { kernel, stage in
            let pairs = try stage.open(64)
            var ended: [Int] = []
            for second in 1...112 {
                for pair in pairs where kernel.descriptors.contains(pair.client) { stage.send(1, from: pair.client) }
                try stage.pass(.seconds(1))
                while ended.count < stage.total(.endedSessionAge) { ended.append(second) }
            }
            #expect(ended.count == pairs.count && ended.allSatisfy { (90...111).contains($0) }, "\(ended)")
            let most = Dictionary(grouping: ended, by: \.self).values.map(\.count).max() ?? 0
            #expect(most <= 12, "\(ended)")
            #expect(Set(ended).count >= 14, "\(ended)")
            let record = stage.loop.sessions.lastRecord
            #expect(record.reason == .sessionAge && record.endedBy == .balancer)
        }
    }

    /// Each listener's pool has times of its own.
    @Test func twoPoolsHaveTwoTimes() throws {
        let kernel = StagedKernel()
        try withScriptedKernel(kernel) {
            let hand = ManualClock()
            var loop = try BalancerLoop(
                Configuration(
                    listeners: (0..<2).map { .init(address: .ipv4(0x7F00_0001, port: UInt16(20_000 + $0)), pool: $0) },
                    pools: [8, 40].enumerated().map { place, seconds in
                        .init(
                            name: "\(place)", backends: [.init(address: .backend(place))],
                            timeouts: .init(idle: .seconds(seconds)))
                    }, log: .none),
                clock: .manual(hand), output: .silent)
            kernel.connectAnswer = { _ in 0 }
            try loop.turn(.immediately)
            for listener in kernel.listeners { kernel.arrive(at: listener) }
            for _ in 0..<3 { try loop.turn(.immediately) }
            var counts: [UInt64] = []
            for seconds in [7, 2, 30, 2] {
                for _ in 0..<seconds * 20 {
                    hand.now = hand.now + .milliseconds(50)
                    try loop.turn(.immediately)
                }
                counts.append(loop.shared.total(.endedIdle))
            }
            #expect(counts == [0, 1, 1, 2])
            loop.stop()
        }
        #expect(kernel.descriptors.isEmpty)
    }
}
