import AdministrationAPI

/// By what the backends are sorted.
public enum BackendSort: Int, CaseIterable, Sendable {
    /// As the configuration has them.
    case order
    /// Those that want to be looked at first.
    case state
    /// Sessions.
    case sessions
    /// New sessions in a second.
    case new
    /// Failed attempts to connect in a second.
    case failures
    /// Bytes to it in a second.
    case bytesUp
    /// Bytes from it in a second.
    case bytesDown
    /// The time of one connect in a hundred.
    case connect
    /// What has changed last comes first.
    case change

    /// The digit that chooses it.
    public var key: Character { Character("\(rawValue + 1)") }

    /// What a digit chooses; nil for other keys.
    init?(key: Character) {
        guard let number = key.wholeNumberValue, key.isASCII, let sort = Self(rawValue: number - 1) else { return nil }
        self = sort
    }

    /// True when `one` stands before `other`; those without the figure stand at the end.
    func isBefore(_ one: BackendRow, _ other: BackendRow) -> Bool {
        guard let (left, right) = figures(one, other) else { return false }
        return left > right
    }

    private func figures(_ one: BackendRow, _ other: BackendRow) -> (Double, Double)? {
        switch self {
        case .order: nil
        case .state: (Double(one.backend.severity), Double(other.backend.severity))
        case .sessions: (Double(one.backend.sessions), Double(other.backend.sessions))
        case .new: (one.flow?.sessions ?? -1, other.flow?.sessions ?? -1)
        case .failures: (one.flow?.failures ?? -1, other.flow?.failures ?? -1)
        case .bytesUp: (one.flow?.bytesUp ?? -1, other.flow?.bytesUp ?? -1)
        case .bytesDown: (one.flow?.bytesDown ?? -1, other.flow?.bytesDown ?? -1)
        case .connect: (one.backend.connectP99Seconds ?? -1, other.backend.connectP99Seconds ?? -1)
        case .change:
            (
                -(one.backend.changedSeconds ?? .greatestFiniteMagnitude),
                -(other.backend.changedSeconds ?? .greatestFiniteMagnitude)
            )
        }
    }
}

/// A backend, with what happens there in a second.
public struct BackendRow: Sendable {
    /// Which.
    public let reference: BackendReference
    /// What the balancer says of it.
    public let backend: Status.Backend
    /// Nil where there is nothing to compare with yet.
    public let flow: Rates.Flow?

    /// Letters of the filter stand in its names, its address, its state, or what is said beside it.
    func matches(_ filter: String) -> Bool {
        guard !filter.isEmpty else { return true }
        let filter = filter.lowercased()
        let texts = [reference.description, backend.address ?? "", backend.state, backend.note]
        return texts.contains { $0.lowercased().contains(filter) }
    }
}
