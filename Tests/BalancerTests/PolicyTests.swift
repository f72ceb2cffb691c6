import Testing

@testable import Balancer

@Suite struct PolicyTests {
    @Test func roundRobinStartsWithTheFirstAndGoesRound() {
        var policy = Policy(.roundRobin)
        let picks = (0..<7).map { _ in policy.pick(3) { _ in true } }
        #expect(picks == [0, 1, 2, 0, 1, 2, 0])
    }

    @Test func roundRobinMayStartElsewhere() {
        var policy = Policy(.roundRobin, start: 2)
        let picks = (0..<4).map { _ in policy.pick(3) { _ in true } }
        #expect(picks == [2, 0, 1, 2])
    }

    @Test func theOthersAlternateWhileOneIsDown() {
        var policy = Policy(.roundRobin)
        let picks = (0..<6).map { _ in policy.pick(3) { $0 != 1 } }
        #expect(picks == [0, 2, 0, 2, 0, 2])
    }

    @Test func noneEligibleIsNoneAndCostsOneLookAtEach() {
        var policy = Policy(.roundRobin)
        var looks = 0
        let pick = policy.pick(5) { _ in
            looks += 1
            return false
        }
        #expect(pick == nil)
        #expect(looks == 5)
        #expect(policy.pick(0) { _ in true } == nil)
    }

    @Test func aPoolThatShrankIsNoTrouble() {
        var policy = Policy(.roundRobin)
        for _ in 0..<4 { _ = policy.pick(5) { _ in true } }
        #expect(policy.pick(2) { _ in true } == 0)
        #expect(policy.pick(2) { _ in true } == 1)
    }

    @Test func triedBackendsAreASet() {
        var tried = TriedBackends()
        for place in [0, 5, 63, 64, 127, 128, 4095] {
            #expect(!tried.contains(place))
            tried.insert(place)
            #expect(tried.contains(place))
        }
        #expect(!tried.contains(1) && !tried.contains(65) && !tried.contains(4094))
    }
}
