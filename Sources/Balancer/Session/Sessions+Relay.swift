import Reactor

// From the first byte to the end.
extension Sessions {
    /// An event of the client's socket.
    mutating func clientReady(
        _ index: Int, _ readiness: Readiness, _ targets: inout Targets, _ core: inout LoopCore,
        _ journal: inout Journal
    ) -> Step {
        slab[index].link.client.note(readiness)
        switch slab[index].phase {
        case .connecting where readiness.isDisjoint(with: [.hangup, .error]):
            return .continues
        case .connecting where !relay.hasShare:
            queue(index)
            return .continues
        case .waiting: return waitingClientReady(index, readiness, &targets, &core, &journal)
        case .preface: return prefaceReady(index, &targets, &core, &journal)
        case .connecting:
            // A half-close does not end the session: the client's request may be on the way. A client that has closed
            // both directions ends it, unless it has sent something that a backend should get.
            let hasGone = slab[index].link.client.stream.isExhausted
            return hasGone ? end(index, .abandoned, &targets, &core, &journal) : .continues
        case .relaying, .lingering:
            return ready(index, &targets, &core, &journal)
        case .ended:
            preconditionFailure("an ended session has no place in the slab")
        }
    }

    /// An event of the backend's socket.
    mutating func backendReady(
        _ index: Int, _ readiness: Readiness, _ targets: inout Targets, _ core: inout LoopCore,
        _ journal: inout Journal
    ) -> Step {
        switch slab[index].phase {
        case .connecting where !relay.hasShare:
            queue(index)
            return .continues
        case .waiting, .preface:
            // What is still reported of the last attempt's socket is of nobody.
            return .continues
        case .connecting:
            return connectReady(index, readiness, &targets, &core, &journal)
        case .relaying, .lingering:
            slab[index].link.backend.note(readiness)
            return ready(index, &targets, &core, &journal)
        case .ended:
            preconditionFailure("an ended session has no place in the slab")
        }
    }

    /// A session that moves little is served at once; one in bulk takes its turn, and so does any other when the turn's
    /// share is used up. One that stands in a queue already has its turn.
    @inline(__always) mutating func ready(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        guard relay.hasShare, !slab[index].isQueued, !slab[index].link.isBulk else {
            queue(index)
            return .continues
        }
        return service(index, &targets, &core, &journal)
    }

    /// Goes on with a session for which a turn had no share. What was reported of sockets that are connecting is asked for
    /// again: it is not kept.
    mutating func goOn(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        guard !slab[index].isConnected else { return service(index, &targets, &core, &journal) }
        if slab[index].link.client.isUnsettled, slab[index].link.client.stream.hasLeft {
            return end(index, .abandoned, &targets, &core, &journal)
        }
        if slab[index].phase == .preface { return prefaceReady(index, &targets, &core, &journal) }
        guard slab[index].phase == .connecting else { return .continues }
        guard slab[index].link.backend.stream.isOpen else { return connectNext(index, &targets, &core, &journal) }
        guard !slab[index].isDrilled else { return .continues }
        let readiness = slab[index].link.backend.stream.readiness
        return readiness.isEmpty ? .continues : connectReady(index, readiness, &targets, &core, &journal)
    }

    /// The result of relaying a session's bytes.
    private enum Served {
        /// Nothing more can be done before the next event.
        case waits
        /// It has used up its share of the turn.
        case more
        case over
    }

    /// Relays what can be relayed, and ends the session when both directions are over.
    mutating func service(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        let served = Self.serve(&slab[index], &relay, &targets, &core, journal.cells, linger)
        if isTraced, served != .over { traceMoved(index, &targets, core.now) }
        switch served {
        case .waits:
            return .continues
        case .more:
            queue(index)
            return .continues
        case .over:
            return end(index, slab[index].link.isBroken ? .reset : .finished, &targets, &core, &journal)
        }
    }

    /// A function of one session, so that its place in the slab is looked up once.
    private static func serve(
        _ session: inout Session, _ relay: inout Relay, _ targets: inout Targets, _ core: inout LoopCore,
        _ all: CounterCells, _ linger: UInt64
    ) -> Served {
        if session.phase != .lingering { session.times.recordActivity(core.now) }
        let upBefore = session.link.upstream.delivered
        let downBefore = session.link.downstream.delivered
        let hasMore = relay.run(&session.link)
        let up = session.link.upstream.delivered &- upBefore
        let down = session.link.downstream.delivered &- downBefore
        if up | down != 0 {
            // Counted as they are delivered, not when the session ends: long sessions show while they last.
            all.add(up: up, down: down)
            targets.states[Int(session.target)].cells.add(up: up, down: down)
        }
        let isFirstEnd = session.recordFirstEnd()
        if session.link.isOver { return .over }
        if session.link.isOnlyDiscarding || session.link.isReset {
            if lingeringIsOver(&session, &relay, &core, linger) { return .over }
        } else if isFirstEnd {
            beginHalfClosed(&session, targets.states[Int(session.target)].timeouts, &core)
        }
        return hasMore ? .more : .waits
    }

    /// One side is gone. The other gets the bytes that are left for as long as its host acknowledges some of them. True
    /// when none are left.
    @inline(never) private static func lingeringIsOver(
        _ session: inout Session, _ relay: inout Relay, _ core: inout LoopCore, _ linger: UInt64
    ) -> Bool {
        if relay.finishDiscarding(&session.link) { return true }
        guard session.phase != .lingering else { return false }
        session.move(to: .lingering)
        _ = session.lookAtAcknowledged()
        core.timers.arm(
            session.timer, at: core.now.advanced(nanoseconds: SessionTimeouts.lingerCheck(0, limit: linger)))
        return false
    }

    /// One side has ended its direction, and the other goes on. Where that may take less time than the session may be
    /// idle, the timer looks earlier: once per session, and never at an event.
    @inline(never) private static func beginHalfClosed(
        _ session: inout Session, _ timeouts: SessionTimeouts, _ core: inout LoopCore
    ) {
        guard timeouts.halfClosed < timeouts.idle else { return }
        // The last activity is known to a tick.
        let end = core.now.advanced(nanoseconds: timeouts.halfClosed + SessionTimes.tickNanoseconds)
        core.timers.arm(session.timer, at: session.ageEnd(timeouts).map { min($0, end) } ?? end)
    }

    /// True when the host of the side that is left has acknowledged nothing for too long; otherwise the next check is due
    /// at a later time.
    static func lingersTooLong(
        _ session: inout Session, _ core: inout LoopCore, _ timeouts: SessionTimeouts, _ linger: UInt64
    ) -> Bool {
        if session.lookAtAcknowledged().hasProgressed { session.times.recordActivity(core.now) }
        let limit = timeouts.lingerLimit(linger, hasBytesForClient: session.link.mayDeliverToClient)
        let end = session.times.lastActive(now: core.now).advanced(nanoseconds: limit)
        guard end > core.now else { return true }
        session.lingerChecks = min(session.lingerChecks + 1, 100)
        let next = core.now.advanced(nanoseconds: SessionTimeouts.lingerCheck(session.lingerChecks, limit: limit))
        core.timers.arm(session.timer, at: min(next, end))
        return false
    }

    /// Looks after a session whose timer has expired: why it ends, or nil, and then the timer is armed again.
    ///
    /// A session ends when it is too old, or when nothing was relayed and no host has acknowledged anything for the idle
    /// timeout, or for the half-closed one where a side has ended its direction. The timer is not re-armed at each event;
    /// when it fires, the age of the last event decides. So an event costs one store.
    ///
    /// While bytes are unacknowledged, the timer looks four times per timeout: a slow reader causes no event for as long
    /// as the kernel's send buffer suffices. Such a session may end later than its timeout by the time between two
    /// checks; at the first, that is up to the timeout itself.
    mutating func check(_ index: Int, _ targets: inout Targets, _ core: inout LoopCore) -> EndReason? {
        let place = Int(slab[index].target)
        let timeouts = targets.states[place].timeouts
        let now = core.now
        let ageEnd = slab[index].ageEnd(timeouts)
        if let ageEnd, ageEnd <= now { return .sessionAge }
        // Its event has come, and only the turn's share was used up: events win over timers.
        if slab[index].isQueued { slab[index].times.recordActivity(now) }
        let (hasProgressed, unacknowledged) = slab[index].lookAtAcknowledged()
        let wasWatched = slab[index].isWatched
        if wasWatched, hasProgressed { slab[index].times.recordActivity(now) }
        let isHalfClosed = slab[index].firstEnd != nil && timeouts.halfClosed < timeouts.idle
        let limit = isHalfClosed ? timeouts.halfClosed : timeouts.idle
        var end = slab[index].times.lastActive(now: now).advanced(nanoseconds: limit)
        if end <= now {
            guard unacknowledged > 0, hasProgressed else { return isHalfClosed ? .halfClosed : .idle }
            // The progress was at some time since the last check.
            slab[index].times.recordActivity(now)
            end = now.advanced(nanoseconds: limit)
        }
        if !slab[index].hasBackendKeepalive {
            slab[index].hasBackendKeepalive = true
            if let keepalive = targets.states[place].keepalive {
                slab[index].link.backend.stream.setKeepalive(keepalive)
            }
        }
        slab[index].isWatched = unacknowledged > 0
        if unacknowledged > 0 {
            let next = now.advanced(nanoseconds: SessionTimeouts.idleCheck(limit: limit))
            // Nothing is known of acknowledgements since the last event: the first look is no verdict soon afterwards.
            end = wasWatched ? min(end, next) : next
        }
        core.timers.arm(slab[index].timer, at: ageEnd.map { min($0, end) } ?? end)
        return nil
    }
}
