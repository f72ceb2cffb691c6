import Reactor

// Commands of the operator and of other loops, draining and stopping.
extension BalancerLoop {
    /// Applies the commands that signals stand for, in this loop and in the others.
    mutating func handleSignals() {
        // SIGHUP begins look-ups.
        mayHaveNews = true
        while isRunning {
            let facts = facts
            guard let command = duties?.nextCommand(facts, &core, &journal) ?? nil else { return }
            seat?.board.give(command)
            apply(command)
        }
    }

    /// Another loop has changed the board: there is a new command, a free place, or something to publish.
    mutating func handleWake() {
        guard let seat else { return }
        seat.board.drainWaker(of: seat.loop)
        seat.board.markAlive(seat.loop)
        mayHaveNews = true
        apply(seat.board.command)
        stopIfDrained()
        guard isRunning else { return }
        if !requests.isEmpty { carryOutRequests() }
        targets.takeOffers()
        admission.placeFreed(isRunning: state == .running)
    }

    /// A stop includes the drain: it may have replaced that command before this loop read it.
    private mutating func apply(_ command: Board.Command) {
        if command != .run { drain() }
        if command == .stop { stop() }
    }

    /// Changes pools and backends while sessions live, between two turns; the other loops take the change over at the
    /// start of their next turn. Returns and throws what ``SharedRoster/apply(_:_:)`` does.
    mutating func change(_ change: RosterChange) throws(ConfigurationError) -> RosterChange.Subject? {
        guard let subject = try shared.roster.apply(change, targets.listening(admission.listeners)) else { return nil }
        seat?.wakeOthers()
        adoptRoster()
        core.endTurn()
        return subject
    }

    /// The state of the loop, for the service manager.
    var facts: LoopFacts {
        LoopFacts(roster: targets.roster, conditions: shared.conditions, isDraining: state != .running)
    }

    /// Stops accepting clients and probing; the loop stops when the last session has ended, or when the drain time is
    /// over.
    public mutating func drain() {
        guard state == .running else { return }
        // Between two turns, the last findings may not have been taken over.
        if isRosterNew { adoptRoster() }
        // Clients that were connected before: closing the listeners would reset them.
        sessions.connectsLeft = .max
        for listener in admission.startBacklogDrain() {
            accept(listener, admission.backlogShare(of: listener, configuration.limits))
        }
        state = .draining
        shared.beginDraining()
        let facts = facts
        let time = targets.roster.process.drain
        duties?.drain(facts, within: time, &core)
        // Of several loops the last one to drain logs it, for all.
        if seat?.board.beginDraining() ?? true {
            journal.log.draining(sessions: admission.sessionCount, atMost: time)
        }
        admission.close(&core)
        targets.stopWarm(&core)
        drainTimer.start(for: time, &core)
        stopIfDrained()
    }

    /// Stops at once and cuts the sessions that are left. Of several loops, ``LoopGroup`` logs the end.
    public mutating func stop() {
        guard isRunning else { return }
        let cut = cutSessions()
        if targets.hasOffers { wakeForPlaces() }
        mailbox?.close()
        if let seat {
            journal.log.flush()
            seat.board.end(seat.loop, cut: cut)
        } else {
            journal.log.stopped(cut: cut)
            journal.log.finish()
        }
    }

    /// Ends all sessions, each with its record; returns how many there were.
    mutating func cutSessions() -> Int {
        let cut = sessions.count
        state = .stopped
        for index in sessions.slab.indexRange where sessions.slab.isTaken(index) {
            journal.log.waitForSpace()
            settle(sessions.end(index, .cut, &targets, &core, &journal))
        }
        return cut
    }

    /// The loop with the duties of the process runs until the others have ended.
    mutating func stopIfDrained() {
        guard state == .draining, sessions.count == 0 else { return }
        if duties == nil || seat?.board.hasOnlyOneLoop ?? true { stop() }
    }
}
