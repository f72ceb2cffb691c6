import TestSupport
import Testing

@testable import Balancer

@Suite struct PolicyTests {
    private static func candidates(_ ids: [UInt32]) -> [Candidate] {
        ids.map {
            Candidate(id: TargetID(rawValue: $0), place: Int32($0), weight: 1, isUp: true, scoreKey: UInt64($0))
        }
    }

    /// A policy that has been given `candidates`.
    private static func policy(_ candidates: [Candidate], share: Double = 0) -> RoundRobin {
        var policy = RoundRobin(share: share)
        policy.candidatesChanged(candidates.span)
        return policy
    }

    private static func pick(
        _ policy: inout RoundRobin, _ candidates: [Candidate], tried: [Int] = []
    ) -> Int? {
        var set = TriedTargets()
        for place in tried { set.insert(place) }
        return policy.pick(from: candidates.span, for: PickRequest(tried: set, clientKey: 0))
    }

    /// The ids of the next `count` picks.
    private static func picks(_ count: Int, _ policy: inout RoundRobin, _ candidates: [Candidate]) -> [UInt32] {
        (0..<count).compactMap { _ in pick(&policy, candidates).map { candidates[$0].id.rawValue } }
    }

    @Test func roundRobinStartsWithTheFirstAndGoesRound() {
        let all = Self.candidates([10, 11, 12])
        var policy = Self.policy(all)
        #expect(Self.picks(7, &policy, all) == [10, 11, 12, 10, 11, 12, 10])
    }

    /// Of four loops each starts a quarter of the pool further on, also where the pool has fewer backends than that.
    @Test(arguments: [
        (4, [0, 1, 2, 3]), (8, [0, 2, 4, 6]), (3, [0, 0, 1, 2]), (1, [0, 0, 0, 0]),
    ])
    func eachLoopStartsAtItsShare(count: Int, firsts: [Int]) {
        let all = Self.candidates((0..<UInt32(count)).map { $0 })
        let picked = (0..<4).map { loop in
            var policy = Self.policy(all, share: Double(loop) / 4)
            return Self.pick(&policy, all)
        }
        #expect(picked == firsts)
    }

    @Test func theOthersAlternateWhileOneIsDown() {
        var all = Self.candidates([10, 11, 12])
        var policy = Self.policy(all)
        all[1].isUp = false
        #expect(Self.picks(6, &policy, all) == [10, 12, 10, 12, 10, 12])
    }

    @Test func oneThatWasTriedIsSkippedForThatSessionOnly() {
        let all = Self.candidates([0, 1, 2])
        var policy = Self.policy(all)
        #expect(Self.pick(&policy, all, tried: [0]) == 1)
        #expect(Self.pick(&policy, all, tried: [2, 0]) == 1)
        #expect(Self.pick(&policy, all) == 0)
    }

    /// The first is silent: its sessions come back while others arrive, and those still alternate.
    @Test func aSessionThatComesBackCostsNoTurn() {
        let all = Self.candidates([0, 1, 2])
        var policy = Self.policy(all)
        var new: [Int?] = []
        for number in 0..<9 {
            new.append(Self.pick(&policy, all))
            if number % 2 == 1 { _ = Self.pick(&policy, all, tried: [0]) }
        }
        #expect(new == [0, 1, 2, 0, 1, 2, 0, 1, 2])
    }

    /// What a silent backend leaves does not all go to its neighbour.
    @Test func sessionsThatComeBackAlternateAsWell() {
        let all = Self.candidates([0, 1, 2])
        var policy = Self.policy(all)
        #expect((0..<6).map { _ in Self.pick(&policy, all, tried: [0]) } == [1, 2, 1, 2, 1, 2])
    }

    /// Backends leave between two such picks: the search begins at a place that there is.
    @Test func aSessionThatComesBackToFewerCandidates() {
        let all = Self.candidates([0, 1, 2, 3])
        var policy = Self.policy(all)
        #expect(Self.pick(&policy, all, tried: [0, 1]) == 2)
        let fewer = Self.candidates([0, 1])
        policy.candidatesChanged(fewer.span)
        #expect(Self.pick(&policy, fewer, tried: [0]) == 1)
        policy.candidatesChanged([Candidate]().span)
        #expect(Self.pick(&policy, [], tried: [0]) == nil)
    }

    /// One that a client's connect has failed at is picked only when there is no other, whatever the policy.
    @Test(arguments: PolicyKind.allCases) func suspectsComeLast(kind: PolicyKind) {
        var stage = PolicyStage(kind.make(share: 0, seed: 5, .init()), weights: [1, 1, 1])
        stage.set(1) { $0.isSuspect = true }
        for client in 0..<50 {
            #expect(stage.take(client: UInt64(client)) != 1)
            #expect(stage.pick(client: UInt64(client), tried: [0, 2]) == 1)
        }
        for place in [0, 2] { stage.set(place) { $0.isSuspect = true } }
        #expect(((0..<50).allSatisfy { stage.take(client: $0) != nil }) == true)
        stage.set(0) { $0.isSuspect = false }
        #expect(((0..<50).allSatisfy { stage.take(client: $0) == 0 }) == true)
    }

    /// The same with weights, of which the suspect one has the most.
    @Test(arguments: PolicyKind.allCases) func suspectsComeLastWhateverTheirWeight(kind: PolicyKind) {
        var stage = PolicyStage(kind.make(share: 0, seed: 5, .init()), weights: [100, 1, 2])
        stage.set(0) { $0.isSuspect = true }
        #expect(((0..<50).allSatisfy { stage.take(client: $0) != 0 }) == true)
        stage.set(0) { $0.isSuspect = false }
        #expect(((0..<300).contains { stage.take(client: $0) == 0 }) == true)
    }

    /// Whatever goes on, a policy picks one that it may pick, and none only when there is none.
    @Test(arguments: PolicyKind.allCases, 1...8 as ClosedRange<UInt64>) func onlyWhatIsAllowedIsPicked(
        kind: PolicyKind, seed: UInt64
    ) {
        var random = SeededGenerator(seed: seed)
        var hash = SourceHash.Settings()
        hash.loadMax = Bool.random(using: &random) ? 1_250_000 : nil
        let weights = (0..<Int.random(in: 1...9, using: &random)).map { _ in Int32.random(in: 0...4, using: &random) }
        var stage = PolicyStage(kind.make(share: 0.3, seed: seed, hash), weights: weights)
        for step in 0..<2000 {
            let place = Int.random(in: weights.indices, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0: stage.set(place) { $0.isUp = $0.weight > 0 && !$0.isUp }
            case 1: stage.set(place) { $0.isSuspect.toggle() }
            case 2: stage.set(place) { $0.sessionsMax = Int32.random(in: 0...5, using: &random) }
            case 3: stage.leave(place)
            case 4: stage.changeAll { $0[place].percent = Int32.random(in: 10...100, using: &random) }
            default:
                let tried = weights.indices.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
                let allowed = stage.candidates.indices.filter {
                    stage.candidates[$0].isUp && !stage.candidates[$0].isFull && !tried.contains($0)
                }
                let unsuspected = allowed.filter { !stage.candidates[$0].isSuspect }
                let picked = stage.take(client: random.next(), tried: tried)
                if allowed.isEmpty {
                    #expect(picked == nil, "step \(step)")
                } else {
                    let right = unsuspected.isEmpty ? allowed : unsuspected
                    #expect(picked.map { right.contains($0) } ?? false, "step \(step)")
                }
            }
        }
    }

    @Test func noneEligibleIsNoneAndTheTurnStays() {
        var all = Self.candidates([0, 1, 2, 3, 4])
        var policy = Self.policy(all)
        #expect(Self.pick(&policy, all) == 0)
        for place in all.indices { all[place].isUp = false }
        for _ in 0..<7 { #expect(Self.pick(&policy, all) == nil) }
        for place in all.indices { all[place].isUp = true }
        #expect(Self.pick(&policy, all, tried: [0, 1, 2, 3, 4]) == nil)
        #expect(Self.pick(&policy, all) == 1)
        #expect(Self.pick(&policy, []) == nil)
    }

    /// Whatever the turn, each candidate is looked at once: the last place before the turn is found as well.
    @Test func eachIsLookedAtOnce() {
        var all = Self.candidates([0, 1, 2, 3, 4])
        for start in all.indices {
            for eligible in all.indices {
                for place in all.indices { all[place].isUp = true }
                var policy = Self.policy(all)
                for _ in 0..<start { _ = Self.pick(&policy, all) }
                for place in all.indices { all[place].isUp = place == eligible }
                #expect(Self.pick(&policy, all) == eligible, "from \(start)")
            }
        }
    }

    /// The turn stays with the backend whose turn it is, wherever that stands now.
    @Test func theTurnFollowsItsBackend() {
        let before = Self.candidates([10, 11, 12, 13])
        for after in [[11, 10, 12, 13], [12, 13], [13, 14, 15, 12], [5, 6, 10, 11, 12, 13]] as [[UInt32]] {
            var policy = Self.policy(before)
            #expect(Self.picks(2, &policy, before) == [10, 11])
            let now = Self.candidates(after)
            policy.candidatesChanged(now.span)
            #expect(Self.picks(1, &policy, now) == [12], "\(after)")
        }
    }

    /// The backend whose turn it is has left: the turn passes to the one behind it, and from the last to the first.
    @Test func theTurnOfOneThatLeftPassesToTheNext() {
        let before = Self.candidates([10, 11, 12])
        for (turns, after, next) in [(1, [10, 12], 12), (2, [10, 11], 10)] as [(Int, [UInt32], UInt32)] {
            var policy = Self.policy(before)
            _ = Self.picks(turns, &policy, before)
            let now = Self.candidates(after)
            policy.candidatesChanged(now.span)
            #expect(Self.picks(1, &policy, now) == [next])
        }
    }

    @Test(arguments: [0, 0.5]) func aPoolShrinksToNothingAndGrowsAgain(share: Double) {
        let all = Self.candidates([10, 11, 12, 13])
        var policy = Self.policy(all, share: share)
        _ = Self.picks(3, &policy, all)
        policy.candidatesChanged([Candidate]().span)
        #expect(Self.pick(&policy, []) == nil)
        policy.candidatesChanged([Candidate]().span)
        // As at its beginning.
        policy.candidatesChanged(all.span)
        #expect(Self.pick(&policy, all) == Int(4 * share))
        // A pool that begins without backends.
        var late = Self.policy([], share: share)
        #expect(Self.pick(&late, []) == nil)
        late.candidatesChanged(all.span)
        #expect(Self.pick(&late, all) == Int(4 * share))
    }

    /// Every name of a policy makes one, and it picks.
    @Test(arguments: PolicyKind.allCases) func everyKindPicks(kind: PolicyKind) {
        let all = Self.candidates([0, 1])
        func picks(_ policy: consuming some Policy) -> Int? {
            policy.candidatesChanged(all.span)
            return policy.pick(from: all.span, for: PickRequest(tried: TriedTargets(), clientKey: 1))
        }
        #expect(picks(kind.make(share: 0, seed: 0, .init())) != nil)
    }
}
