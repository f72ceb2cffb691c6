import AdministrationAPI
import Reactor

/// The names of pools and backends by their ids, of one roster.
struct TargetNames: Sendable {
    /// A backend as lists name it.
    struct Target: Sendable {
        let name: String
        let pool: String
        let address: String?
        let policy: String
    }

    private var pools: [UInt32: (name: String, policy: String)] = [:]
    private var targets: [UInt32: Target] = [:]

    init(_ roster: Roster, _ departed: DepartedTargets) {
        for target in departed.targets {
            targets[target.id.rawValue] = Target(
                name: target.name, pool: target.pool, address: target.address, policy: "-")
        }
        for pool in roster.pools {
            pools[pool.id.rawValue] = (pool.name, pool.settings.policy.rawValue)
            for target in pool.targets {
                targets[target.id.rawValue] = Target(
                    name: target.name, pool: pool.name, address: target.address?.description,
                    policy: pool.settings.policy.rawValue)
            }
        }
    }

    /// A pool's name; nil of one that has left.
    func pool(_ id: UInt32) -> String? { pools[id]?.name }

    /// A pool's policy, as a file writes it.
    func policy(_ id: UInt32) -> String? { pools[id]?.policy }

    /// A backend; nil of one that has left.
    func target(_ id: UInt32) -> Target? { targets[id] }
}

extension AdministrationAPI.SessionRow {
    init(_ named: NamedFacts, _ names: TargetNames) {
        let facts = named.facts
        let end = facts.end?.time ?? named.now
        let target = names.target(facts.target)
        let (clientStall, backendStall) = (facts.trace.client.present(end), facts.trace.backend.present(end))
        self.init(
            id: SessionID(rawValue: facts.id).description, client: facts.client.text, listener: named.listener,
            pool: facts.pool == SessionFacts.none ? nil : names.pool(facts.pool) ?? target?.pool ?? "-",
            backend: facts.target == SessionFacts.none ? nil : target?.name ?? "-",
            backendAddress: target?.address, phase: facts.phase.name,
            ageSeconds: Inspector.seconds(end &- facts.accepted),
            idleSeconds: Inspector.seconds(end &- facts.lastActive),
            bytesUp: facts.bytesUp, bytesDown: facts.bytesDown,
            stalledBy: facts.trace.stalledBy,
            stalledSeconds: facts.trace.stalledBy == nil
                ? nil : Inspector.seconds(max(clientStall, backendStall)))
    }
}

extension ClientHost {
    /// The address and port; `unix` of a client that has none.
    var text: String { address.isUnix ? "unix" : address.description }
}

extension StallClock {
    /// How long the present stall had lasted at a moment; zero while there is none.
    func present(_ end: UInt64) -> UInt64 { isOn && end > since ? end - since : 0 }
}

extension SessionTrace {
    /// Who does not take the bytes that wait; nil when nobody is waited for.
    var stalledBy: String? {
        switch (client.isOn, backend.isOn) {
        case (false, false): nil
        case (true, false): Party.client.rawValue
        case (false, true): Party.backend.rawValue
        case (true, true): "both"
        }
    }
}

extension Session.Phase {
    /// In one word.
    var name: String {
        switch self {
        case .preface: "preface"
        case .connecting: "connecting"
        case .waiting: "waiting"
        case .relaying: "relaying"
        case .lingering: "lingering"
        case .ended: "ended"
        }
    }
}
