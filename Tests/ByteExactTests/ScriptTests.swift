import Testing

@testable import ByteExact

/// What every script keeps to, so that a session ends.
@Suite struct ScriptTests {
    private static let count = 5000

    @Test func aSessionFollowsFromSeedAndNumber() {
        for session in 0..<100 {
            let one = Script(seed: 7, session: session)
            let other = Script(seed: 7, session: session)
            #expect(one.client.description == other.client.description)
            #expect(one.backend.description == other.backend.description)
        }
        #expect(Script(seed: 7, session: 5).client.start != Script(seed: 8, session: 5).client.start)
    }

    @Test func noSessionWaitsForItself() {
        for session in 0..<Self.count {
            let script = Script(seed: 3, session: session)
            var deaf = 0
            var last = 0
            for side in [script.client, script.backend] {
                if case .never = side.pace { deaf += 1 }
                if case .finishLast = side.leaving { last += 1 }
                #expect(side.bytesToSend <= side.bytes)
            }
            for (side, other) in [(script.client, script.backend), (script.backend, script.client)] {
                guard case .never = side.pace, other.mayLeaveEarly else { continue }
                #expect(side.bytesToSend <= SideScript.bytesTakenMin, "session \(session)")
            }
            #expect(deaf < 2 && last < 2, "session \(session)")
            #expect(script.client.bytes >= Tape.markBytes)
        }
    }

    @Test func sessionsAreAsLongAsTheirKindAllows() {
        for session in 0..<Self.count {
            let script = Script(seed: 4, session: session)
            let most = script.kind == .slow ? 2.0 * Double(Script.slowSecondsMax) : 45
            #expect(script.seconds <= most, "session \(session): \(script.client); \(script.backend)")
        }
    }
}
