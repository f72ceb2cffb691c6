import Glibc
import Reactor

// Requests of other threads, and configurations that are taken over while sessions live.
extension BalancerLoop {
    /// Carries out what other threads have asked for, in their order.
    mutating func handleRequests() {
        mayHaveNews = true
        for request in duties?.takeRequests() ?? [] {
            switch request {
            case .configuration(let wanted, let answer):
                let result = take(wanted)
                answer?(result)
                endReload()
            case .noConfiguration(let reason):
                journal.log.reloadRefused(reason)
                endReload()
            case .backends(let backends, let pool):
                replace(backends, ofPool: pool)
            case .undiscovered(let pool, let reason):
                journal.log.undiscovered(pool, reason)
            case .remark(let text, let pool):
                journal.log.remark(text, ofPool: pool)
            }
        }
    }

    private mutating func endReload() {
        let facts = facts
        duties?.configurationHandled(facts, &core, &journal)
    }

    private mutating func take(_ wanted: Configuration) -> Result<ReloadSummary, ReloadError> {
        do throws(ReloadError) {
            let summary = try reload(wanted)
            journal.log.reloaded(summary)
            return .success(summary)
        } catch {
            journal.log.reloadRefused(error.description)
            return .failure(error)
        }
    }

    /// Takes a configuration over, for all loops: each swaps at the start of its next turn. All of it is checked and all
    /// new listeners are bound before anything changes; on an error nothing has changed.
    mutating func reload(_ wanted: Configuration) throws(ReloadError) -> ReloadSummary {
        guard state == .running else { throw ReloadError(description: "the balancer is about to end") }
        try configuration.checkReload(wanted)
        let plan = shared.roster.planListeners(wanted)
        do throws(ConfigurationError) { try shared.roster.checkReload(wanted) } catch {
            throw ReloadError(description: error.description)
        }
        do throws(SystemCallError) {
            try bind(plan, wanted)
            try Self.changeFiles(plan)
        } catch {
            for set in shared.bound { _ = set.take() }
            throw ReloadError(description: error.description)
        }
        let summary = shared.roster.reload(wanted, plan)
        seat?.wakeOthers()
        return summary
    }

    private func bind(_ plan: ListenerPlan, _ wanted: Configuration) throws(SystemCallError) {
        let backlog = wanted.limits.backlog
        do throws(SystemCallError) {
            try BoundListeners.bind(plan, backlog: backlog, to: shared.bound)
        } catch {
            guard error.errno.rawValue == EADDRINUSE else { throw error }
            let joining = admission.share(inTheWayOf: plan)
            guard !joining.isEmpty else { throw error }
            try BoundListeners.bind(plan, backlog: backlog, to: shared.bound, joining: joining)
        }
    }

    /// Gives the files of Unix sockets that stay their new permissions and owners. When one cannot be changed, those that
    /// were are changed back.
    private static func changeFiles(_ plan: ListenerPlan) throws(SystemCallError) {
        for (position, change) in plan.changed.enumerated() {
            do throws(SystemCallError) {
                try change.new.changeFile(from: change.old)
            } catch {
                for done in plan.changed[...position].reversed() {
                    do throws(SystemCallError) { try done.old.changeFile(from: done.new) } catch { continue }
                }
                throw error
            }
        }
    }

    /// Takes over a roster that a reload has made: its listeners are others as well.
    ///
    /// The clients that wait at a listener that goes were there before: they are accepted, and go to its pool as it was. So
    /// that comes first.
    mutating func adoptReload() {
        // In this order: of a reload that comes meanwhile, the loop has the roster, and looks again in the next turn.
        reloadVersion = shared.roster.reloadVersion
        let latest = shared.roster.current()
        let bound = shared.bound[seat?.loop ?? 0].take()
        guard state == .running else { return targets.adopt(latest, &core, &journal) }
        sessions.connectsLeft = .max
        for listener in admission.startBacklogDrain(except: latest.listeners) {
            accept(listener, admission.backlogShare(of: listener, configuration.limits))
        }
        targets.adopt(latest, &core, &journal)
        let errors = admission.adopt(
            latest.listeners, bound, backlog: configuration.limits.backlog, targets, &core)
        for error in errors { journal.log.listenerLost(error) }
        admission.limit(latest.process.sessionsMax)
        duties?.prober.set(ownAddresses: admission.addresses)
    }

    private mutating func replace(_ backends: [Configuration.Backend], ofPool name: String) {
        guard let pool = targets.roster.pools.first(where: { $0.name == name }) else { return }
        do throws(ConfigurationError) {
            _ = try change(.replace(backends, in: pool.id))
        } catch {
            journal.log.undiscovered(name, error.description)
        }
    }
}

extension Configuration {
    /// Throws an error that names what of `wanted` is another than here and cannot change while the balancer runs.
    fileprivate func checkReload(_ wanted: Configuration) throws(ReloadError) {
        func check(_ isSame: Bool, _ key: String) throws(ReloadError) {
            guard !isSame else { return }
            throw ReloadError(
                description: "\(key) has changed, which takes a restart: change it back, or restart the balancer")
        }
        try check(threads == wanted.threads, "process.threads")
        try check(latency.busyPoll == wanted.latency.busyPoll, "process.busy_poll")
        try check(latency.fastOpen == wanted.latency.fastOpen, "process.fast_open")
        try check(latency.warmConnections == wanted.latency.warmConnections, "process.warm_connections")
        try check(status == wanted.status, "administration.socket")
        try check(log == wanted.log, "log")
    }
}
