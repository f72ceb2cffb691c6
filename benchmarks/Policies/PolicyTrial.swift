import Balancer

/// A policy with its candidates, of which the policy is told as by a pool.
struct PolicyTrial {
    private var candidates: [Candidate]
    private var policy: any Policy
    /// The backends of the last sessions.
    private var sessions: [Int]
    private var next = 0

    /// How many sessions there are at a time.
    private static let sessionsMax = 1000

    init(_ kind: PolicyKind, _ hash: SourceHash.Settings, weights: [Int32]) {
        candidates = weights.enumerated().map { place, weight in
            Candidate(
                id: TargetID(rawValue: UInt32(place)), place: Int32(place), weight: weight, isUp: true,
                scoreKey: Candidate.scoreKey(of: "10.0.\(place / 256).\(place % 256):80"))
        }
        policy = kind.make(share: 0, seed: 1, hash)
        sessions = Array(repeating: -1, count: Self.sessionsMax)
        Self.begin(&policy, candidates)
    }

    /// A client comes, and the oldest session ends.
    mutating func step(client: UInt64) {
        Self.step(&policy, &candidates, client, &sessions[next])
        next = next + 1 == Self.sessionsMax ? 0 : next + 1
    }

    private static func begin(_ policy: inout some Policy, _ candidates: borrowing [Candidate]) {
        policy.candidatesChanged(candidates.span)
    }

    /// Generic, which opens the existential once: as a pool calls its policy.
    private static func step(
        _ policy: inout some Policy, _ candidates: inout [Candidate], _ client: UInt64, _ oldest: inout Int
    ) {
        let picked = policy.pick(from: candidates.span, for: PickRequest(tried: TriedTargets(), clientKey: client))
        guard let place = picked else { return }
        let isFollowed = policy.followsSessions
        defer { oldest = place }
        guard isFollowed else { return }
        candidates[place].sessions += 1
        policy.candidateChanged(place, of: candidates.span)
        guard oldest >= 0 else { return }
        candidates[oldest].sessions -= 1
        policy.candidateChanged(oldest, of: candidates.span)
    }
}
