/// An algorithm that picks a backend: pure, with no sockets and no clock.
public enum Policy: Sendable {
    /// The algorithms by name.
    public enum Kind: String, Sendable, CaseIterable {
        /// One after the other.
        case roundRobin = "round-robin"
    }

    /// One after the other.
    case roundRobin(RoundRobin)

    /// A policy at its start.
    public init(_ kind: Kind) {
        switch kind {
        case .roundRobin: self = .roundRobin(RoundRobin())
        }
    }

    /// Picks one of the places `0..<count` for which `isEligible` is true; nil when there is none.
    ///
    /// - Complexity: O(count) questions at the most.
    public mutating func pick(_ count: Int, where isEligible: (Int) -> Bool) -> Int? {
        switch self {
        case .roundRobin(var turn):
            let place = turn.pick(count, where: isEligible)
            self = .roundRobin(turn)
            return place
        }
    }
}
