import Reactor

/// One change of the configured backends while the balancer runs.
enum RosterChange: Sendable {
    /// Adds a backend at the end of a pool.
    case add(Configuration.Backend, to: PoolID)
    /// Removes a backend: it gets no new sessions; existing ones continue, and its state is kept until the last has
    /// ended.
    case remove(TargetID)
    /// Changes a backend's address. Existing sessions stay at the old one.
    case move(TargetID, to: SocketAddress)
    /// Changes a backend's share relative to the others', 0 to ``Limits/weightMax``.
    case weigh(TargetID, Int32)
}

extension RosterChange {
    /// Throws an error that names the fault and the remedy, before anything is changed.
    ///
    /// `listening` has the addresses of the balancer's own listeners.
    func check(_ roster: Roster, listening: [SocketAddress]) throws(ConfigurationError) {
        switch self {
        case .add(let backend, _):
            guard roster.targetCount < Limits.backendsMax else {
                throw ConfigurationError("one more backend: at most \(Limits.backendsMax), remove one first")
            }
            try Self.check(backend.address, listening)
        case .move(_, let address):
            try Self.check(address, listening)
        case .weigh(_, let weight):
            guard (0...Limits.weightMax).contains(weight) else {
                throw ConfigurationError("weight \(weight): it must be 0 to \(Limits.weightMax)")
            }
        case .remove:
            break
        }
    }

    private static func check(
        _ address: SocketAddress?, _ listening: [SocketAddress]
    ) throws(ConfigurationError) {
        guard let address, listening.contains(where: { $0.receives(address) }) else { return }
        throw ConfigurationError(
            "backend \(address) is the balancer itself, which listens there: it would serve itself")
    }
}
