import Reactor

// Backends come from the roster, and what was found out goes into it.
extension Prober {
    /// Takes over a revised roster: adds backends that are new in it, and removes those that have left it.
    ///
    /// Returns true when pools or backends have changed.
    @discardableResult mutating func adopt(_ core: inout LoopCore) -> Bool {
        let latest = shared.changeVersion
        guard latest != version else { return false }
        let roster = shared.current()
        version = latest
        guard !isStopped else { return true }
        firstRound.follow(roster)
        freezesWhenAllFail = roster.process.freezesWhenAllFail
        if !freezesWhenAllFail { isFrozen = false }
        var places = places
        var new: [(TargetEntry, PoolEntry)] = []
        for pool in roster.pools {
            for entry in pool.targets {
                if let index = places.removeValue(forKey: entry.id) {
                    follow(index, entry, &core)
                    if targets[index].differs(from: entry, of: pool) { renew(index, entry, of: pool, &core) }
                } else {
                    new.append((entry, pool))
                }
            }
        }
        for index in places.values { forget(index, &core) }
        for (entry, pool) in new {
            let rhythm = ProbeRhythm(entry.id, of: roster.targetCount, pool.settings.health)
            add(entry, of: pool, rhythm, due: rhythm.first(of: new.count, now: core.now), &core)
        }
        return true
    }

    @discardableResult private mutating func add(
        _ entry: TargetEntry, of pool: PoolEntry, _ rhythm: ProbeRhythm, due: Instant, _ core: inout LoopCore
    ) -> Int? {
        let timer = core.timers.add(Token(.probeTimer))
        let agentTimer = pool.settings.agent == nil ? nil : core.timers.add(Token(.probeTimer, lap: Self.agentLap))
        var target = ProbedTarget(entry, of: pool, rhythm: rhythm, timer: timer, agentTimer: agentTimer, due: due)
        target.isInFirstRound = !firstRound.isOver && (entry.isChecked || entry.address == nil)
        if target.isInFirstRound { firstRound.add() }
        guard let key = targets.insert(target) else {
            core.timers.remove(timer)
            if let agentTimer { core.timers.remove(agentTimer) }
            return nil
        }
        if entry.host != nil { nameCount += 1 }
        places[entry.id] = Int(key.index)
        core.timers.set(timer, Token(.probeTimer, key))
        core.timers.arm(timer, at: due)
        if let agentTimer {
            core.timers.set(agentTimer, Token(.probeTimer, key, lap: Self.agentLap))
            core.timers.arm(agentTimer, at: due)
        }
        return Int(key.index)
    }

    /// The address may have been changed by a ``RosterChange``, also to another one and back.
    private mutating func follow(_ index: Int, _ entry: TargetEntry, _ core: inout LoopCore) {
        if entry.probes != targets[index].published.probes {
            targets[index].published.probes = entry.probes
            note(index)
        }
        steer(index, entry.steering?.state ?? .ready, &core)
        guard entry.address != targets[index].published.address, let address = entry.address else { return }
        targets[index].published.address = address
        targets[index].published.boundSource = entry.boundSource
        targets[index].move(to: address)
        note(index)
        targets[index].announced = address
        targets[index].probe.abandon()
        targets[index].probe.due = core.now
        core.timers.arm(targets[index].probe.timer, at: core.now)
    }

    /// An operator has set another state: a probe under way says nothing of it any more, and the next one begins now.
    private mutating func steer(_ index: Int, _ state: TargetSteering.State, _ core: inout LoopCore) {
        guard targets[index].steered != state else { return }
        let was = exchange(&targets[index].steered, with: state)
        guard !isStopped else { return }
        if state == .maintain { noteForgotten(index) }
        if was == .maintain {
            // What was known of it is of before: its next check decides.
            targets[index].forget()
            note(index)
        }
        targets[index].probe.abandon()
        targets[index].probe.due = core.now
        core.timers.arm(targets[index].probe.timer, at: core.now)
    }

    /// The backend has another name, or its pool other checks or sources. It gets a new place, so that nothing that was
    /// asked for before is taken for an answer; what was found out stays.
    private mutating func renew(
        _ index: Int, _ entry: TargetEntry, of pool: PoolEntry, _ core: inout LoopCore
    ) {
        let isNameNew = targets[index].host != entry.host
        let wasChecked = targets[index].check.kind != .none
        let health = targets[index].health
        let standing = targets[index].standing
        let passive = targets[index].passive
        let interval = pool.settings.health.interval
        let rhythm = ProbeRhythm(entry.id, of: targets.count, pool.settings.health)
        // What was to be probed soon still is; otherwise the new interval begins.
        let isNow = isNameNew || !wasChecked || targets[index].probe.isUnderWay
        let due = isNow ? core.now : min(targets[index].probe.due, core.now + interval)
        forget(index, &core)
        guard let place = add(entry, of: pool, rhythm, due: due, &core) else { return }
        targets[place].isNameNew = isNameNew
        // An agent that there is no more says nothing.
        if targets[place].agent != nil { targets[place].standing = standing }
        if wasChecked, entry.isChecked { targets[place].health = health.with(pool.settings.health) }
        inherit(passive, at: place, &core)
        note(place)
    }

    /// The balancer listens at other addresses.
    mutating func set(ownAddresses: [OwnAddress]) { self.ownAddresses = ownAddresses }

    private mutating func forget(_ index: Int, _ core: inout LoopCore) {
        core.timers.remove(targets[index].probe.timer)
        if targets[index].agent != nil { core.timers.remove(targets[index].agentProbe.timer) }
        places[targets[index].id] = nil
        noteForgotten(index)
        if targets[index].host != nil { nameCount -= 1 }
        if targets[index].isBeingLookedUp { lookUpsUnderWay -= 1 }
        firstProbeEnded(index)
        _ = targets.remove(at: index)
    }

    /// The finding about a backend may be another than the roster has.
    mutating func note(_ index: Int) {
        guard !targets[index].isNoted else { return }
        targets[index].isNoted = true
        noted.append(index)
    }

    /// Ends a turn: writes new findings to the roster. True when the roster has changed, so that loops that sleep must
    /// be woken.
    mutating func publish(_ core: inout LoopCore, _ journal: inout Journal) -> Bool {
        turns.end()
        takeReports(&core, &journal)
        let endsFirstRound = !isStopped && firstRound.takeEnd(&core)
        let isNewlyFrozen = isFrozen != publishedFrozen
        publishedFrozen = isFrozen
        guard !noted.isEmpty || endsFirstRound || isNewlyFrozen else { return false }
        var findings: [(old: Finding, new: Finding)] = []
        for index in noted where targets.isTaken(index) && targets[index].isNoted {
            targets[index].isNoted = false
            let finding = targets[index].finding
            guard finding != targets[index].published else { continue }
            findings.append((targets[index].published, finding))
            targets[index].published = finding
        }
        noted.removeAll(keepingCapacity: true)
        guard !findings.isEmpty || endsFirstRound || isNewlyFrozen else { return false }
        shared.publish(findings, endsFirstRound: endsFirstRound, isFrozen: isFrozen)
        return true
    }

    /// The first probe of a backend has ended, with whatever result, or there will be none.
    mutating func firstProbeEnded(_ index: Int) {
        guard targets[index].isInFirstRound else { return }
        targets[index].isInFirstRound = false
        firstRound.remove()
    }

    /// The backends of a discovered pool could not be found out: the first round does not wait for them.
    mutating func undiscovered(_ pool: PoolID) { firstRound.giveUp(pool) }

    /// The time of the first round is over.
    mutating func firstRoundExpired() { firstRound.expire() }
}
