import Reactor
import Testing

@testable import Balancer

/// All pairs of phases: `Session.move(to:)`.
@Suite struct SessionPhaseTests {
    private static let phases: [Session.Phase] = [
        .preface, .connecting, .waiting, .relaying, .lingering, .ended,
    ]

    private static func isAllowed(_ from: Session.Phase, _ to: Session.Phase) -> Bool {
        switch (from, to) {
        case (.connecting, .preface), (.preface, .connecting), (.preface, .ended), (.connecting, .relaying),
            (.connecting, .waiting), (.connecting, .ended), (.waiting, .connecting),
            (.waiting, .ended), (.relaying, .lingering), (.relaying, .ended), (.lingering, .ended):
            true
        default:
            false
        }
    }

    /// A session on its way to `phase` without a shortcut.
    private static func session(in phase: Session.Phase) -> Session {
        var session = Session(
            client: .empty, address: .ipv4(1, port: 1), pool: 0, timer: .none, now: Instant(nanoseconds: 1))
        // A new session connects.
        let isBeforeRelaying = phase.rawValue < Session.Phase.relaying.rawValue
        guard !isBeforeRelaying else {
            if phase != .connecting { session.move(to: phase) }
            return session
        }
        for next in phases where (Session.Phase.relaying.rawValue...phase.rawValue).contains(next.rawValue) {
            session.move(to: next)
        }
        return session
    }

    @Test func whatIsAllowedHappens() {
        for from in Self.phases {
            for to in Self.phases where Self.isAllowed(from, to) {
                var session = Self.session(in: from)
                let before = session.phase
                session.move(to: to)
                let after = session.phase
                #expect(before == from && after == to)
            }
        }
    }

    /// In processes of their own, which it ends.
    @Test(arguments: phases.map(\.rawValue)) func whatIsImpossibleTraps(from: UInt8) async {
        for to in Self.phases.map(\.rawValue) {
            guard let first = Session.Phase(rawValue: from), let second = Session.Phase(rawValue: to),
                !Self.isAllowed(first, second)
            else { continue }
            await #expect(processExitsWith: .failure) { [from = from as UInt8, to = to as UInt8] in
                guard let from = Session.Phase(rawValue: from), let to = Session.Phase(rawValue: to) else { return }
                var session = Self.session(in: from)
                session.move(to: to)
            }
        }
    }
}
