import Reactor

// Admission: from a client that knocks to a session that looks for its backend.
extension BalancerLoop {
    /// Accepts who is waiting at a listener, up to its share of the turn.
    mutating func accept(_ index: Int) {
        guard acceptors[index].hasArrivals, !acceptors[index].isPaused else { return }
        var admitted = 0
        let share = acceptShare
        for _ in 0..<Limits.acceptsPerTurn where admitted < share {
            guard reservePlace() else { return pauseWhileFull(index) }
            switch acceptors[index].listener.accept() {
            case .accepted(let stream, let address):
                admit(stream, address, at: index)
                admitted += 1
            case .wouldBlock:
                acceptors[index].hasArrivals = false
                giveUpPlace()
                endEpisodes()
                return
            case .aborted:
                // That one has left already, or a network error is passed on (accept(2)); the next may be well.
                giveUpPlace()
            case .exhausted(let errno):
                giveUpPlace()
                return turnAway(index, errno)
            }
        }
        // Nothing but failures, so many of them, is no accident (a security module that forbids it, say): do not spin
        // on it.
        if admitted == 0 { pauseForAMoment(index) } else { queueAcceptor(index) }
    }

    /// How many may be accepted in this turn: in proportion to what else is going on.
    private var acceptShare: Int {
        min(max(Limits.acceptsPerTurnMin, events.count / Limits.eventsPerAccept), Limits.acceptsPerTurn)
    }

    private mutating func admit(_ client: consuming Stream, _ address: SocketAddress, at index: Int) {
        // Room was looked for before the accept; there is a timer for each session.
        let timer = timers.wheel.add(Token(.session))
        guard
            let session = sessions.insert(
                Session(
                    client: client, address: address, pool: acceptors[index].pool, timer: timer,
                    now: now))
        else {
            timers.wheel.remove(timer)
            return giveUpPlace()
        }
        board?.places.occupy()
        timers.wheel.set(timer, Token(.session, session))
        let place = Int(session.index)
        if case .ipv6(let high, let low, let scope, _) = address {
            ipv6Hosts.set(IPv6Host(high: high, low: low, scope: scope), at: place)
        }
        if let errno = sessions[place].client.stream.add(to: poller, Token(.client, session)) {
            sessions[place].connectFailure = errno
            return finish(place, .shortage)
        }
        connectNext(place)
    }

    // MARK: pauses

    /// All sessions are taken: the next clients wait in the kernel's backlog until one ends.
    private mutating func pauseWhileFull(_ index: Int) {
        pause(index)
        guard acceptors[index].listener.hasWaiting else { return }
        if isFull {
            noteWaiting(index)
        } else {
            // The last place is reserved by another loop, which may or may not make a session of it: look again.
            timers.wheel.arm(admission.timer, at: now + Admission.pauseAfterShortage)
        }
    }

    /// Somebody is waiting at a listener that stands still.
    mutating func noteWaiting(_ index: Int) {
        guard isFull else { return }
        if admission.full.add(now: now) { log.sessionsFull(sessions.capacity) }
    }

    /// There is no descriptor, or no memory, for a client. The reserve lets those who are waiting be told by a close;
    /// then the listener stands still until a session ends or a moment has passed.
    private mutating func turnAway(_ index: Int, _ errno: Errno) {
        dropAllWarm()
        let count = errno.isOutOfDescriptors ? acceptors[index].turnAway(with: &admission.reserve) : 0
        if admission.shortage.add(count, now: now) { log.shortageBegan(errno) }
        pauseForAMoment(index)
    }

    private mutating func pauseForAMoment(_ index: Int) {
        pause(index)
        timers.wheel.arm(admission.timer, at: now + Admission.pauseAfterShortage)
    }

    private mutating func pause(_ index: Int) {
        guard !acceptors[index].isPaused else { return }
        acceptors[index].isPaused = true
        admission.paused += 1
    }

    /// Lets the paused listeners go on: a session has ended, or the pause after a shortage is over.
    mutating func resumeAcceptors() {
        guard admission.paused > 0, state == .running, hasRoom else { return }
        admission.paused = 0
        var index = -1
        while let next = acceptors.index(after: index) {
            index = next
            guard acceptors[next].isPaused else { continue }
            acceptors[next].isPaused = false
            queueAcceptor(next)
        }
    }

    /// Tells the end of a trouble, once nobody is waiting and nobody was hit for a while.
    mutating func endEpisodes() {
        // While a listener stands still its end is not known; it will be asked again when it goes on.
        guard admission.paused == 0 else { return }
        if admission.full.end(now: now) != nil { log.sessionsNotFull() }
        if let count = admission.shortage.end(now: now) { log.shortageEnded(clients: count) }
        guard admission.full.isOn || admission.shortage.isOn else { return }
        timers.wheel.arm(admission.timer, at: now + Episode.quiet)
    }

    private mutating func queueAcceptor(_ index: Int) {
        guard !acceptors[index].isQueued else { return }
        acceptors[index].isQueued = true
        ready.append(Token(.acceptor, acceptors.key(at: index)))
    }
}
