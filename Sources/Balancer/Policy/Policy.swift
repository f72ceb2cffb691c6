/// An algorithm that picks a backend for a session: pure, with no sockets and no clock.
///
/// A policy belongs to one pool of one loop and is mutated in place. It is called when anything changes that its choice
/// may depend on; the default implementations do nothing. A place is an index into the candidates, valid until the next
/// ``candidatesChanged(_:)``.
///
/// To add one: a file in this folder with a type that conforms, and a case of ``PolicyKind``.
public protocol Policy: Sendable {
    /// Picks a candidate that `request` allows, by its place; nil when there is none.
    mutating func pick(from candidates: Span<Candidate>, for request: borrowing PickRequest) -> Int?

    /// True for a policy that uses session counts: ``Candidate/sessions`` is maintained for it, and ``take(_:of:)`` and
    /// ``drop(_:of:)`` are called, each once per session and backend. It must be constant.
    var followsSessions: Bool { get }
    /// Is called when a session was assigned to the candidate at `place`, whose count includes it.
    mutating func take(_ place: Int, of candidates: Span<Candidate>)
    /// Is called when a session has left the candidate at `place`, whose count no longer includes it.
    mutating func drop(_ place: Int, of candidates: Span<Candidate>)
    /// Is called when the candidate at `place` may be picked again.
    mutating func up(_ place: Int, of candidates: Span<Candidate>)
    /// Is called when the candidate at `place` may no longer be picked.
    mutating func down(_ place: Int, of candidates: Span<Candidate>)
    /// Is called when candidates were added, removed, moved or given another weight, which makes all places invalid;
    /// also once before the first pick.
    mutating func candidatesChanged(_ candidates: Span<Candidate>)
}

extension Policy {
    /// False: the policy does not use ``Candidate/sessions``.
    public var followsSessions: Bool { false }
    /// Does nothing.
    public mutating func take(_ place: Int, of candidates: Span<Candidate>) {}
    /// Does nothing.
    public mutating func drop(_ place: Int, of candidates: Span<Candidate>) {}
    /// Does nothing: a candidate that is up is allowed.
    public mutating func up(_ place: Int, of candidates: Span<Candidate>) {}
    /// Does nothing: a candidate that is down is not allowed.
    public mutating func down(_ place: Int, of candidates: Span<Candidate>) {}
    /// Does nothing.
    public mutating func candidatesChanged(_ candidates: Span<Candidate>) {}
}

/// The policies by their names in a configuration.
public enum PolicyKind: String, Hashable, Sendable, CaseIterable {
    /// ``RoundRobin``.
    case roundRobin = "round-robin"

    /// A new policy. Each of several loops starts at another backend, at the fraction `share` (0 up to 1) of the pool,
    /// so that the first clients of all loops do not go to the same one.
    func make(share: Double) -> any Policy {
        switch self {
        case .roundRobin: RoundRobin(share: share)
        }
    }
}
