/// An algorithm that picks a backend: pure, with no sockets and no clock.
public enum Policy: Sendable {
    /// The algorithms by name.
    public enum Kind: String, Sendable, CaseIterable {
        /// One after the other.
        case roundRobin = "round-robin"
    }

    /// One after the other.
    case roundRobin(RoundRobin)

    /// A policy at its start, which is the place `start` where there are turns.
    public init(_ kind: Kind, start: Int = 0) {
        switch kind {
        case .roundRobin: self = .roundRobin(RoundRobin(start: start))
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
