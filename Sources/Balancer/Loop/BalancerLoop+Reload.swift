import Glibc
import Reactor

// Requests of other threads, and configurations that are taken over while sessions live.
extension BalancerLoop {
    /// Takes what other threads have asked for, and carries it out as far as that is possible yet.
    mutating func handleRequests() {
        mayHaveNews = true
        requests += duties?.takeRequests() ?? []
        carryOutRequests()
    }

    /// Carries requests out in their order. One that comes after a reload waits until this loop has it; a further
    /// configuration, until all loops have it (``ReloadBarrier``).
    mutating func carryOutRequests() {
        while isRunning, let request = requests.first {
            if state == .running {
                guard targets.roster.reload == reloadsMade else { return }
                if case .configuration = request, !shared.barrier.hasPassed(reloadsMade) { return }
            }
            carryOut(requests.removeFirst())
        }
    }

    /// Carries one request out.
    mutating func carryOut(_ request: ControlRequest) {
        switch request {
        case .configuration(let wanted, let hangups, let answer):
            let result = apply(wanted)
            answer?(result)
            hangupsToAnswer += hangups
            // Otherwise when this loop has taken it over.
            if case .failure = result { endReload() }
        case .noConfiguration(let reason, let hangups):
            journal.log.reloadRefused(reason)
            hangupsToAnswer += hangups
            endReload()
        case .backends(let backends, let pool):
            replace(backends, ofPool: pool)
        case .undiscovered(let pool, let reason):
            journal.log.undiscovered(pool, reason)
            if let pool = targets.roster.pools.first(where: { $0.name == pool }) {
                duties?.prober.undiscovered(pool.id)
            }
        case .order(let order, let asker, let isDryRun, let answer):
            answer(carryOut(order, by: asker, isDryRun: isDryRun))
        case .killed(let count, let subject, let asker): journal.log.killed(count, subject, by: asker)
        case .reloadAsked(let asker): journal.log.reloadAsked(by: asker)
        case .remark(let text, let pool):
            journal.log.remark(text, ofPool: pool)
        }
    }

    /// A reload was refused, or this loop has taken it over: answers those who have waited, and goes on.
    mutating func endReload() {
        guard duties != nil else { return }
        mayHaveNews = true
        let (facts, hangups) = (facts, exchange(&hangupsToAnswer, with: 0))
        duties?.configurationHandled(hangups: hangups, facts, &core, &journal)
    }

    private mutating func apply(_ wanted: Configuration) -> Result<ReloadSummary, ReloadError> {
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
        do throws(SystemCallError) {
            try bind(plan, wanted)
            try Self.changeFiles(plan)
        } catch {
            // All that is there was bound for this reload: see ``ReloadBarrier``.
            for set in shared.bound { _ = set.take() }
            throw ReloadError(description: error.description)
        }
        let summary = shared.roster.reload(wanted, plan)
        reloadsMade += 1
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
            do throws(SystemCallError) {
                try BoundListeners.bind(plan, backlog: backlog, to: shared.bound, joining: joining)
            } catch {
                if seat == nil { admission.shareNoMore(plan) }
                throw error
            }
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
    mutating func adopt(_ latest: Roster) {
        let bound = shared.bound[seat?.loop ?? 0].take()
        defer { pass(latest.reload) }
        guard state == .running else { return targets.adopt(latest, &core, &journal) }
        let sessionsMax = latest.process.sessionsMax
        if sessionsMax > admission.places.max { admission.limit(sessionsMax) }
        sessions.connectsLeft = .max
        for listener in admission.startBacklogDrain(except: Set(latest.listeners.map(\.id))) {
            accept(listener, admission.backlogShare(of: listener, configuration.limits))
        }
        targets.adopt(latest, &core, &journal)
        let errors = admission.adopt(
            latest.listeners, bound, backlog: configuration.limits.backlog, targets, &core)
        countLimitedSessions()
        sessions.take(latest.listeners)
        for error in errors { journal.log.listenerLost(error) }
        admission.limit(sessionsMax)
        duties?.prober.set(ownAddresses: admission.addresses)
    }

    /// Listeners have a limit that had none before: counts the sessions that they have.
    mutating func countLimitedSessions() {
        for listener in admission.takeNewlyLimited() {
            let number = admission.nameNumber(of: listener, &sessions.listenerNames)
            let isAnew = admission.hasOtherPlaces(listener, number)
            admission.limit(
                listener, number, sessions: sessions.countForLimit(ofListener: number, alsoCounted: isAnew))
        }
    }

    /// This loop has a reload. The loop with the duties may wait for that.
    func pass(_ reload: UInt64) {
        shared.barrier.pass(seat?.loop ?? 0, reload)
        if duties == nil { seat?.wake(0) }
    }

    private mutating func replace(_ backends: [Configuration.Backend], ofPool name: String) {
        // It may have left, or have its backends from the file by now.
        guard let pool = targets.roster.pools.first(where: { $0.name == name }), pool.settings.isDiscovered else {
            return
        }
        if backends.isEmpty { duties?.prober.undiscovered(pool.id) }
        let (old, new) = (Set(pool.targets.map(\.name)), Set(backends.map(\.title)))
        do throws(ConfigurationError) {
            guard try change(.replace(backends, in: pool.id)) != nil else { return }
            journal.log.discovered(
                name, added: new.subtracting(old).count, removed: old.subtracting(new).count, now: new.count)
        } catch {
            journal.log.undiscovered(name, error.description)
        }
    }
}
