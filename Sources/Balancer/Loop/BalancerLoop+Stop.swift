import Reactor

// From the request to stop to the last word.
extension BalancerLoop {
    /// SIGTERM and SIGINT: drain; once more: stop at once. SIGHUP: reload.
    mutating func handleSignals() {
        while let signal = signals?.next() {
            switch signal {
            case .terminate, .interrupt:
                if state == .running { drain() } else { stop() }
            case .hangup:
                reload()
            case .windowChange:
                break
            }
        }
    }

    /// No new clients and no probes from now on; the loop stops when the last session has ended, or when the drain time
    /// is over.
    public mutating func drain() {
        guard state == .running else { return }
        tellOthers(.drain)
        acceptBacklog()
        state = .draining
        tellStopping()
        tellDraining()
        var index = -1
        while let next = acceptors.index(after: index) {
            if acceptors[next].listener.isInherited { acceptors[next].listener.remove(from: poller) }
            _ = acceptors.remove(at: next)
            index = next
        }
        index = -1
        while let next = backends.index(after: index) {
            backends[next].probe.abandon()
            backends[next].warm.dropAll()
            timers.wheel.disarm(backends[next].probe.timer)
            index = next
        }
        timers.wheel.disarm(admission.timer)
        timers.wheel.disarm(refillTimer)
        timers.wheel.disarm(namesTimer)
        timers.wheel.arm(drainTimer, at: now + configuration.timeouts.drain)
        stopIfDrained()
    }

    /// Of several loops the last to begin tells it, for all.
    private mutating func tellDraining() {
        if let board, !board.beginDraining() { return }
        let count = board?.places.occupied ?? sessions.count
        log.draining(sessions: count, atMost: configuration.timeouts.drain)
    }

    /// Those whose connection already stood when the request came would get a RST from the close of the listener; at
    /// one that the service manager holds they wait for the next process.
    private mutating func acceptBacklog() {
        var index = -1
        while let next = acceptors.index(after: index) {
            index = next
            guard !acceptors[next].listener.isInherited else { continue }
            var shares = Int(Listener.backlogMax) / Limits.acceptsPerTurnMin
            acceptors[next].hasArrivals = true
            while shares > 0, acceptors[next].hasArrivals, !acceptors[next].isPaused {
                accept(next)
                shares -= 1
            }
        }
    }

    /// Stops now: what is still there is cut. Of several loops the group has the last word.
    public mutating func stop() {
        guard isRunning else { return }
        tellOthers(.stop)
        let cut = cutSessions()
        if let board {
            log.flush()
            board.end(number, cut: cut)
        } else {
            log.stopped(cut: cut)
            log.finish()
        }
    }

    /// Ends all sessions, each with its record; returns how many there were.
    mutating func cutSessions() -> Int {
        let cut = sessions.count
        state = .stopped
        var index = -1
        while let next = sessions.index(after: index) {
            log.makeRoom()
            finish(next, .cut)
            index = next
        }
        return cut
    }

    /// Loop 0 has the signals and the room on the outputs, so it stays until the others have ended.
    mutating func stopIfDrained() {
        guard state == .draining, sessions.count == 0 else { return }
        if let board, number == 0, !board.hasOnlyLoop0 { return }
        stop()
    }
}
