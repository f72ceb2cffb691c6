import Reactor
import Testing

@testable import Balancer

/// What an operator has set for a backend.
@Suite struct SteeringTests {
    private static func steering(_ change: (inout TargetSteering) -> Void) -> TargetSteering {
        var steering = TargetSteering()
        change(&steering)
        return steering
    }

    @Test("a number replaces the configured weight; a share is one of it, so that half of a weight of 1 is not lost")
    func weights() {
        for (weight, configured, expected, percent) in [
            (TargetSteering.Weight.percent(50), Int32(10), Int32(10), Int32(50)), (.percent(1), 1, 1, 1),
            (.percent(0), 10, 0, 100), (.percent(1000), 200, 200, 1000), (.percent(50), 0, 0, 50),
            (.count(0), 10, 0, 100),
            (.count(7), 10, 7, 100), (.count(7), 0, 7, 100),
        ] {
            let steering = Self.steering { $0.weight = weight }
            #expect(steering.weight(of: configured) == expected, "\(weight) of \(configured)")
            #expect(weight.percent == percent, "\(weight)")
        }
        #expect(Self.steering { _ in }.weight(of: 9) == 9)
    }

    @Test("whoever is drained or maintained has no weight, whatever else is set")
    func drained() {
        for state in [TargetSteering.State.drain, .maintain] {
            let steering = Self.steering { ($0.state, $0.weight) = (state, .count(9)) }
            #expect(steering.weight(of: 3) == 0 && steering.keepsClientsAway)
        }
        for state in [TargetSteering.State.ready, .silent, .refusing] {
            let steering = Self.steering { ($0.state, $0.weight) = (state, .count(9)) }
            #expect(steering.weight(of: 3) == 9 && !steering.keepsClientsAway)
        }
    }

    @Test("a limit that is set replaces the configured one; none is no limit")
    func limits() {
        #expect(Self.steering { _ in }.sessionsMax(of: 7) == 7)
        #expect(Self.steering { _ in }.sessionsMax(of: nil) == nil)
        #expect(Self.steering { $0.sessionsMax = .count(3) }.sessionsMax(of: 7) == 3)
        #expect(Self.steering { $0.sessionsMax = .count(3) }.sessionsMax(of: nil) == 3)
        #expect(Self.steering { $0.sessionsMax = TargetSteering.SessionsMax.none }.sessionsMax(of: 7) == nil)
    }

    @Test("as configured is nothing to remember")
    func nothing() {
        #expect(Self.steering { $0.asker = "uid 0" }.isNothing)
        #expect(!Self.steering { $0.state = .silent }.isNothing)
        #expect(!Self.steering { $0.weight = .percent(100) }.isNothing)
        #expect(!Self.steering { $0.sessionsMax = TargetSteering.SessionsMax.none }.isNothing)
    }
}
