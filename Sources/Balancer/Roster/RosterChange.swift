import Reactor

/// One change of the configured pools and backends while the balancer runs.
enum RosterChange: Sendable {
    /// Adds a pool. A listener can then be given to it.
    case addPool(Configuration.Pool)
    /// Removes a pool that no listener uses, with its backends.
    case removePool(PoolID)
    /// Adds a backend at the end of a pool.
    case add(Configuration.Backend, to: PoolID)
    /// Removes a backend: it gets no new sessions; existing ones continue, and its state is kept until the last has
    /// ended.
    case remove(TargetID)
    /// Changes a backend's address. Existing sessions stay at the old one.
    case move(TargetID, to: SocketAddress)
    /// Replaces the backends of a pool by these: one of the same name stays, as far as it is the same.
    case replace([Configuration.Backend], in: PoolID)
    /// Changes a backend's share relative to the others', 0 to ``Limits/weightMax``.
    case weigh(TargetID, Int32)
    /// Changes the most sessions that a backend gets; nil for no limit. Existing sessions beyond it continue.
    case limit(TargetID, Int32?)
    /// What an operator sets for a backend; nil for nothing.
    case steer(TargetID, TargetSteering?)
    /// A listener accepts nobody, or goes on.
    case pause(listener: String, Bool)

    /// What was changed.
    enum Subject: Hashable {
        case pool(PoolID)
        case target(TargetID)
        case listener(String)
    }

    /// A listener of the balancer, as far as a change must fit to it.
    struct Listening {
        let address: OwnAddress
        let pool: PoolID
    }
}

extension RosterChange {
    /// Throws an error that names the fault and the remedy, before anything is changed.
    func check(_ roster: Roster, _ listeners: [Listening]) throws(ConfigurationError) {
        switch self {
        case .addPool(let pool):
            try checkNew(pool, roster, listeners)
        case .removePool(let id):
            if let user = roster.listeners.compactMap(\.rules).first(where: { $0.leads(to: id) }) {
                throw ConfigurationError(
                    "a server name of listener '\(user.name)' leads to the pool: give it another one first")
            }
            guard let user = listeners.first(where: { $0.pool == id }) else { return }
            throw ConfigurationError(
                "listener \(user.address.address) uses the pool: give the listener another one first")
        case .add(let backend, let pool):
            try Self.checkCount(roster.targetCount + 1)
            let present = roster.pools.first { $0.id == pool }?.targets ?? []
            guard !present.contains(where: { $0.name == backend.title }) else {
                throw ConfigurationError("backend \(backend.title) is in the pool already: name each once")
            }
            try Self.check(backend, listeners)
        case .replace(let backends, let pool):
            let before = roster.pools.first { $0.id == pool }?.targets.count ?? 0
            try Self.checkCount(roster.targetCount - before + backends.count)
            for backend in backends { try Self.check(backend, listeners) }
        case .move(_, let address):
            try Self.check(address, listeners)
        case .weigh(_, let weight):
            try Configuration.Backend.check(weight: weight)
        case .limit(_, let sessionsMax?):
            guard (1...Int32(Limits.sessionsCeiling)).contains(sessionsMax) else {
                throw ConfigurationError("\(sessionsMax) sessions at most: it must be 1 to \(Limits.sessionsCeiling)")
            }
        case .remove, .limit(_, nil), .steer, .pause:
            break
        }
    }

    private func checkNew(
        _ pool: Configuration.Pool, _ roster: Roster, _ listeners: [Listening]
    ) throws(ConfigurationError) {
        guard roster.pools.count < Limits.poolsMax else {
            throw ConfigurationError("one more pool: at most \(Limits.poolsMax), remove one first")
        }
        guard !roster.pools.contains(where: { $0.name == pool.name }) else {
            throw ConfigurationError("there is a pool '\(pool.name)' already: each needs a name of its own")
        }
        try Self.checkCount(roster.targetCount + pool.backends.count)
        try pool.check()
        for backend in pool.backends { try Self.check(backend, listeners) }
    }

    private static func checkCount(_ count: Int) throws(ConfigurationError) {
        guard count > Limits.backendsMax else { return }
        throw ConfigurationError("\(count) backends: at most \(Limits.backendsMax), remove some first")
    }

    private static func check(
        _ backend: Configuration.Backend, _ listeners: [Listening]
    ) throws(ConfigurationError) {
        try backend.check()
        if let address = backend.address { try check(address, listeners) }
    }

    private static func check(_ address: SocketAddress, _ listeners: [Listening]) throws(ConfigurationError) {
        guard address.isUnix || address.port != 0 else {
            throw ConfigurationError("backend \(address): its port must be 1 to 65535")
        }
        guard !listeners.contains(where: { $0.address.receives(address) }) else {
            throw ConfigurationError(
                "backend \(address) is the balancer itself, which listens there: it would serve itself")
        }
    }
}
