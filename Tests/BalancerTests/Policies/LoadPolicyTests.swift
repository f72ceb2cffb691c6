import TestSupport
import Testing

@testable import Balancer

/// Policies that go by the sessions that backends have.
@Suite struct LoadPolicyTests {
    @Test func equalsAreFilledInTurn() {
        var stage = PolicyStage(LeastConnections(), weights: [1, 1, 1])
        #expect((0..<7).map { _ in stage.take() } == [0, 1, 2, 0, 1, 2, 0])
        // The one with the fewest, and of two with as many the one that was picked longest ago.
        stage.leave(1)
        #expect(stage.take() == 1)
        stage.leave(2)
        stage.leave(1)
        #expect((0..<2).map { _ in stage.take() } == [2, 1])
    }

    /// Idle backends take turns too: a client that comes and goes does not always find the first.
    @Test func idleOnesTakeTurns() {
        var stage = PolicyStage(LeastConnections(), weights: [1, 1, 1])
        let picked = (0..<6).map { _ in
            let place = stage.take()
            place.map { stage.leave($0) }
            return place
        }
        #expect(picked == [0, 1, 2, 0, 1, 2])
    }

    @Test func severalLoopsStartElsewhere() {
        let firsts = [0, 0.25, 0.5, 0.75].map { share in
            var stage = PolicyStage(LeastConnections(share: share), weights: [1, 1, 1, 1])
            return stage.take()
        }
        #expect(firsts == [0, 1, 2, 3])
    }

    /// After 10,000 clients that stay, every backend has its share, to two sessions: the heavy ones are rounded up at the
    /// cost of the others.
    @Test(arguments: [[1, 1, 1], [1, 2, 3], [5, 1, 1, 0], [256, 1], [7, 3, 11, 2, 2]] as [[Int32]])
    func sharesAreThoseOfTheWeights(weights: [Int32]) {
        var stage = PolicyStage(LeastConnections(), weights: weights)
        for _ in 0..<10_000 { _ = stage.take() }
        let sum = Double(weights.reduce(0, +))
        for (place, weight) in weights.enumerated() {
            let ideal = 10_000 * Double(weight) / sum
            #expect(abs(Double(stage.sessions[place]) - ideal) <= 2, "\(stage.sessions)")
        }
    }

    /// Sessions come and go at random: no backend ever has a load that a session could have gone below.
    @Test(arguments: 1...5 as ClosedRange<UInt64>) func theLeastLoadIsPicked(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let weights = (0..<6).map { _ in Int32.random(in: 1...9, using: &random) }
        var stage = PolicyStage(LeastConnections(), weights: weights)
        for _ in 0..<3000 {
            guard Bool.random(using: &random), let place = stage.pick() else {
                stage.leave(Int.random(in: 0..<6, using: &random))
                continue
            }
            let least = stage.candidates.map(\.nextLoad).min()
            #expect(stage.candidates[place].nextLoad == least)
            stage.set(place) { $0.sessions += 1 }
        }
    }

    @Test func theTurnsOfThoseThatStayAreKept() {
        var stage = PolicyStage(LeastConnections(), weights: [1, 1, 1])
        #expect(stage.take() == 0)
        stage.leave(0)
        // The first has had its turn, and a new one has not.
        stage.changeAll {
            $0.append(Candidate(id: TargetID(rawValue: 9), place: 3, weight: 1, isUp: true, scoreKey: 0))
        }
        let picked = (0..<4).compactMap { _ in stage.take() }
        #expect(Set(picked.prefix(3)) == [1, 2, 3] && picked.last == 0)
    }

    // MARK: random-two

    /// By lot alone the fullest of 10 backends would have some 12 % above the mean of 1,000; of two, hardly anything.
    @Test(arguments: 1...5 as ClosedRange<UInt64>) func twoChoicesAreNearlyEven(seed: UInt64) {
        var stage = PolicyStage(RandomTwo(seed: seed), weights: Array(repeating: 1, count: 10))
        for _ in 0..<10_000 { _ = stage.take() }
        #expect(stage.sessions.allSatisfy { abs($0 - 1000) <= 10 }, "\(stage.sessions)")
    }

    @Test(arguments: [[1, 2, 3], [5, 1, 1, 0], [7, 3, 11, 2, 2]] as [[Int32]], 1...3 as ClosedRange<UInt64>)
    func lotsAreByWeight(weights: [Int32], seed: UInt64) {
        var stage = PolicyStage(RandomTwo(seed: seed), weights: weights)
        for _ in 0..<10_000 { _ = stage.take() }
        let sum = Double(weights.reduce(0, +))
        for (place, weight) in weights.enumerated() {
            let ideal = 10_000 * Double(weight) / sum
            #expect(abs(Double(stage.sessions[place]) - ideal) <= 0.05 * 10_000, "\(stage.sessions)")
        }
    }

    /// While no session stays, lots alone decide, and they are those of the weights: 4 standard deviations.
    @Test(arguments: 1...3 as ClosedRange<UInt64>) func idleOnesAreDrawnByWeight(seed: UInt64) {
        var stage = PolicyStage(RandomTwo(seed: seed), weights: [1, 1, 1, 1])
        var counts = [0, 0, 0, 0]
        for _ in 0..<10_000 { counts[stage.pick() ?? 0] += 1 }
        #expect(counts.allSatisfy { abs($0 - 2500) < 174 }, "\(counts)")
    }

    @Test func theSameSeedDrawsTheSame() {
        func picks(_ seed: UInt64) -> [Int?] {
            var stage = PolicyStage(RandomTwo(seed: seed), weights: [1, 2, 3, 4])
            return (0..<100).map { _ in stage.take() }
        }
        #expect(picks(1) == picks(1) && picks(1) != picks(2))
    }

    // MARK: first

    @Test func oneIsFilledAfterTheOther() {
        var stage = PolicyStage(FirstFit(), weights: [1, 5, 1])
        for place in 0..<3 { stage.set(place) { $0.sessionsMax = 2 } }
        #expect((0..<7).map { _ in stage.take() } == [0, 0, 1, 1, 2, 2, nil])
        stage.leave(1)
        stage.leave(0)
        #expect((0..<3).map { _ in stage.take() } == [0, 1, nil])
        stage.set(0) { $0.isUp = false }
        stage.leave(0)
        stage.leave(2)
        #expect(stage.take() == 2)
    }

    @Test func withoutLimitsTheFirstHasAll() {
        var stage = PolicyStage(FirstFit(), weights: [1, 1])
        #expect(((0..<5).allSatisfy { _ in stage.take() == 0 }) == true)
        #expect(stage.pick(tried: [0]) == 1)
    }
}
