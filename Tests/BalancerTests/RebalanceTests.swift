import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Idle sessions of backends that have too many are ended, so that one that has come back gets some.
@Suite struct RebalanceTests {
    private static func staged(
        _ rebalance: Configuration.Rebalance?,
        _ body: (StagedKernel, ManualClock, inout BalancerLoop) throws -> Void
    ) throws {
        try withStagedLoop(try .staged(backends: 1, adjust: { $0.rebalance = rebalance }), body)
    }

    private static func fill(_ kernel: StagedKernel, _ loop: inout BalancerLoop, _ count: Int) throws {
        try loop.arrive(count, kernel)
        _ = try loop.change(.add(.init(address: .backend(7)), to: loop.targets.pools[0].id))
        try loop.turn(.immediately)
    }

    private static func advance(_ hand: ManualClock, _ loop: inout BalancerLoop, by seconds: Int) throws {
        for _ in 0..<seconds * 10 {
            hand.now = hand.now + .milliseconds(100)
            try loop.turn(.immediately)
        }
    }

    private static func ended(_ loop: borrowing BalancerLoop) -> Int {
        Int(loop.journal.cells[EndReason.rebalanced.counter])
    }

    @Test func someEndAtATimeUntilTheBackendHasItsPart() throws {
        try Self.staged(.init(share: 200_000, every: .seconds(5), idle: .seconds(2))) { kernel, hand, loop in
            try Self.fill(kernel, &loop, 10)
            try Self.advance(hand, &loop, by: 4)
            let none = Self.ended(loop)
            try Self.advance(hand, &loop, by: 2)
            let first = Self.ended(loop)
            #expect(none == 0 && first == 2)
            // 8 sessions: one fifth of them, rounded up. Of the 6 that are left three are above the part, and so on.
            try Self.advance(hand, &loop, by: 5)
            let second = Self.ended(loop)
            #expect(second == 4)
            try Self.advance(hand, &loop, by: 60)
            let (last, left) = (Self.ended(loop), loop.sessions.count)
            #expect(last + left == 10 && left == 3, "\(last) ended, \(left) left")
        }
    }

    @Test func busySessionsStay() throws {
        try Self.staged(.init(share: 1_000_000, every: .seconds(5), idle: .seconds(2))) { kernel, hand, loop in
            try Self.fill(kernel, &loop, 10)
            try Self.advance(hand, &loop, by: 4)
            // Nine have something to do shortly before, or have bytes on their way.
            for client in kernel.accepted.dropFirst(3) {
                kernel.input[client] = [1]
                kernel.post(client, 1)
            }
            try loop.turn(.immediately)
            kernel.input[kernel.accepted[0]] = [1]
            kernel.unacknowledged[kernel.accepted[1]] = 5
            let client = kernel.accepted[2]
            try Self.advance(hand, &loop, by: 2)
            let ended = Self.ended(loop)
            #expect(ended == 1 && kernel.closed.contains(client))
            #expect(!kernel.closed.contains(kernel.accepted[0]) && !kernel.closed.contains(kernel.accepted[1]))
            // What is closed has nothing unread: the kernel sends a FIN.
            #expect(!kernel.resetOnClose.contains(client))
            kernel.input.removeAll()
        }
    }

    @Test func offUnlessItIsAskedFor() throws {
        try Self.staged(nil) { kernel, hand, loop in
            try Self.fill(kernel, &loop, 10)
            try Self.advance(hand, &loop, by: 60)
            let ended = Self.ended(loop)
            #expect(ended == 0)
        }
    }

    @Test func policiesThatLeadBackToTheSameBackendHaveNone() {
        for policy in PolicyKind.allCases {
            var pool = Configuration.Pool(backends: [.init(address: .backend(0))])
            pool.policy = policy
            pool.rebalance = .init()
            let mayHave = Configuration.Rebalance.policies.contains(policy)
            let made = try? Configuration(listeners: [.init(address: .ipv4(0x7F00_0001, port: 1))], pools: [pool])
            #expect((made != nil) == mayHave, "\(policy)")
        }
    }
}
