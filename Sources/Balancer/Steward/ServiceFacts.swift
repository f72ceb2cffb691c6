import Glibc
import Reactor

/// The state that the service manager displays.
struct ServiceFacts {
    var state: ServiceState
    /// Not every backend has been probed: the manager has to wait.
    var isFirstRound: Bool
    var backendsUp: Int
    /// Of these, those that are not probed.
    var backendsUnchecked: Int
    var backends: Int
    /// How many backends' names have no address; and the first of these, by name and port.
    var unresolvedCount: Int
    var unresolved: [String] = []

    init(_ roster: Roster, _ conditions: ServiceConditions, isDraining: Bool) {
        isFirstRound = roster.isFirstRound
        state = isDraining ? .draining : isFirstRound ? .starting : Self.state(roster.prospect, conditions)
        backendsUp = roster.targetsUp
        backendsUnchecked = roster.targetsUnchecked
        backends = roster.targetCount
        unresolvedCount = roster.targetsUnresolved
        // This looks at all backends: only where there are some to be found.
        guard unresolvedCount > 0 else { return }
        unresolved = roster.targets.lazy.filter { $0.address == nil }.prefix(Self.namesMax).map(\.name)
    }

    /// Clients that are closed count for more than clients that wait.
    private static func state(_ prospect: Prospect, _ conditions: ServiceConditions) -> ServiceState {
        switch prospect {
        case .noBackend: .noBackend
        case .starting: .starting
        case .unknown: .impaired
        case .served where conditions.contains(.cannotAccept) || conditions.contains(.cannotConnect): .impaired
        case .served where conditions.contains(.full): .full
        case .served: .serving
        }
    }

    /// The most names that ``status`` lists, so that it stays one line of a terminal.
    private static let namesMax = 3

    /// Names a backend without an address, because a misspelt name looks like any other backend that is down.
    var status: String {
        let unchecked = backendsUnchecked > 0 ? ", \(backendsUnchecked) of them not checked" : ""
        let status = "STATUS=\(state.rawValue): \(backendsUp) of \(backends) backends up" + unchecked
        guard !unresolved.isEmpty else { return status }
        let others = unresolvedCount - unresolved.count
        return status + "; no address: " + unresolved.joined(separator: ", ")
            + (others > 0 ? " and \(others) more" : "")
    }
}

/// The state of a loop, for the service manager.
struct LoopFacts {
    var roster: Roster
    var conditions: ServiceConditions
    var isDraining: Bool

    var service: ServiceFacts { ServiceFacts(roster, conditions, isDraining: isDraining) }
}
