@testable import Balancer

/// A policy with its candidates, of which the policy is told as by a pool.
struct PolicyStage {
    private(set) var candidates: [Candidate]
    private var policy: any Policy

    init(_ policy: any Policy, weights: [Int32], names: [String] = []) {
        self.policy = policy
        candidates = weights.enumerated().map { place, weight in
            let name = names.isEmpty ? "backend \(place)" : names[place]
            return Candidate(
                id: TargetID(rawValue: UInt32(place)), place: Int32(place), weight: weight, isUp: weight > 0,
                scoreKey: Candidate.scoreKey(of: name))
        }
        changeAll { _ in }
    }

    mutating func pick(client: UInt64 = 0, tried: [Int] = []) -> Int? {
        var set = TriedTargets()
        for place in tried { set.insert(place) }
        let request = PickRequest(tried: set, clientKey: client)
        return Self.pick(&policy, candidates, request)
    }

    /// Picks, and sends a session there.
    mutating func take(client: UInt64 = 0, tried: [Int] = []) -> Int? {
        guard let place = pick(client: client, tried: tried) else { return nil }
        set(place) { $0.sessions += 1 }
        return place
    }

    /// A session leaves, if there is one.
    mutating func leave(_ place: Int) { set(place) { $0.sessions = max(0, $0.sessions - 1) } }

    mutating func set(_ place: Int, _ change: (inout Candidate) -> Void) {
        change(&candidates[place])
        Self.tell(&policy, place, candidates)
    }

    mutating func changeAll(_ change: (inout [Candidate]) -> Void) {
        change(&candidates)
        Self.tell(&policy, candidates)
    }

    var sessions: [Int32] { candidates.map(\.sessions) }

    // Generic functions, which open the existential: see PoolState.

    private static func pick(
        _ policy: inout some Policy, _ candidates: borrowing [Candidate], _ request: borrowing PickRequest
    ) -> Int? {
        policy.pick(from: candidates.span, for: request)
    }

    private static func tell(_ policy: inout some Policy, _ place: Int, _ candidates: borrowing [Candidate]) {
        policy.candidateChanged(place, of: candidates.span)
    }

    private static func tell(_ policy: inout some Policy, _ candidates: borrowing [Candidate]) {
        policy.candidatesChanged(candidates.span)
    }
}
