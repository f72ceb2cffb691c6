import AdministrationAPI
import Reactor

// What operators want changed while the balancer runs: carried out by the loop with the duties, for all loops.
extension BalancerLoop {
    /// Carries an order out, or says what it would change. The refusal names the remedy.
    mutating func carryOut(_ order: Order, by asker: String, isDryRun: Bool) -> Result<Change, Refusal> {
        guard state == .running else {
            return .failure(Refusal(error: "the balancer is about to end: nothing is changed"))
        }
        do throws(Refusal) {
            var change: Change
            switch order.subject {
            case .backend(let pool, let name):
                let (pool, target) = try find(name, in: pool)
                change = try carryOut(order, of: target, in: pool, by: asker, isDryRun: isDryRun)
            case .pool(let name):
                change = try add(order.action, to: try find(pool: name), by: asker, isDryRun: isDryRun)
            case .listener(let name): change = try carryOut(order, ofListener: name, by: asker, isDryRun: isDryRun)
            }
            change.isDryRun = isDryRun
            return .success(change)
        } catch {
            return .failure(error)
        }
    }

    // MARK: what it is about

    private func find(pool name: String) throws(Refusal) -> PoolEntry {
        if let pool = targets.roster.pools.first(where: { $0.name == name }) { return pool }
        throw Refusal(
            error: "no pool '\(name)': there are \(Self.names(targets.roster.pools.map(\.name)))",
            kind: .missing)
    }

    private func find(_ name: String, in pool: String) throws(Refusal) -> (PoolEntry, TargetEntry) {
        let pool = try find(pool: pool)
        if let target = pool.targets.first(where: { $0.name == name }) { return (pool, target) }
        throw Refusal(
            error: "no backend '\(name)' in pool '\(pool.name)': there are \(Self.names(pool.targets.map(\.name)))",
            kind: .missing)
    }

    /// The most names that a refusal lists.
    private static let namesMax = 10

    private static func names(_ names: [String]) -> String {
        let others = names.count - namesMax
        return names.prefix(namesMax).joined(separator: ", ") + (others > 0 ? " and \(others) more" : "")
    }

    // MARK: backends

    private mutating func carryOut(
        _ order: Order, of target: TargetEntry, in pool: PoolEntry, by asker: String, isDryRun: Bool
    ) throws(Refusal) -> Change {
        if case .remove = order.action { return try remove(target, of: pool, by: asker, isDryRun: isDryRun) }
        var steering = target.steering ?? TargetSteering()
        let end = order.time.map { core.monotonicNow + $0 }
        let figure: TargetSteering.Figure
        switch order.action {
        case .state(let state): (steering.state, steering.stateEnd, figure) = (state, end, .state)
        case .weight(let weight): (steering.weight, steering.weightEnd, figure) = (weight, end, .weight)
        case .sessionsMax(let most): (steering.sessionsMax, steering.sessionsMaxEnd, figure) = (most, end, .sessionsMax)
        case .add, .remove, .pause, .perClient:
            throw Refusal(error: "backend \(pool.name)/\(target.name): its state, weight or limit can be set")
        }
        steering.asker = asker
        var new = target
        new.steering = steering.isNothing ? nil : steering
        let change = Change(
            subject: "backend \(pool.name)/\(target.name)", old: target.summary(of: order.action),
            new: new.summary(of: order.action), sessions: target.counters.sessions, isDryRun: isDryRun,
            revertsSeconds: order.time.map(\.inSeconds), remarks: Self.remarks(on: new, in: pool, order.action))
        guard !isDryRun else { return change }
        try apply(.steer(target.id, new.steering))
        reversions.replace(.backend(target.id, figure, before: target.steering), at: end, &core)
        journal.log.steered(new.facts(in: pool.name), setting: figure.rawValue, change, by: asker)
        return change
    }

    private static func remarks(on target: TargetEntry, in pool: PoolEntry, _ wish: Order.Action) -> [String] {
        var remarks: [String] = []
        let others = pool.targets.contains { $0.id != target.id && $0.isCandidate }
        if target.weightNow == 0 || target.drill != .ready, !others {
            remarks.append("no other backend of pool \(pool.name) gets clients: new ones are closed")
        }
        if case .state(.ready) = wish, !target.isUp {
            remarks.append("its checks fail: it gets clients once they succeed")
        }
        return remarks
    }

    private mutating func remove(
        _ target: TargetEntry, of pool: PoolEntry, by asker: String, isDryRun: Bool
    ) throws(Refusal) -> Change {
        var change = Change(
            subject: "backend \(pool.name)/\(target.name)", old: target.stateWord, new: nil,
            sessions: target.counters.sessions, isDryRun: isDryRun)
        change.remarks.append(pool.settings.whenRemoved.consequence)
        guard !isDryRun else { return change }
        try apply(.remove(target.id))
        reversions.forget(target.id, &core)
        journal.log.removed(target.facts(in: pool.name), by: asker)
        return change
    }

    private mutating func add(
        _ wish: Order.Action, to pool: PoolEntry, by asker: String, isDryRun: Bool
    ) throws(Refusal) -> Change {
        guard case .add(let backend) = wish else {
            throw Refusal(error: "pool \(pool.name): only backends can be added")
        }
        let change = Change(
            subject: "backend \(pool.name)/\(backend.title)", old: nil, new: "weight \(backend.weight)", sessions: 0,
            isDryRun: isDryRun, remarks: ["a reload of a file that does not name it removes it again"])
        let wanted = RosterChange.add(backend, to: pool.id)
        guard !isDryRun else {
            do throws(ConfigurationError) {
                try wanted.check(targets.roster, targets.listening(admission.listeners))
            } catch {
                throw Refusal(error: error.description)
            }
            return change
        }
        try apply(wanted)
        journal.log.added(backend, to: pool.name, by: asker)
        return change
    }

    private mutating func apply(_ wanted: RosterChange) throws(Refusal) {
        do throws(ConfigurationError) {
            guard try change(wanted) != nil else {
                throw ConfigurationError("it has left meanwhile: look at the status again")
            }
        } catch {
            throw Refusal(error: error.description)
        }
        mayHaveNews = true
    }

    // MARK: listeners

    private mutating func carryOut(
        _ order: Order, ofListener name: String, by asker: String, isDryRun: Bool
    ) throws(Refusal) -> Change {
        guard let listener = targets.roster.listeners.first(where: { $0.settings.name == name }) else {
            var names: [String] = []
            for entry in targets.roster.listeners where !names.contains(entry.settings.name) {
                names.append(entry.settings.name)
            }
            throw Refusal(error: "no listener '\(name)': there are \(Self.names(names))", kind: .missing)
        }
        switch order.action {
        case .pause(let isPaused): return try pause(listener, isPaused, order.time, by: asker, isDryRun: isDryRun)
        case .perClient(let most): return try limit(listener, most, order.time, by: asker, isDryRun: isDryRun)
        default: throw Refusal(error: "listener \(name): it can be paused, resumed, and its per-client limit set")
        }
    }

    private mutating func pause(
        _ listener: ListenerEntry, _ isPaused: Bool, _ time: Duration?, by asker: String, isDryRun: Bool
    ) throws(Refusal) -> Change {
        let name = listener.settings.name
        let present = Reversions.Subject.listener(name, wasPaused: listener.isPaused)
        let end = reversions.lasting(present).wasPaused == isPaused ? nil : time
        var change = Change(
            subject: "listener \(name)", old: listener.isPaused ? "paused" : "open", new: isPaused ? "paused" : "open",
            sessions: listener.sessions, isDryRun: isDryRun, revertsSeconds: end.map(\.inSeconds))
        if isPaused { change.remarks.append("sessions go on; new clients wait in the kernel's queue until it is full") }
        guard !isDryRun else { return change }
        try apply(.pause(listener: name, isPaused))
        reversions.replace(present, at: end.map { core.monotonicNow + $0 }, &core)
        journal.log.steered(listener: name, change, by: asker)
        return change
    }

    private mutating func limit(
        _ listener: ListenerEntry, _ most: Int32?, _ time: Duration?, by asker: String, isDryRun: Bool
    ) throws(Refusal) -> Change {
        let name = listener.settings.name
        guard let rules = listener.rules, let configured = rules.perClient else {
            throw Refusal(
                error:
                    "listener \(name) counts no sessions of its clients: set limits.per_client.sessions in the file "
                    + "(a high one, if none is wanted), and reload it")
        }
        let change = Change(
            subject: "listener \(name)", old: Self.text(perClient: rules.standing.perClient(configured)),
            new: Self.text(perClient: most ?? configured.sessionsMax), sessions: listener.sessions, isDryRun: isDryRun,
            revertsSeconds: time.map(\.inSeconds), remarks: ["sessions beyond it go on"])
        guard !isDryRun else { return change }
        reversions.replace(
            .perClient(listener: name, before: rules.standing.perClientSteered),
            at: time.map { core.monotonicNow + $0 }, &core)
        rules.standing.limit(most, configured)
        journal.log.steered(listener: name, change, by: asker)
        return change
    }

    private static func text(perClient most: Int32?) -> String {
        most.map { "\($0) sessions per client" } ?? "no limit per client"
    }

    // MARK: what goes back

    /// The time of something that was set for a while is over.
    mutating func revert() {
        for subject in reversions.takeDue(&core) where state == .running {
            do throws(Refusal) { try revert(subject) } catch { continue }
        }
    }

    private mutating func revert(_ subject: Reversions.Subject) throws(Refusal) {
        switch subject {
        case .backend(let id, let figure, let before):
            for pool in targets.roster.pools {
                guard let position = pool.position(of: id), var steering = pool.targets[position].steering else {
                    continue
                }
                steering.revert(figure, to: before)
                var new = pool.targets[position]
                new.steering = steering.isNothing ? nil : steering
                try apply(.steer(id, new.steering))
                journal.log.reverted(new.facts(in: pool.name), setting: figure.rawValue, new.summary(of: figure))
            }
        case .listener(let name, let wasPaused):
            try apply(.pause(listener: name, wasPaused))
            journal.log.reverted(listener: name, wasPaused ? "paused" : "open")
        case .perClient(let name, let before):
            guard let rules = targets.roster.listeners.first(where: { $0.settings.name == name })?.rules,
                let configured = rules.perClient
            else { return }
            rules.standing.limit(before, configured)
            journal.log.reverted(listener: name, Self.text(perClient: before ?? configured.sessionsMax))
        }
    }
}

extension Duration {
    /// In seconds.
    fileprivate var inSeconds: Double { Double(wholeNanoseconds) / 1e9 }
}

extension TargetEntry {
    /// A figure as it is.
    fileprivate func summary(of figure: TargetSteering.Figure) -> String {
        switch figure {
        case .state: summary(of: .state(.ready))
        case .weight: summary(of: .weight(nil))
        case .sessionsMax: summary(of: .sessionsMax(nil))
        }
    }

    /// What an order changes, as it is.
    fileprivate func summary(of wish: Order.Action) -> String {
        switch wish {
        case .weight: "weight \(weightNow)" + (steeredPercent == 100 ? "" : " at \(steeredPercent)%")
        case .sessionsMax: sessionsMaxNow.map { "at most \($0) sessions" } ?? "no limit of sessions"
        default: stateWord
        }
    }

    /// What events name.
    fileprivate func facts(in pool: String) -> BackendFacts {
        BackendFacts(pool: pool, name: name, address: address, sessions: UInt64(counters.sessions))
    }
}

extension Configuration.WhenRemoved {
    /// What becomes of the sessions of a backend that is removed.
    fileprivate var consequence: String {
        switch self {
        case .keep: "its sessions go on until they end (when_removed: keep)"
        case .close: "its sessions are ended (when_removed: close)"
        case .drain(let time):
            "its sessions go on for at most \(time.wholeNanoseconds / 1_000_000_000) s (when_removed: drain)"
        }
    }
}
