import Reactor

// From the request to stop to the last word.
extension BalancerLoop {
    /// SIGTERM and SIGINT: drain; once more: stop at once. SIGHUP is kept for reload.
    mutating func handleSignals() {
        while let signal = signals?.next() {
            switch signal {
            case .terminate, .interrupt:
                if state == .running { drain() } else { stop() }
            case .hangup:
                log.reloadIsReserved()
            case .windowChange:
                break
            }
        }
    }

    /// No new clients and no probes from now on; the loop stops when the last session has ended, or when the drain time
    /// is over.
    public mutating func drain() {
        guard state == .running else { return }
        acceptBacklog()
        state = .draining
        log.draining(sessions: sessions.count, atMost: configuration.timeouts.drain)
        var index = -1
        while let next = acceptors.index(after: index) {
            _ = acceptors.remove(at: next)
            index = next
        }
        index = -1
        while let next = backends.index(after: index) {
            backends[next].probe.stream = .empty
            backends[next].warm.dropAll()
            timers.wheel.disarm(backends[next].probe.timer)
            index = next
        }
        timers.wheel.disarm(admission.timer)
        timers.wheel.arm(drainTimer, at: now + configuration.timeouts.drain)
        stopIfDrained()
    }

    /// Those whose connection already stood when the request came would get a RST from the close of the listener.
    private mutating func acceptBacklog() {
        var index = -1
        while let next = acceptors.index(after: index) {
            index = next
            var shares = Int(Listener.backlogMax) / Limits.acceptsPerTurn
            acceptors[next].hasArrivals = true
            while shares > 0, acceptors[next].hasArrivals, !acceptors[next].isPaused {
                accept(next)
                shares -= 1
            }
        }
    }

    /// Stops now: what is still there is cut.
    public mutating func stop() {
        guard isRunning else { return }
        let cut = sessions.count
        state = .stopped
        var index = -1
        while let next = sessions.index(after: index) {
            log.makeRoom()
            finish(next, .cut)
            index = next
        }
        log.stopped(cut: cut)
        log.finish()
    }

    mutating func stopIfDrained() {
        if state == .draining, sessions.count == 0 { stop() }
    }
}
