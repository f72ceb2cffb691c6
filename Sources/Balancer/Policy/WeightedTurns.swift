/// Turns by weight, spread as evenly as the weights allow: with 5, 1 and 1 the order is `a a b a c a a`.
///
/// Smooth weighted round robin, as nginx has it (commit 52327e0627): in each turn every candidate gets its weight as
/// credit, the one with the most credit is picked, and pays what all have got. One that is not allowed gets no credit and
/// keeps what it has.
struct WeightedTurns: Hashable {
    /// By the candidates' places. Between minus and plus the sum of all shares.
    private var credits: [Int32] = []
    /// The shares of those that may be picked and are not suspect, 0 for others: what most picks look at.
    private var shares: [Int32] = []
    /// The sum of `shares`.
    private var sum: Int32 = 0

    /// The place of the candidate that `request` allows and whose turn it is; nil when none is allowed. Of several with
    /// the same credit it is the first from place `start` on. Suspect ones have turns only where all are.
    ///
    /// - Complexity: O(candidates).
    mutating func pick(
        from candidates: Span<Candidate>, for request: borrowing PickRequest, start: Int
    ) -> Int? {
        if !request.hasTried, sum > 0 { return pick(start: start) }
        return pick(from: candidates, for: request, start: start, suspects: false)
            ?? pick(from: candidates, for: request, start: start, suspects: true)
    }

    /// Two short loops over numbers that stand side by side, several of which the processor takes at once.
    private mutating func pick(start: Int) -> Int {
        var most = Int32.min
        for place in shares.indices {
            credits[place] &+= shares[place]
            most = max(most, shares[place] > 0 ? credits[place] : .min)
        }
        var best = start
        while credits[best] != most || shares[best] == 0 { best = best + 1 == shares.count ? 0 : best + 1 }
        credits[best] -= sum
        return best
    }

    private mutating func pick(
        from candidates: Span<Candidate>, for request: borrowing PickRequest, start: Int, suspects: Bool
    ) -> Int? {
        var best: Int?
        var sum: Int32 = 0
        var place = start
        for _ in candidates.indices {
            if candidates[place].isSuspect == suspects, request.allows(candidates[place]) {
                sum += candidates[place].share
                credits[place] += candidates[place].share
                if best.map({ credits[place] > credits[$0] }) ?? true { best = place }
            }
            place = place + 1 == candidates.count ? 0 : place + 1
        }
        if let best { credits[best] -= sum }
        return best
    }

    /// The candidate may be picked from now on, or not, or has become suspect or is so no more.
    mutating func candidateChanged(_ place: Int, _ candidate: Candidate) {
        sum -= shares[place]
        shares[place] = Self.share(of: candidate)
        sum += shares[place]
    }

    private static func share(of candidate: Candidate) -> Int32 {
        candidate.isAvailable && !candidate.isSuspect ? candidate.share : 0
    }

    /// The candidates are others: those that stay, whose places before are in `before`, keep their credit. Of smaller
    /// weights than before none has to wait for longer than a round.
    mutating func candidatesChanged(_ candidates: Span<Candidate>, before: [TargetID: Int]) {
        var most: Int32 = 0
        for place in candidates.indices { most += candidates[place].share }
        var new: [Int32] = []
        new.reserveCapacity(candidates.count)
        shares.removeAll(keepingCapacity: true)
        for place in candidates.indices {
            let credit = before[candidates[place].id].map { credits[$0] } ?? 0
            new.append(max(-most, min(most, credit)))
            shares.append(Self.share(of: candidates[place]))
        }
        credits = new
        sum = shares.reduce(0, +)
    }
}
