import Reactor

// A loop among others: what it tells them and hears of them. Alone, it has no board.
extension BalancerLoop {
    /// Another loop has written something on the board.
    mutating func hearOthers() {
        guard let board else { return }
        board.drainWaker(of: number)
        board.noteAlive(number)
        takeSharedAddresses()
        if number == 0 {
            // A loop that cannot go on takes the process with it: not even the sessions here go on.
            if board.failure == nil { stopIfDrained() } else { stop() }
        } else {
            obey(board.command)
        }
        guard isRunning else { return }
        endOutages()
        // Woken for a free place. If nobody waits here any more, another may.
        if admission.paused > 0 { resumeAcceptors() } else { wake(board.places.nextWaitingForFree()) }
    }

    private mutating func obey(_ command: Board.Command) {
        switch command {
        case .run:
            break
        case .drain:
            drain()
        case .stop:
            // The command before may have passed unseen.
            drain()
            stop()
        }
    }

    /// Loop 0 passes on what the signals said.
    func tellOthers(_ command: Board.Command) {
        if number == 0 { board?.give(command) }
    }

    private func wake(_ loop: Int?) {
        if let loop { board?.wake(loop) }
    }

    // MARK: places

    /// True when one more client may be accepted; if not, a loop among others is woken when that changes.
    func reservePlace() -> Bool {
        guard let board else { return !sessions.isFull }
        repeat {
            if board.places.reserve() { return true }
        } while !board.places.wait(number)
        return false
    }

    /// Nobody was there for the place.
    mutating func giveUpPlace() {
        guard let board else { return }
        board.places.giveUp()
        wake(board.places.nextWaiting())
    }

    /// All places are sessions'.
    var isFull: Bool { board?.places.isOccupied ?? sessions.isFull }

    /// True when there may be room; if not, a loop among others is woken when there is.
    var hasRoom: Bool {
        guard let board else { return !sessions.isFull }
        return !board.places.isOccupied || !board.places.wait(number)
    }

    /// A session has ended: tells it, and lets those go on who wait for its place.
    mutating func placeFreed(_ record: SessionRecord) {
        guard let board else {
            let remaining = sessions.count
            log.sessionEnded(record) { remaining }
            return resumeAcceptors()
        }
        if log(tells: record) {
            // Counted with the log in hand: the numbers fall in the order of the lines.
            log.sessionEnded(record) { board.places.vacate() }
        } else {
            _ = board.places.vacate()
        }
        let next = board.places.nextWaiting()
        if next != number { wake(next) }
        // Its own turn; or it stands still for want of something else, which the session has given back.
        if admission.paused > 0, next == number || !board.places.isWaiting(number) { resumeAcceptors() }
    }

    private func log(tells record: SessionRecord) -> Bool {
        words.mode == .guide || words.mode == .sessions
    }

    // MARK: health

    /// The verdict about a backend: this loop's own, or that of the one that probes.
    func isUp(_ backend: Int) -> Bool {
        guard let board, number != 0 else { return backends[backend].isUp }
        return board.verdicts[backend].contains(.up) && backends[backend].addresses.isKnown
    }

    /// The address that a session's socket towards a backend is bound to; nil when none is needed.
    mutating func sourceForSessions(_ backend: Int) -> SocketAddress? {
        guard let board, number != 0 else { return backends[backend].source.forSessions }
        return board.verdicts[backend].contains(.sourceImplied) ? nil : backends[backend].source.wanted
    }

    /// Loop 0 passes on what its probe has found.
    func publishVerdict(_ backend: Int) {
        guard let board else { return }
        var verdict: Verdict = backends[backend].isUp ? .up : []
        if backends[backend].source.forSessions == nil { verdict.insert(.sourceImplied) }
        board.judge(backend, verdict)
    }

    /// Ends the outages of pools of which a member is up again: the loop that probes does it when it judges.
    private mutating func endOutages() {
        guard number != 0 else { return }
        for pool in pools.indices where pools[pool].outage.isOn {
            let isOver = pools[pool].members.contains { isUp(Int($0.index)) }
            if isOver, let count = pools[pool].outage.end(now: now, after: .zero) {
                log.outageEnded(pool: pool, clients: count)
            }
        }
    }
}
