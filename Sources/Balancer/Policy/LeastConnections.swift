/// The backend with the fewest sessions for its weight; of several, the one that was picked longest ago.
///
/// Compared is what the load would be with the new session: ``Candidate/nextLoad``. So idle backends are filled in
/// proportion to their weights, as in Envoy's and HAProxy's algorithms of the same kind.
public struct LeastConnections: Policy, Hashable {
    private var tournament = Tournament()
    /// The ids of the candidates by their places, to find their turns again when they have moved.
    private var ids: [TargetID] = []
    /// The turn of the one that was picked last.
    private var lastTurn: UInt64 = 0
    private let share: Double

    /// Among equals the first is the one at the fraction `share` of the candidates.
    public init(share: Double = 0) {
        self.share = share
    }

    /// True: it goes by them.
    public var followsSessions: Bool { true }

    /// - Complexity: O(log candidates), for each backend of less load that the session has tried.
    public mutating func pick(from candidates: Span<Candidate>, for request: borrowing PickRequest) -> Int? {
        guard let place = tournament.first(of: candidates, for: request) else { return nil }
        lastTurn += 1
        tournament.set(.init(load: tournament.key(at: place).load, turn: lastTurn), at: place)
        return place
    }

    /// Its load is another.
    public mutating func candidateChanged(_ place: Int, of candidates: Span<Candidate>) {
        let load = candidates[place].rankedLoad
        tournament.set(.init(load: load, turn: tournament.key(at: place).turn), at: place)
    }

    /// Those that stay keep their turns; new ones are before them.
    public mutating func candidatesChanged(_ candidates: Span<Candidate>) {
        let before = Dictionary(uniqueKeysWithValues: zip(ids, ids.indices))
        let start = Int(Double(candidates.count) * share)
        var keys: [Tournament.Key] = []
        keys.reserveCapacity(candidates.count)
        ids.removeAll(keepingCapacity: true)
        if before.isEmpty { lastTurn = UInt64(candidates.count) }
        for place in candidates.indices {
            let turn =
                before[candidates[place].id].map { tournament.key(at: $0).turn }
                ?? UInt64(place < start ? place - start + candidates.count : place - start)
            keys.append(.init(load: candidates[place].rankedLoad, turn: turn))
            ids.append(candidates[place].id)
        }
        tournament.reset(keys)
    }
}

extension Candidate {
    /// Its ``nextLoad``, above all others' while it is suspect, and the greatest number when it must not be picked.
    @inline(__always) var rankedLoad: UInt64 {
        guard isAvailable, share > 0 else { return .max }
        return isSuspect ? nextLoad | 1 << 62 : nextLoad
    }
}
