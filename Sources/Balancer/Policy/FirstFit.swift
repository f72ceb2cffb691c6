/// The first backend, in the order of the configuration, until it has as many sessions as it may have; then the next, and
/// so on. For backends that cost money while they are in use, as HAProxy's `first`: the last ones stay idle and can be
/// switched off. Without `sessions_max` all clients go to the first one that is up.
public struct FirstFit: Policy, Hashable {
    private var tournament = Tournament()

    /// One that has seen no candidates.
    public init() {}

    /// - Complexity: O(log candidates), for each backend before it that the session has tried.
    public mutating func pick(from candidates: Span<Candidate>, for request: borrowing PickRequest) -> Int? {
        tournament.first(of: candidates, for: request)
    }

    /// It is full, or has room again; it is up, down or suspect.
    public mutating func candidateChanged(_ place: Int, of candidates: Span<Candidate>) {
        tournament.set(Self.key(place, candidates[place]), at: place)
    }

    /// Their order is that of their places.
    public mutating func candidatesChanged(_ candidates: Span<Candidate>) {
        var keys: [Tournament.Key] = []
        keys.reserveCapacity(candidates.count)
        for place in candidates.indices { keys.append(Self.key(place, candidates[place])) }
        tournament.reset(keys)
    }

    private static func key(_ place: Int, _ candidate: Candidate) -> Tournament.Key {
        guard candidate.isAvailable else { return .none }
        return .init(load: candidate.isSuspect ? 1 : 0, turn: UInt64(place))
    }
}
