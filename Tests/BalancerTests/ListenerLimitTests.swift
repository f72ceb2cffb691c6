import Reactor
import TestSupport
import Testing

@testable import Balancer

/// The limits of listeners on their sessions.
@Suite struct ListenerLimitTests {
    private static func configuration(_ limits: [(name: String, sessionsMax: Int32?)]) throws -> Configuration {
        let base = try Configuration.staged(backends: 1)
        let listeners = limits.enumerated().map { place, limit in
            var settings = Configuration.ListenerSettings(
                address: .ipv4(0x7F00_0001, port: UInt16(20_000 + place)), name: limit.name)
            settings.sessionsMax = limit.sessionsMax
            return settings
        }
        return try Configuration(
            listeners: listeners, pools: base.pools, log: .transitions(events: .init(to: .none), sessions: .init()))
    }

    private static func staged(
        _ limits: [(name: String, sessionsMax: Int32?)],
        _ body: (StagedKernel, ManualClock, inout BalancerLoop) throws -> Void
    ) throws {
        try withStagedLoop(try configuration(limits), body)
    }

    /// Ends the session of the client that was accepted as number `place`.
    private static func leave(_ place: Int, _ kernel: StagedKernel, _ loop: inout BalancerLoop) throws {
        try loop.finish(kernel.accepted[place], kernel)
    }

    private static func sessions(_ listener: Int, _ loop: borrowing BalancerLoop) -> Int {
        loop.targets.roster.listeners[listener].places.sessions
    }

    @Test func clientsBeyondTheLimitWaitInTheBacklogAndOthersAreServed() throws {
        try Self.staged([("a", 2), ("b", nil)]) { kernel, _, loop in
            try loop.arrive(4, at: 0, kernel)
            let (count, own) = (loop.sessions.count, Self.sessions(0, loop))
            #expect(count == 2 && own == 2)
            try loop.arrive(3, at: 1, kernel)
            let all = loop.sessions.count
            #expect(all == 5)
            try Self.leave(0, kernel, &loop)
            let (after, ownAfter) = (loop.sessions.count, Self.sessions(0, loop))
            #expect(after == 5 && ownAfter == 2 && kernel.accepted.count == 6)
        }
    }

    @Test func addressesOfOneNameShareTheLimit() throws {
        try Self.staged([("a", 3), ("a", 3)]) { kernel, _, loop in
            try loop.arrive(2, at: 0, kernel)
            try loop.arrive(2, at: 1, kernel)
            let count = loop.sessions.count
            #expect(count == 3)
            try Self.leave(1, kernel, &loop)
            let after = loop.sessions.count
            #expect(after == 3 && kernel.accepted.count == 4)
        }
    }

    @Test func aListenerThatComesAgainCountsTheSessionsThatItHad() throws {
        try Self.staged([("a", 3)]) { kernel, _, loop in
            try loop.arrive(2, at: 0, kernel)
            _ = try loop.reload(Self.configuration([("b", nil)]))
            try loop.turn(.immediately)
            _ = try loop.reload(Self.configuration([("a", 3)]))
            try loop.turn(.immediately)
            let counted = Self.sessions(0, loop)
            #expect(counted == 2)
            try Self.leave(0, kernel, &loop)
            try Self.leave(1, kernel, &loop)
            let left = Self.sessions(0, loop)
            #expect(left == 0)
        }
    }

    @Test func limitsThatComeRiseAndGoWithAReload() throws {
        try Self.staged([("a", nil)]) { kernel, _, loop in
            try loop.arrive(3, at: 0, kernel)
            _ = try loop.reload(Self.configuration([("a", 2)]))
            try loop.turn(.immediately)
            let counted = Self.sessions(0, loop)
            #expect(counted == 3)
            try loop.arrive(2, at: 0, kernel)
            try Self.leave(0, kernel, &loop)
            let still = loop.sessions.count
            #expect(still == 2)
            _ = try loop.reload(Self.configuration([("a", 3)]))
            for _ in 0..<3 { try loop.turn(.immediately) }
            let one = loop.sessions.count
            #expect(one == 3)
            _ = try loop.reload(Self.configuration([("a", nil)]))
            for _ in 0..<3 { try loop.turn(.immediately) }
            let both = loop.sessions.count
            #expect(both == 4)
        }
    }

    /// A listener gets another name, under which other sessions count.
    @Test func aListenerWithAnotherNameHasAnotherLimit() throws {
        try Self.staged([("a", 2)]) { kernel, _, loop in
            try loop.arrive(3, at: 0, kernel)
            _ = try loop.reload(Self.configuration([("b", 1)]))
            for _ in 0..<3 { try loop.turn(.immediately) }
            let (count, own) = (loop.sessions.count, Self.sessions(0, loop))
            #expect(count == 3 && own == 1)
            try Self.leave(0, kernel, &loop)
            try Self.leave(1, kernel, &loop)
            let left = Self.sessions(0, loop)
            #expect(left == 1)
        }
    }

    /// Its clients would be reset with it: they are served beyond the limit.
    @Test func aListenerThatGoesTakesInWhoWaits() throws {
        try Self.staged([("a", 1), ("b", nil)]) { kernel, _, loop in
            try loop.arrive(3, at: 0, kernel)
            let base = try Self.configuration([("a", nil), ("b", nil)])
            _ = try loop.reload(
                Configuration(listeners: [base.listeners[1]], pools: base.pools, log: base.log))
            for _ in 0..<3 { try loop.turn(.immediately) }
            let count = loop.sessions.count
            #expect(count == 3)
            for place in 0..<3 { try Self.leave(place, kernel, &loop) }
            let left = loop.sessions.count
            #expect(left == 0)
        }
    }

    @Test func noPlaceIsLeftTakenByClientsThatHaveLeft() throws {
        try Self.staged([("a", 1)]) { kernel, _, loop in
            try loop.arrive(2, at: 0, kernel)
            kernel.leave(kernel.listeners[0])
            try Self.leave(0, kernel, &loop)
            let none = Self.sessions(0, loop)
            #expect(none == 0)
            try loop.arrive(1, at: 0, kernel)
            let one = Self.sessions(0, loop)
            #expect(one == 1)
        }
    }

    /// Of several listeners that wait for the same place none is always first.
    @Test func listenersHavePlacesInTurn() throws {
        try Self.staged([("a", 1), ("a", 1)]) { kernel, _, loop in
            try loop.arrive(4, at: 0, kernel)
            try loop.arrive(4, at: 1, kernel)
            for place in 0..<6 { try Self.leave(place, kernel, &loop) }
            let order = kernel.acceptedAt.map { kernel.listeners.firstIndex(of: $0) ?? -1 }
            #expect(order == [0, 1, 0, 1, 0, 1, 0])
        }
    }
}
