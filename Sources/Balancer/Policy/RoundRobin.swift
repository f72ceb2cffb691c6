/// Each backend in turn. One that may not be picked is skipped and loses its turn.
public struct RoundRobin: Policy, Hashable {
    /// The place whose turn is next.
    private var next = 0
    /// The candidate at that place: when candidates come or go, the turn stays with it.
    private var nextID: TargetID?
    private let share: Double

    /// Starts at the fraction `share` of the candidates: 0 is the first.
    public init(share: Double = 0) {
        self.share = share
    }

    /// The first candidate that is allowed, from the one whose turn it is; the turn passes to the one after it.
    ///
    /// - Complexity: O(candidates), but one step in the usual case.
    public mutating func pick(from candidates: Span<Candidate>, for request: borrowing PickRequest) -> Int? {
        var place = next
        for _ in candidates.indices {
            let following = place + 1 == candidates.count ? 0 : place + 1
            if request.allows(candidates[place]) {
                next = following
                nextID = candidates[following].id
                return place
            }
            place = following
        }
        return nil
    }

    /// The turn stays with the candidate that has it.
    public mutating func candidatesChanged(_ candidates: Span<Candidate>) {
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
}
