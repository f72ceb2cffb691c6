import Reactor

// The limits of listeners: those of one name share one, over all loops.
extension Admission {
    /// The loop, of one or of several.
    private var loop: Int { places.loop }

    // MARK: limits that come and change

    /// Takes over what the names of the listeners allow, that were bound at the start.
    mutating func limit(_ listeners: [ListenerEntry], _ now: Instant) {
        let entries = Dictionary(uniqueKeysWithValues: listeners.map { ($0.id, $0) })
        for index in entrances.indexRange where entrances.isTaken(index) {
            if let entry = entries[entrances[index].id] { limit(index, entry, now) }
        }
    }

    /// Takes over what the listener's name allows.
    mutating func limit(_ index: Int, _ entry: ListenerEntry, _ now: Instant) {
        entrances[index].counters = entry.counters
        hold(index, entry.isPaused, now)
        if entrances[index].rules !== entry.rules {
            entrances[index].set(entry.rules)
            // It may stand still for a rate that is another one now.
            resumeAll()
        }
        guard entry.settings.sessionsMax != nil else {
            if entrances[index].isLimited { lift(index) }
            return
        }
        entry.places.tryAnew(loop)
        if entrances[index].places !== entry.places { newlyLimited.append(index) }
        entrances[index].limit(by: entry.places)
        resumeAll()
    }

    /// Takes over which listeners an operator has paused.
    mutating func hold(_ listeners: [ListenerEntry], _ now: Instant) {
        let paused = Dictionary(uniqueKeysWithValues: listeners.map { ($0.id, $0.isPaused) })
        for index in entrances.indexRange where entrances.isTaken(index) {
            hold(index, paused[entrances[index].id] ?? false, now)
        }
    }

    /// One that is held is not among those that wait for a place: ``Admission/paused``.
    private mutating func hold(_ index: Int, _ isHeld: Bool, _ now: Instant) {
        guard isHeld != entrances[index].isHeld else { return }
        entrances[index].isHeld = isHeld
        guard !entrances[index].isLeaving else { return }
        if isHeld {
            if entrances[index].acceptor.isPaused { paused -= 1 }
            if entrances[index].pausedSince == nil { entrances[index].pausedSince = now }
        } else if entrances[index].acceptor.resume() {
            queue(index)
        } else {
            // Nobody came meanwhile.
            endPause(index, now)
        }
    }

    private mutating func lift(_ index: Int) {
        entrances[index].limit(by: nil)
        resumeAll()
    }

    /// The places of listeners that had no limit before: their sessions are to be counted.
    mutating func takeNewlyLimited() -> [Int] { exchange(&newlyLimited, with: []) }

    /// True when the sessions of this number, if any is counted, are counted in places of a listener that has left: one of the
    /// same name has come again.
    func hasOtherPlaces(_ index: Int, _ number: UInt16) -> Bool {
        guard Int(number) < limits.count, let former = limits[Int(number)] else { return false }
        return former !== entrances[index].places
    }

    /// The listener's name has this number, and so many sessions that were not counted in its places.
    mutating func limit(_ index: Int, _ number: UInt16, sessions: Int) {
        // No number, and no limit: 65,535 names of listeners have come and gone.
        guard number > 0 else { return entrances[index].limit(by: nil) }
        let place = Int(number)
        if place >= limits.count { limits += repeatElement(nil, count: place + 1 - limits.count) }
        limits[place] = entrances[index].places
        limits[place]?.add(sessions)
    }

    // MARK: places

    /// Reserves a place of the listener; without one it is paused until it is this loop's turn.
    @inline(never) mutating func reserveOwn(
        _ index: Int, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Bool {
        guard let own = entrances[index].places, !own.reserve(loop) else { return true }
        pause(index, core)
        guard entrances[index].acceptor.listener.hasWaiting, entrances[index].full.add(now: core.now) else {
            return false
        }
        hasFullListener = true
        journal.log.listenerFull(entrances[index].name, own.max)
        return false
    }

    /// No session has the reserved places.
    @inline(__always) mutating func giveUp(_ index: Int) {
        if entrances[index].isLimited { wake(entrances[index].places?.giveUp()) }
        places.giveUp()
    }

    /// A session that counted for a listener's limit has ended.
    mutating func placeFreed(ofListener number: UInt16) { wake(limits[Int(number)]?.vacate()) }

    /// The next loop has its turn. When it is this one, its listeners go on as after any session that has ended.
    private func wake(_ next: Int?) {
        if let next, next != loop { places.wake(next) }
    }

    // MARK: what is told of it

    /// Logs that listeners have room again, once none of their clients was kept waiting for ``Episode/quiet``.
    @inline(never) mutating func endListenerEpisodes(_ core: inout LoopCore, _ journal: inout Journal) {
        hasFullListener = false
        for name in exchange(&goneWhileFull, with: []) { journal.log.listenerNotFull(name) }
        for index in entrances.indexRange where entrances.isTaken(index) && entrances[index].full.isOn {
            if entrances[index].full.end(now: core.now) != nil {
                journal.log.listenerNotFull(entrances[index].name)
            } else {
                hasFullListener = true
            }
        }
    }
}
