import TestSupport
import Testing

@testable import Balancer

@Suite struct HealthTests {
    @Test func theGuidesCounts() {
        var health = Health(rise: 1, fall: 4)
        #expect(health.isUp)
        #expect(health.record(success: false) == .bad(changed: true))
        #expect(health.record(success: false) == .bad(changed: false))
        #expect(health.record(success: false) == .bad(changed: false))
        #expect(health.isUp)
        #expect(health.record(success: false) == .dead(changed: true))
        #expect(!health.isUp)
        #expect(health.record(success: false) == .dead(changed: false))
        #expect(health.record(success: true) == .alive(changed: true))
        #expect(health.isUp)
        #expect(health.record(success: true) == .alive(changed: false))
    }

    @Test func oneSuccessForgetsTheFailuresBeforeIt() {
        var health = Health(rise: 1, fall: 4)
        for _ in 0..<3 { _ = health.record(success: false) }
        #expect(health.record(success: true) == .alive(changed: true))
        for _ in 0..<3 { #expect(health.record(success: false) != .dead(changed: true)) }
        #expect(health.record(success: false) == .dead(changed: true))
    }

    @Test func itsPace() {
        var health = Health(rise: 2, fall: 2)
        var paces = [health.pace]
        for success in [false, true, false, false, false, true, false, true, true] {
            _ = health.record(success: success)
            paces.append(health.pace)
        }
        #expect(
            paces == [.steady, .changing, .steady, .changing, .down, .down, .changing, .down, .changing, .steady])
    }

    /// As the first probe of an unknown backend: one failure is enough, and so is one success.
    @Test func aProbeThatDecides() {
        var health = Health(rise: 3, fall: 4)
        #expect(health.record(success: false, decides: true) == .dead(changed: true))
        #expect(!health.isUp)
        #expect(health.record(success: false, decides: true) == .dead(changed: false))
        #expect(health.record(success: true, decides: true) == .alive(changed: true))
        // From then on the thresholds count.
        for _ in 0..<3 { _ = health.record(success: false) }
        #expect(health.isUp)
        #expect(health.record(success: true, decides: true) == .alive(changed: false))
        for _ in 0..<4 { _ = health.record(success: false) }
        #expect(health.record(success: true) == .rising(1))
    }

    @Test func risingTakesSuccessesInARow() {
        var health = Health(rise: 3, fall: 1)
        #expect(health.record(success: false) == .dead(changed: true))
        #expect(health.record(success: true) == .rising(1))
        #expect(health.record(success: true) == .rising(2))
        #expect(health.record(success: false) == .dead(changed: false))
        #expect(health.record(success: true) == .rising(1))
        #expect(health.record(success: true) == .rising(2))
        #expect(!health.isUp)
        #expect(health.record(success: true) == .alive(changed: true))
        #expect(health.isUp)
    }

    /// Against the definition: up is lost after `fall` failures in a row and won after `rise` successes in a row.
    @Test(arguments: [(1, 1), (1, 4), (2, 3), (3, 2), (5, 1)])
    func anyHistory(rise: Int, fall: Int) {
        for seed in UInt64(1)...50 {
            var random = SeededGenerator(seed: seed)
            var health = Health(rise: rise, fall: fall)
            var (isUp, row, last) = (true, 0, true)
            for _ in 0..<200 {
                let success = random.chance(50)
                row = success == last ? row + 1 : 1
                last = success
                if isUp, !success, row >= fall { isUp = false }
                if !isUp, success, row >= rise { isUp = true }
                _ = health.record(success: success)
                #expect(health.isUp == isUp, "seed \(seed)")
            }
        }
    }
}
