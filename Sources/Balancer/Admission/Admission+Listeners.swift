import Reactor

// Listeners that come, change and go.
extension Admission {
    // MARK: reload

    /// Lets the listeners that will be closed share their port (SO_REUSEPORT) with new ones that overlap with them, as
    /// `0.0.0.0:80` in place of `10.0.0.1:80` does. Returns the addresses of the new ones; empty when there are none.
    func share(inTheWayOf plan: ListenerPlan) -> Set<SocketAddress> {
        var joining: Set<SocketAddress> = []
        forEachInTheWay(of: plan) { index, addresses in
            do throws(SystemCallError) { try entrances[index].acceptor.listener.share() } catch { return }
            joining.formUnion(addresses)
        }
        return joining
    }

    /// The new ones could not be bound after all.
    func shareNoMore(_ plan: ListenerPlan) {
        forEachInTheWay(of: plan) { index, _ in entrances[index].acceptor.listener.shareNoMore() }
    }

    private func forEachInTheWay(of plan: ListenerPlan, _ body: (Int, [SocketAddress]) -> Void) {
        let gone = Set(plan.gone.map(\.id))
        for index in entrances.indexRange where entrances.isTaken(index) && gone.contains(entrances[index].id) {
            guard !entrances[index].acceptor.listener.isInherited else { continue }
            let own = entrances[index].acceptor.listener.address
            let overlapping = plan.new.map(\.settings.address).filter { $0.overlaps(own) }
            if !overlapping.isEmpty { body(index, overlapping) }
        }
    }

    /// Takes the listeners of a new roster over. Those that have left are closed, new ones are taken out of `bound`, and
    /// each has its pool's place. `backlog` is that of listeners without one. Returns the errors of new ones that the
    /// poller has no memory for; they are closed.
    mutating func adopt(
        _ listeners: [ListenerEntry], _ bound: consuming Slab<Entrance>, backlog: Int?,
        _ targets: borrowing Targets, _ core: inout LoopCore
    ) -> [SystemCallError] {
        var errors: [SystemCallError] = []
        let wanted = Dictionary(uniqueKeysWithValues: listeners.map { ($0.id, $0) })
        for index in entrances.indexRange where entrances.isTaken(index) {
            if let entry = wanted[entrances[index].id] {
                entrances[index].apply(entry.settings, backlog: backlog)
                limit(index, entry, core.now)
                entrances[index].pool = targets.place(of: entry.pool) ?? entrances[index].pool
            } else {
                close(index, core)
            }
        }
        for index in bound.indexRange where bound.isTaken(index) {
            var entrance = bound.remove(at: index)
            guard let entry = wanted[entrance.id] else { continue }
            entrance.apply(entry.settings, backlog: backlog)
            entrance.pool = targets.place(of: entry.pool) ?? 0
            // There is room: a configuration has at most Limits.listenersMax, and those that have left are closed.
            guard let place = entrances.insert(entrance).map({ Int($0.index) }) else { continue }
            do throws(SystemCallError) {
                try Self.add(place, of: entrances, to: core.poller)
            } catch {
                errors.append(error)
                close(place, core)
                continue
            }
            limit(place, entry, core.now)
        }
        _ = waiting.reserve(entrances.count)
        // The clients that waited may have been those of a listener that has gone.
        if full.isOn || shortage.isOn || hasFullListener { resume(at: core.now + Episode.quiet, &core) }
        return errors
    }

    /// Another limit on sessions; listeners that wait for a place go on when it allows them to.
    mutating func limit(_ sessionsMax: Int) {
        guard places.limit(sessionsMax) else { return }
        resume()
    }

    private mutating func close(_ index: Int, _ core: borrowing LoopCore) {
        if entrances[index].acceptor.isPaused, !entrances[index].isHeldBack { paused -= 1 }
        endPause(index, core.now)
        if entrances[index].full.isOn { goneWhileFull.append(entrances[index].name) }
        let entrance = entrances.remove(at: index)
        // Other processes have an inherited socket open, so closing our descriptor does not remove it from the poller.
        if entrance.acceptor.listener.isInherited { entrance.acceptor.listener.remove(from: core.poller) }
    }

    // MARK: the end

    /// The places of the listeners to empty before they are closed, since a close resets the waiting connections: all but
    /// `kept`. Those of inherited sockets stay in the queue for whoever listens there next. The share of a turn does not
    /// hold for that.
    mutating func startBacklogDrain(except kept: Set<ListenerID> = []) -> [Int] {
        (clientsLeft, attemptsLeft) = (.max, .max)
        var own: [Int] = []
        for index in entrances.indexRange where entrances.isTaken(index) {
            guard !entrances[index].acceptor.listener.isInherited, !kept.contains(entrances[index].id) else { continue }
            // Also at one that stands still after a shortage.
            let isHeldBack = entrances[index].isHeldBack
            if entrances[index].acceptor.resume(), !isHeldBack { paused -= 1 }
            entrances[index].acceptor.markReadable()
            entrances[index].haveWaited = true
            // Its clients would be reset: they count no more for its limit.
            entrances[index].limit(by: nil)
            entrances[index].isLeaving = true
            own.append(index)
        }
        return own
    }

    /// What may wait at a listener that is about to be closed.
    func backlogShare(of index: Int, _ limits: Limits) -> Share {
        var limits = limits
        if let own = entrances[index].backlog { limits.backlog = own }
        return .ofBacklog(limits)
    }

    /// Closes all listeners.
    mutating func close(_ core: inout LoopCore) {
        for index in entrances.indexRange where entrances.isTaken(index) { close(index, core) }
        core.timers.disarm(timer)
        timerEnd = nil
        // A wake-up for a free place is for another loop from now on.
        paused = 0
    }
}

extension SocketAddress {
    /// True when the kernel would not let two sockets listen at both: the same port, and the same address, or one that
    /// stands for all.
    fileprivate func overlaps(_ other: SocketAddress) -> Bool {
        guard !isUnix, !other.isUnix, port == other.port, port != 0 else { return false }
        return self == other || isWildcard || other.isWildcard
    }
}
