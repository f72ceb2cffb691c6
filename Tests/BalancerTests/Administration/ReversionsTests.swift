import Reactor
import Testing

@testable import Balancer

/// What was set for a while.
@Suite struct ReversionsTests {
    private static func staged(_ body: (inout LoopCore, inout Reversions, ManualClock) throws -> Void) throws {
        try withScriptedKernel(StagedKernel()) {
            let hand = ManualClock()
            var core = try LoopCore.staged(hand)
            var reversions = Reversions(&core)
            try body(&core, &reversions, hand)
        }
    }

    /// Lets time pass; the names of what goes back meanwhile.
    private static func pass(
        _ time: Duration, _ core: inout LoopCore, _ reversions: inout Reversions, _ hand: ManualClock
    ) throws -> [String] {
        var due: [String] = []
        for _ in 0..<Int(time / .milliseconds(100)) {
            hand.now = hand.now + .milliseconds(100)
            try core.beginTurn(.immediately)
            while let token = core.timers.popDue(now: core.now) {
                guard Reversions.isToken(token) else { continue }
                due += reversions.takeDue(&core).map(name)
            }
            core.endTurn()
        }
        return due
    }

    private static func name(_ subject: Reversions.Subject) -> String {
        switch subject {
        case .backend(let id, _, _): "backend \(id.rawValue)"
        case .listener(let name, _): "listener \(name)"
        case .perClient(let name, _): "per-client \(name)"
        }
    }

    @Test("each goes back when its time is over, and not before")
    func due() throws {
        try Self.staged { core, reversions, hand in
            let now = core.monotonicNow
            reversions.replace(.backend(TargetID(rawValue: 3), .state, before: nil), at: now + .seconds(5), &core)
            reversions.replace(.listener("web", wasPaused: false), at: now + .seconds(2), &core)
            reversions.replace(.perClient(listener: "web", before: nil), at: now + .seconds(9), &core)
            let due1 = try Self.pass(.milliseconds(1900), &core, &reversions, hand)
            #expect(due1 == [])
            let due2 = try Self.pass(.seconds(1), &core, &reversions, hand)
            #expect(due2 == ["listener web"])
            let due3 = try Self.pass(.seconds(3), &core, &reversions, hand)
            #expect(due3 == ["backend 3"])
            let due4 = try Self.pass(.seconds(5), &core, &reversions, hand)
            #expect(due4 == ["per-client web"])
            let due5 = try Self.pass(.seconds(20), &core, &reversions, hand)
            #expect(due5 == [])
        }
    }

    @Test("another order for a listener replaces what was to go back, of its kind alone")
    func forgotten() throws {
        try Self.staged { core, reversions, hand in
            let now = core.monotonicNow
            for name in ["web", "db"] {
                reversions.replace(.listener(name, wasPaused: false), at: now + .seconds(1), &core)
                reversions.replace(.perClient(listener: name, before: nil), at: now + .seconds(2), &core)
            }
            reversions.replace(.listener("web", wasPaused: true), at: nil, &core)
            reversions.replace(.perClient(listener: "db", before: 5), at: nil, &core)
            let due6 = try Self.pass(.seconds(4), &core, &reversions, hand)
            #expect(due6 == ["listener db", "per-client web"])
        }
    }

    @Test("what is set for a while twice goes back once, to what lasted before both")
    func twice() throws {
        try Self.staged { core, reversions, hand in
            let now = core.monotonicNow
            reversions.replace(.perClient(listener: "web", before: 50), at: now + .seconds(9), &core)
            reversions.replace(.perClient(listener: "web", before: 10), at: now + .seconds(1), &core)
            reversions.replace(.listener("web", wasPaused: false), at: now + .seconds(1), &core)
            reversions.replace(.backend(TargetID(rawValue: 3), .state, before: nil), at: now + .seconds(1), &core)
            reversions.forget(TargetID(rawValue: 3), &core)
            guard case .perClient(_, before: 50) = reversions.lasting(.perClient(listener: "web", before: 5)) else {
                Issue.record("it goes back to something else")
                return
            }
            let due = try Self.pass(.seconds(20), &core, &reversions, hand)
            #expect(due.sorted() == ["listener web", "per-client web"])
        }
    }

    @Test("a time that is over at once goes back in the next turn")
    func past() throws {
        try Self.staged { core, reversions, hand in
            reversions.replace(.listener("web", wasPaused: true), at: Instant(nanoseconds: 0), &core)
            let due7 = try Self.pass(.milliseconds(200), &core, &reversions, hand)
            #expect(due7 == ["listener web"])
        }
    }
}
