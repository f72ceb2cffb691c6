/// Two different backends are drawn by lot, in proportion to their weights, and the one with the lesser load gets the
/// session.
///
/// Nearly as even as ``LeastConnections`` (M. Mitzenmacher, "The power of two choices in randomized load balancing", 2001),
/// and without its weakness: several balancers in front of the same backends, of which each knows only its own sessions,
/// do not all send their next client to the same one.
public struct RandomTwo: Policy, Hashable {
    /// What weights count of those that may be picked and are not suspect.
    private var lots = WeightSums()
    private var dice: Dice

    /// So many draws may fall on backends that are full or were tried; then all are looked at.
    private static let drawsMax = 8

    /// Policies with the same seed draw the same lots.
    public init(seed: UInt64) {
        dice = Dice(state: seed)
    }

    /// True: it goes by them.
    public var followsSessions: Bool { true }

    /// - Complexity: O(log candidates); O(candidates) where nearly all are full, suspect or were tried.
    public mutating func pick(from candidates: Span<Candidate>, for request: borrowing PickRequest) -> Int? {
        guard let first = draw(candidates, request, without: nil) else { return best(of: candidates, for: request) }
        guard let second = draw(candidates, request, without: first) else { return first }
        return candidates[second].nextLoad < candidates[first].nextLoad ? second : first
    }

    /// Draws a place that `request` allows; nil when the draws have found none.
    private mutating func draw(
        _ candidates: Span<Candidate>, _ request: borrowing PickRequest, without other: Int?
    ) -> Int? {
        let weight = other.map { UInt64(lots.weight(at: $0)) } ?? 0
        guard lots.total > weight else { return nil }
        let before = other.map { lots.sum(before: $0) } ?? 0
        for _ in 0..<Self.drawsMax {
            let lot = UInt64.random(in: 0..<lots.total - weight, using: &dice)
            // As if the other one had no lots.
            let place = lots.place(of: other != nil && lot >= before ? lot + weight : lot)
            if request.allows(candidates[place]) { return place }
        }
        return nil
    }

    /// The one with the least load of all that `request` allows; suspect ones only where there is no other. The search
    /// begins at a place drawn by lot, so that of equals it is not always the same.
    private mutating func best(of candidates: Span<Candidate>, for request: borrowing PickRequest) -> Int? {
        guard !candidates.isEmpty else { return nil }
        var place = Int.random(in: 0..<candidates.count, using: &dice)
        var best: Int?
        for _ in candidates.indices {
            if request.allows(candidates[place]),
                best.map({ candidates[place].rankedLoad < candidates[$0].rankedLoad }) ?? true
            {
                best = place
            }
            place = place + 1 == candidates.count ? 0 : place + 1
        }
        return best
    }

    /// It has more lots, or fewer, when it is up, down or suspect. That it is full is found out when it is drawn.
    public mutating func candidateChanged(_ place: Int, of candidates: Span<Candidate>) {
        lots.set(Self.lots(of: candidates[place]), at: place)
    }

    /// Their weights are others.
    public mutating func candidatesChanged(_ candidates: Span<Candidate>) {
        var weights: [Int32] = []
        weights.reserveCapacity(candidates.count)
        for place in candidates.indices { weights.append(Self.lots(of: candidates[place])) }
        lots.reset(weights)
    }

    private static func lots(of candidate: Candidate) -> Int32 {
        candidate.isUp && !candidate.isSuspect ? candidate.share : 0
    }
}

/// SplitMix64 (S. Vigna): a counter, mixed.
private struct Dice: RandomNumberGenerator, Hashable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return SourceHash.mix(state)
    }
}
