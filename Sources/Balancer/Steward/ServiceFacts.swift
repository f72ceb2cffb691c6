import Glibc
import Reactor

/// The state that the service manager displays.
struct ServiceFacts {
    var state: StatusReport.Service
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
    private static func state(_ prospect: Prospect, _ conditions: ServiceConditions) -> StatusReport.Service {
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

/// The state of a loop, for the service manager and the status socket.
struct LoopFacts {
    var configuration: Configuration
    var roster: Roster
    var conditions: ServiceConditions
    /// Those of each loop.
    var turns: [TurnLengths]
    /// Backends of which the loop has more to say.
    var marks: [TargetID: TargetMark] = [:]
    /// Sessions of all loops.
    var sessions: Int
    var isDraining: Bool

    var service: ServiceFacts { ServiceFacts(roster, conditions, isDraining: isDraining) }
}

extension StatusReport {
    /// The state of a process, from the facts of one of its loops.
    init(_ facts: LoopFacts, _ turns: RecentTurns, uptime: Duration) {
        self.init(
            state: facts.service.state == .serving && facts.sessions >= facts.roster.process.sessionsMax
                ? .full : facts.service.state,
            backends: facts.roster.pools.flatMap { pool in
                pool.targets.map { BackendLine($0, facts.marks[$0.id], pool: pool.name) }
            },
            listeners: Self.listeners(of: facts.roster),
            routes: Self.routes(of: facts.roster),
            pools: facts.roster.pools.compactMap { PoolLine($0) },
            sessions: facts.sessions, sessionsMax: facts.roster.process.sessionsMax,
            threads: facts.configuration.threads, turns: turns, uptime: uptime, process: getpid())
    }
}

extension StatusReport {
    private static func listeners(of roster: Roster) -> [ListenerLine] {
        let pools = Dictionary(uniqueKeysWithValues: roster.pools.map { ($0.id, $0.name) })
        var seen: Set<String> = []
        return roster.listeners.map { listener in
            let isFirst = seen.insert(listener.settings.name).inserted
            let hasPool = listener.rules?.names?.closesOthers != true
            return ListenerLine(
                name: listener.settings.name, pool: hasPool ? pools[listener.pool] ?? "" : "-",
                address: listener.settings.address,
                load: listener.settings.sessionsMax.map { Load(sessions: listener.places.sessions, max: Int($0)) },
                refusals: isFirst ? listener.rules.map { .init($0.standing) } : nil)
        }
    }

    /// The routes of each listener's name, once.
    private static func routes(of roster: Roster) -> [RouteLine] {
        let pools = Dictionary(uniqueKeysWithValues: roster.pools.map { ($0.id, $0.name) })
        var seen: Set<String> = []
        return roster.listeners.compactMap(\.rules).filter { seen.insert($0.name).inserted }.flatMap { rules in
            (rules.names?.routes ?? []).map {
                RouteLine(
                    title: $0.title, listener: rules.name, pool: pools[$0.pool] ?? "-", clients: $0.count.value)
            }
        }
    }
}

extension StatusReport.ListenerLine.Refusals {
    init(_ standing: ListenerStanding) {
        self.init(
            denied: standing.denied.value, overLimit: standing.overLimit.value,
            waiting: standing.clients.counts.waiting,
            headersWrong: standing.headersWrong.value, namesWrong: standing.namesWrong.value)
    }
}

extension StatusReport.PoolLine {
    /// Nil for a pool that has neither a limit nor a queue.
    init?(_ pool: PoolEntry) {
        guard pool.settings.sessionsMax != nil || pool.settings.queue != nil || pool.isInPanic else { return nil }
        self.init(
            name: pool.name,
            load: pool.settings.sessionsMax.map {
                StatusReport.Load(sessions: Int(pool.shared.load.count), max: Int($0))
            },
            queue: pool.settings.queue.map { Queue(waiting: pool.shared.queue.count, max: $0.max) },
            isInPanic: pool.isInPanic)
    }
}

extension StatusReport.BackendLine {
    /// What the loop has to say counts for one that may get clients.
    init(_ target: TargetEntry, _ mark: TargetMark?, pool: String) {
        let health = StatusReport.Health(target)
        let mark = health == .down || health == .ejected ? nil : mark
        self.init(
            address: target.address, name: target.label ?? target.host?.host, health: health,
            pool: pool, title: target.name, weight: target.weight, isBackup: target.isBackup,
            sessions: target.counters.sessions, sessionsMax: target.sessionsMaxNow.map(Int.init),
            isSuspect: mark?.isSuspect ?? false, isDownByAgent: target.agent.isDown,
            isAgentSilent: target.agent.isSilent, agentPercent: target.agent.shareTold,
            slowStartPercent: mark?.percent.map(Int.init))
    }
}

extension StatusReport.Health {
    fileprivate init(_ target: TargetEntry) {
        if target.isEjected {
            self = .ejected
        } else if target.isUnchecked {
            self = .unchecked
        } else {
            self = target.isProven ? .up : target.isUntested ? .unknown : .down
        }
    }
}
