/// Turns by weight, spread as evenly as the weights allow: with 5, 1 and 1 the order is `a a b a c a a`.
///
/// Smooth weighted round robin, as nginx has it (commit 52327e0627): in each turn every candidate gets its weight as
/// credit, the one with the most credit is picked, and pays what all have got. One that is not allowed gets no credit and
/// keeps what it has.
struct WeightedTurns: Hashable {
    /// By the candidates' places. Between minus and plus the sum of all weights.
    private var credits: [Int32] = []

    /// The place of the candidate that `request` allows and whose turn it is; nil when none is allowed. Of several with
    /// the same credit it is the first from place `start` on.
    ///
    /// - Complexity: O(candidates).
    mutating func pick(
        from candidates: Span<Candidate>, for request: borrowing PickRequest, start: Int
    ) -> Int? {
        var best: Int?
        var sum: Int32 = 0
        var place = start
        for _ in candidates.indices {
            if request.allows(candidates[place]) {
                sum += candidates[place].weight
                credits[place] += candidates[place].weight
                if best.map({ credits[place] > credits[$0] }) ?? true { best = place }
            }
            place = place + 1 == candidates.count ? 0 : place + 1
        }
        if let best { credits[best] -= sum }
        return best
    }

    /// The candidates are others: those that stay, whose places before are in `before`, keep their credit. Of smaller
    /// weights than before none has to wait for longer than a round.
    mutating func follow(_ candidates: Span<Candidate>, before: [TargetID: Int]) {
        var sum: Int32 = 0
        for place in candidates.indices { sum += candidates[place].weight }
        var new: [Int32] = []
        new.reserveCapacity(candidates.count)
        for place in candidates.indices {
            let credit = before[candidates[place].id].map { credits[$0] } ?? 0
            new.append(max(-sum, min(sum, credit)))
        }
        credits = new
    }
}
