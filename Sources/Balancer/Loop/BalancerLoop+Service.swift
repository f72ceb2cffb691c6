import Reactor

// What the service manager is told: sd_notify(3). Loop 0 does it, for the process.
extension BalancerLoop {
    /// The watchdog is told this many times in the time after which it bites: one that is late does no harm.
    private static let watchdogBeats = 3
    /// A manager without room for a word is asked again after this.
    private static let retryAfter: Duration = .milliseconds(50)

    /// Clients can come.
    mutating func tellReady() {
        tellService("READY=1")
        heartbeat()
    }

    /// No new clients. Sessions may go on for longer than the manager waits by itself for a process to end.
    mutating func tellStopping() {
        guard number == 0 else { return }
        let patience = configuration.timeouts.drain + .seconds(5)
        tellService("STOPPING=1\nEXTEND_TIMEOUT_USEC=\(patience.wholeNanoseconds / 1000)")
    }

    /// A backend has come or gone.
    mutating func tellHealth() {
        if number == 0 { tellService(nil) }
    }

    private mutating func tellService(_ state: String?) {
        guard service != nil else { return }
        let status = "STATUS=\(reportedState.rawValue): \(backendsUp) of \(backends.count) backends up"
        if let state { tellSurely("\(state)\n\(status)") } else { _ = service?.tell(status) }
    }

    /// What the manager waits for. Where it has no room, a moment later: a manager that starts many services is busy.
    private mutating func tellSurely(_ state: String) {
        guard service?.tellSurely(state) == false else { return }
        timers.wheel.arm(watchdogTimer, at: now + Self.retryAfter)
    }

    // MARK: watchdog

    /// Tells the manager that all loops turn; a loop that does not is a reason to say nothing. Before that, what it had
    /// no room for.
    mutating func heartbeat() {
        guard service?.retry() ?? true else {
            timers.wheel.arm(watchdogTimer, at: now + Self.retryAfter)
            return
        }
        guard let patience = service?.watchdogPatience() else { return }
        if board?.areAllAlive ?? true { _ = service?.tell("WATCHDOG=1") }
        board?.askWhoIsAlive()
        timers.wheel.arm(watchdogTimer, at: now + patience / Self.watchdogBeats)
    }

    // MARK: reload

    /// SIGHUP: the configuration is the command line's, which does not change; but where the names lead may have.
    mutating func reload() {
        guard state == .running else { return }
        tellSurely("RELOADING=1\nMONOTONIC_USEC=\(now.nanoseconds / 1000)")
        isReloading = true
        log.reloading(names: lookUpNames())
        endReload()
    }

    /// Tells the manager when the last name has been looked up.
    mutating func endReload() {
        guard isReloading else { return }
        var index = -1
        while let next = backends.index(after: index) {
            if backends[next].isBeingLookedUp { return }
            index = next
        }
        isReloading = false
        if state == .running { tellService("READY=1") }
    }
}
