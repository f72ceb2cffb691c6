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

    /// True for a policy that uses session counts: ``Candidate/sessions`` is maintained for it. It must be constant.
    var followsSessions: Bool { get }
    /// Is called when something about the candidate at `place` has changed: its sessions, its limit, whether it may be
    /// picked, or whether it is suspect.
    mutating func candidateChanged(_ place: Int, of candidates: Span<Candidate>)
    /// Is called when candidates were added, removed, moved or given another weight, which makes all places invalid;
    /// also once before the first pick.
    mutating func candidatesChanged(_ candidates: Span<Candidate>)
}

extension Policy {
    /// False: the policy does not use ``Candidate/sessions``.
    public var followsSessions: Bool { false }
    /// Does nothing.
    public mutating func candidateChanged(_ place: Int, of candidates: Span<Candidate>) {}
    /// Does nothing.
    public mutating func candidatesChanged(_ candidates: Span<Candidate>) {}
}

/// The policies by their names in a configuration.
public enum PolicyKind: String, Hashable, Sendable, CaseIterable {
    /// ``RoundRobin``.
    case roundRobin = "round-robin"
    /// ``LeastConnections``.
    case leastConnections = "least-connections"
    /// ``RandomTwo``.
    case randomTwo = "random-two"
    /// ``SourceHash``.
    case sourceHash = "source-hash"
    /// ``FirstFit``.
    case first

    /// A new policy. Each of several loops starts at another backend, at the fraction `share` (0 up to 1) of the pool,
    /// so that the first clients of all loops do not go to the same one. `seed` is for policies that draw lots.
    package func make(share: Double, seed: UInt64, _ hash: SourceHash.Settings) -> any Policy {
        switch self {
        case .roundRobin: RoundRobin(share: share)
        case .leastConnections: LeastConnections(share: share)
        case .randomTwo: RandomTwo(seed: seed)
        case .sourceHash: SourceHash(loadMax: hash.loadMax)
        case .first: FirstFit()
        }
    }
}
