/// Each backend in turn. One that may not be picked is skipped and loses its turn. Where weights differ, backends with
/// more weight have more turns: ``WeightedTurns``.
public struct RoundRobin: Policy, Hashable {
    /// The place whose turn is next.
    private var next = 0
    /// The candidate at that place: when candidates come or go, the turn stays with it.
    private var nextID: TargetID?
    /// Where the search for a session that another backend has failed begins. A place of its own: such a session may
    /// come seconds later, and if it used the turn of a new client, new clients would no longer alternate; and if the
    /// search always began at the turn, one backend would get all that a silent one leaves.
    private var nextAgain = 0
    private let share: Double
    /// Weights differ: the turns are those of new clients, and of sessions that another backend has failed.
    private var isWeighted = false
    private var turns = WeightedTurns()
    private var turnsAgain = WeightedTurns()
    /// The ids of the candidates by their places, while weights differ.
    private var ids: [TargetID] = []

    /// Starts at the fraction `share` of the candidates: 0 is the first.
    public init(share: Double = 0) {
        self.share = share
    }

    /// The first candidate that is allowed and not suspect, from the one whose turn it is; a suspect one where there is no
    /// other. The turn passes to the one after it. A session that has tried a backend moves no turn.
    ///
    /// - Complexity: O(candidates), but one step in the usual case of equal weights.
    public mutating func pick(from candidates: Span<Candidate>, for request: borrowing PickRequest) -> Int? {
        let isAgain = request.hasTried
        if isWeighted { return pickByWeight(from: candidates, for: request, isAgain: isAgain) }
        var place = isAgain ? nextAgain : next
        var suspect: Int?
        for _ in candidates.indices {
            if request.allows(candidates[place]) {
                if !candidates[place].isSuspect {
                    endTurn(of: place, candidates, isAgain: isAgain)
                    return place
                }
                if suspect == nil { suspect = place }
            }
            place = place + 1 == candidates.count ? 0 : place + 1
        }
        if let suspect { endTurn(of: suspect, candidates, isAgain: isAgain) }
        return suspect
    }

    @inline(__always) private mutating func endTurn(of place: Int, _ candidates: Span<Candidate>, isAgain: Bool) {
        let following = place + 1 == candidates.count ? 0 : place + 1
        if isAgain {
            nextAgain = following
        } else {
            next = following
            nextID = candidates[following].id
        }
    }

    private mutating func pickByWeight(
        from candidates: Span<Candidate>, for request: borrowing PickRequest, isAgain: Bool
    ) -> Int? {
        let start = Int(Double(candidates.count) * share)
        return isAgain
            ? turnsAgain.pick(from: candidates, for: request, start: start)
            : turns.pick(from: candidates, for: request, start: start)
    }

    /// One that is down, full or suspect gets no turns.
    public mutating func candidateChanged(_ place: Int, of candidates: Span<Candidate>) {
        guard isWeighted else { return }
        turns.candidateChanged(place, candidates[place])
        turnsAgain.candidateChanged(place, candidates[place])
    }

    /// The turn stays with the candidate that has it.
    public mutating func candidatesChanged(_ candidates: Span<Candidate>) {
        followWeights(candidates)
        if nextAgain >= candidates.count { nextAgain = 0 }
        guard let nextID else {
            next = Int(Double(candidates.count) * share)
            if !candidates.isEmpty { self.nextID = candidates[next].id }
            return
        }
        for place in candidates.indices where candidates[place].id == nextID {
            next = place
            return
        }
        // That candidate has left: the one that is now at its place is next.
        next = candidates.isEmpty ? 0 : next % candidates.count
        self.nextID = candidates.isEmpty ? nil : candidates[next].id
    }

    /// Equal weights need no credits, and their order is that of the places.
    private mutating func followWeights(_ candidates: Span<Candidate>) {
        isWeighted = Self.differ(candidates, backups: false) || Self.differ(candidates, backups: true)
        guard isWeighted else { return ids.removeAll() }
        let before = Dictionary(uniqueKeysWithValues: zip(ids, ids.indices))
        turns.candidatesChanged(candidates, before: before)
        turnsAgain.candidatesChanged(candidates, before: before)
        ids = candidates.indices.map { candidates[$0].id }
    }

    /// True when weights of backups, or of others, differ; one without weight has no turn. (Without an early return: Swift
    /// 6.3.1 ends with a failure when it optimises a function that leaves a loop over a span.)
    private static func differ(_ candidates: Span<Candidate>, backups: Bool) -> Bool {
        var (least, most) = (Int32.max, Int32(0))
        for place in candidates.indices {
            let weight = candidates[place].isBackup == backups ? candidates[place].share : 0
            if weight > 0 { (least, most) = (min(least, weight), max(most, weight)) }
        }
        return least < most
    }
}
