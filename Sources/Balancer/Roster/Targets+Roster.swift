import Reactor

// A loop takes the roster over: what was found out, what has changed, and what a reload has made.
extension Targets {
    /// Takes the latest roster over, and ends the outages of pools that have a backend again. Where only findings are
    /// new, that costs what they are, and not what there are backends.
    ///
    /// Returns the roster that a reload has made, which the loop takes over together with its listeners; nothing has
    /// changed here then.
    @discardableResult mutating func adopt(_ core: inout LoopCore, _ journal: inout Journal) -> Roster? {
        switch shared.update(&roster) {
        case .found(let places):
            follow(places)
            if !warm.isStopped { warm.checkSome(&core) }
        case .changed: takeOver(&core, &journal)
        case .reloaded(let latest): return latest
        }
        endAdoption(&core, &journal)
        return nil
    }

    /// Takes over the roster that a reload has made.
    mutating func adopt(_ latest: Roster, _ core: inout LoopCore, _ journal: inout Journal) {
        roster = latest
        takeOver(&core, &journal)
        endAdoption(&core, &journal)
    }

    private mutating func takeOver(_ core: inout LoopCore, _ journal: inout Journal) {
        for pool in takeOver() {
            for (trouble, clients) in pool.troubles {
                journal.log.left(trouble, pool: pool.id, name: pool.name, clients: clients)
            }
        }
        if !warm.isStopped { warm.checkNow(&core) }
    }

    private mutating func endAdoption(_ core: inout LoopCore, _ journal: inout Journal) {
        for leaving in draining where states.isTaken(leaving.place) {
            removals.add(place: leaving.place, states[leaving.place].id, for: leaving.time, &core)
        }
        draining.removeAll()
        beginSlowStarts(&core)
        lookAtQueues()
        planRebalances(&core)
        for pool in pools.indexRange where pools.isTaken(pool) && pools[pool].troubles.isOn(.noBackend) {
            if pools[pool].hasAnyUp { endOutage(pool, core.now, &journal) }
        }
    }

    /// Returns the pools that left while clients were closed or waited, why, and how many.
    ///
    /// Pools of the first roster get the places of their order, which a configuration's listeners refer to.
    mutating func takeOver() -> [(id: PoolID, name: String, troubles: [(PoolTrouble, clients: Int)])] {
        let latest = roster
        var places: [PoolID: Int] = [:]
        for pool in pools.indexRange where pools.isTaken(pool) && !pools[pool].hasLeft { places[pools[pool].id] = pool }
        poolPlaces.removeAll(keepingCapacity: true)
        for entry in latest.pools {
            let pool = places.removeValue(forKey: entry.id) ?? insert(entry)
            poolPlaces.append(pool ?? -1)
            guard let pool else { continue }
            pools[pool].rank = entry.rank
            // Another policy has to be told of its candidates.
            let isSamePolicy = !pools[pool].settings.hasOtherPolicy(than: entry.settings)
            if pools[pool].settings != entry.settings { set(pool, entry.settings) }
            if isSamePolicy, hasSameCandidates(pool, entry) { update(pool, entry) } else { rebuild(pool, entry) }
        }
        return places.values.compactMap { pool in
            let left = (id: pools[pool].id, name: pools[pool].name, troubles: pools[pool].troubles.endAll())
            leave(pool: pool)
            return left.troubles.isEmpty ? nil : left
        }
    }

    /// Nil only when 65,535 pools that have left are held by sessions.
    private mutating func insert(_ entry: PoolEntry) -> Int? {
        (pools.insert(PoolState(entry, share: share, seed: seed &+ UInt64(loop), loop: loop))?.index).map(Int.init)
    }

    /// The pool has other settings; sessions have those of their backend's state from now on.
    private mutating func set(_ pool: Int, _ settings: PoolSettings) {
        let hasOtherSources = pools[pool].settings.sources != settings.sources
        if pools[pool].settings.timeouts != settings.timeouts { hasNewTimeouts = true }
        pools[pool].set(settings, share: share, seed: seed &+ UInt64(loop))
        var sessions: Int32 = 0
        for candidate in pools[pool].candidates where candidate.place >= 0 {
            sessions += states[Int(candidate.place)].sessions
        }
        pools[pool].count(settings.sessionsMax != nil, sessions: sessions)
        for candidate in pools[pool].candidates where candidate.place >= 0 {
            if hasOtherSources { dropWarm(Int(candidate.place)) }
            states[Int(candidate.place)].set(settings)
            if settings.proxy != nil { dropWarm(Int(candidate.place)) }
        }
    }

    /// Where this loop's policies start.
    private var share: Double { Double(loop) / Double(loopCount) }

    /// The place of the pool of an id; nil when it has none.
    func place(of id: PoolID) -> Int? {
        guard let position = roster.pools.position(where: { $0.id.rawValue }, is: id.rawValue),
            poolPlaces[position] >= 0
        else { return nil }
        return poolPlaces[position]
    }

    /// The backends leave with the pool; a session that is not connected yet finds none to try any more.
    private mutating func leave(pool: Int) {
        for candidate in pools[pool].candidates where candidate.place >= 0 {
            leave(Int(candidate.place), pools[pool].settings.whenRemoved)
        }
        pools[pool].replace([])
        pools[pool].hasLeft = true
        if pools[pool].holds == 0 { _ = pools.remove(at: pool) }
    }

    /// What lines of the log call a pool.
    func title(ofPool pool: Int) -> PoolTitle { PoolTitle(name: pools[pool].name, isOnly: roster.pools.count <= 1) }

    private func hasSameCandidates(_ pool: Int, _ entry: PoolEntry) -> Bool {
        guard pools[pool].candidates.count == entry.targets.count else { return false }
        return zip(pools[pool].candidates, entry.targets).allSatisfy { candidate, target in
            candidate.id == target.id && candidate.weight == target.weightNow && candidate.isBackup == target.isBackup
                && address(at: candidate.place) == target.address
        }
    }

    private func address(at place: Int32) -> SocketAddress? {
        place < 0 ? nil : states[Int(place)].address
    }

    /// Takes over what was found out about some backends: verdicts, sources, and addresses of names.
    private mutating func follow(_ places: [TargetPlace]) {
        var moved: [Int] = []
        var reweighed: [Int: Int] = [:]
        for found in places {
            let pool = poolPlaces[found.pool]
            guard pool >= 0 else { continue }
            let target = roster.pools[found.pool].targets[found.position]
            let isUp = roster.pools[found.pool].isCandidate(target)
            if pools[pool].rank != roster.pools[found.pool].rank {
                // Which rank has its turn depends on all of the pool's backends.
                pools[pool].rank = roster.pools[found.pool].rank
                switchRank(pool, roster.pools[found.pool])
            }
            if address(at: pools[pool].candidates[found.position].place) == target.address {
                update(pool, found.position, target, isUp: isUp)
            } else {
                move(pool, found.position, target, isUp: isUp)
                if !moved.contains(pool) { moved.append(pool) }
            }
            if pools[pool].candidates[found.position].weight != target.weightNow { reweighed[pool] = found.pool }
            let place = pools[pool].candidates[found.position].place
            if warm.max > 0, place >= 0 { unchecked.append(Int(place)) }
        }
        for pool in moved { pools[pool].candidatesChanged() }
        // An agent has said another share of a weight: policies are told as of a change.
        for (pool, place) in reweighed { rebuild(pool, roster.pools[place]) }
    }

    /// A backend has another address, or its first: it gets a new state, and the old one leaves.
    private mutating func move(_ pool: Int, _ position: Int, _ target: TargetEntry, isUp: Bool) {
        let old = pools[pool].candidates[position].place
        let place = insert(target, pool: pool, position)
        if old >= 0 { leave(Int(old), .keep) }
        if place >= 0 { startSlowly(Int(place), target, isUp: isUp) }
        pools[pool].set(position, candidate(target, at: place, isUp: isUp))
    }

    /// The last backend of a rank has gone down, or the first of a better one is up. One whose address has changed with the
    /// same revision is not looked at here: that follows.
    private mutating func switchRank(_ pool: Int, _ entry: PoolEntry) {
        for (position, target) in entry.targets.enumerated() {
            let (isUp, candidate) = (entry.isCandidate(target), pools[pool].candidates[position])
            guard candidate.isUp != isUp, address(at: candidate.place) == target.address else { continue }
            update(pool, position, target, isUp: isUp)
        }
    }

    /// Updates a pool in which only verdicts, sources and limits may have changed.
    private mutating func update(_ pool: Int, _ entry: PoolEntry) {
        for (position, target) in entry.targets.enumerated() {
            update(pool, position, target, isUp: entry.isCandidate(target))
        }
    }

    private mutating func update(_ pool: Int, _ position: Int, _ target: TargetEntry, isUp: Bool) {
        let candidate = pools[pool].candidates[position]
        let hasChanged = candidate.isUp != isUp
        if hasChanged { pools[pool].note(position, isUp: isUp) }
        guard candidate.place >= 0 else { return }
        let place = Int(candidate.place)
        if hasChanged { states[place].suspicion.end() }
        follow(place, target, isUp: isUp)
        pools[pool].note(position, isSuspect: states[place].suspicion.isOn)
        if pools[pool].grow(position, percent: states[place].percentNow) { pools[pool].candidatesChanged() }
        let most = target.sessionsMaxNow ?? .max
        if candidate.sessionsMax != most { pools[pool].limit(position, most, sessions: states[place].load) }
    }

    /// Takes over the roster's entry of a backend whose address has not changed.
    private mutating func follow(_ place: Int, _ target: TargetEntry, isUp: Bool) {
        let isRightSource = states[place].boundSource == target.boundSource
        let isDoubtful =
            states[place].probes.failureRuns != target.probes.failureRuns || target.probes.last != .succeeded
        states[place].probes = target.probes
        states[place].drill = target.drill
        states[place].steeredPercent = target.steeredPercent
        states[place].boundSource = target.boundSource
        states[place].follow(isFollowed(target, pool: states[place].pool))
        _ = states[place].suspicion.end(answered: target.probes.suspicionsAnswered)
        startSlowly(place, target, isUp: isUp)
        mark(place)
        judge(place, isUp: target.isUp)
        // Warm connections have the wrong source address, or no session will need them, or they may have ended without
        // a sign, as when the backend's host was reset.
        if !isRightSource || !isUp || isDoubtful || target.drill != .ready { dropWarm(place) }
    }

    /// One that is up after it was down or ejected, or for the first time since it has joined, starts slowly.
    private mutating func startSlowly(_ place: Int, _ target: TargetEntry, isUp: Bool) {
        guard isUp, states[place].comebacks != target.comebacks || states[place].isNew else { return }
        states[place].comebacks = target.comebacks
        states[place].isNew = false
        returning.append(place)
    }

    private func isFollowed(_ target: TargetEntry, pool: Int) -> Bool {
        target.sessionsMaxNow != nil || pools[pool].followsSessions || pools[pool].isCounted
    }

    /// Rebuilds a pool in which backends were added, removed, moved or given another weight.
    private mutating func rebuild(_ pool: Int, _ entry: PoolEntry) {
        var before = Dictionary(uniqueKeysWithValues: pools[pool].candidates.map { ($0.id, $0) })
        var candidates: [Candidate] = []
        candidates.reserveCapacity(entry.targets.count)
        for (position, target) in entry.targets.enumerated() {
            let old = before[target.id]
            let stays = old.map { $0.place >= 0 && address(at: $0.place) == target.address } ?? false
            let place = stays ? old?.place ?? -1 : insert(target, pool: pool, position)
            if stays {
                before[target.id] = nil
                states[Int(place)].position = position
                follow(Int(place), target, isUp: entry.isCandidate(target))
            }
            var candidate = candidate(target, at: place, isUp: entry.isCandidate(target))
            if place >= 0 { startSlowly(Int(place), target, isUp: entry.isCandidate(target)) }
            if stays {
                candidate.isSuspect = states[Int(place)].suspicion.isOn
            }
            if place >= 0 { candidate.percent = states[Int(place)].percentNow }
            candidates.append(candidate)
        }
        let whenRemoved = entry.settings.whenRemoved
        for gone in before.values where gone.place >= 0 {
            // One that has moved stays with its sessions.
            leave(Int(gone.place), entry.position(of: gone.id) == nil ? whenRemoved : .keep)
        }
        // The sessions of one that has moved count no more for it.
        for position in candidates.indices where candidates[position].place >= 0 {
            candidates[position].sessions = states[Int(candidates[position].place)].load
        }
        pools[pool].replace(candidates)
    }

    /// A backend for a policy.
    private func candidate(_ target: TargetEntry, at place: Int32, isUp: Bool) -> Candidate {
        var candidate = Candidate(
            id: target.id, place: place, weight: target.weightNow, isUp: isUp && place >= 0, isBackup: target.isBackup,
            scoreKey: Candidate.scoreKey(of: target.name))
        candidate.sessionsMax = target.sessionsMaxNow ?? .max
        if place >= 0 { candidate.sessions = states[Int(place)].load }
        return candidate
    }

    private mutating func insert(_ target: TargetEntry, pool: Int, _ position: Int) -> Int32 {
        guard let address = target.address else { return -1 }
        var state = TargetState(
            target, at: address, pool: pool, named: pools[pool].name, pools[pool].id, position: position,
            pools[pool].settings, warmMax: warm.max, loop: loop, ephemeralPortMin: ephemeralPortMin)
        state.follow(isFollowed(target, pool: pool))
        state.isNew = !roster.isFirstRound && !pools[pool].candidates.isEmpty
        // Limits.backendsMax is far below the slab's capacity: only removed backends that are still held could fill it.
        return states.insert(state)?.index ?? -1
    }

    private mutating func leave(_ place: Int, _ whenRemoved: Configuration.WhenRemoved) {
        dropWarm(place)
        let pool = states[place].pool
        pools[pool].giveBack(states[place].sessions)
        states[place].leave()
        // Its sessions count no more: for the clients of loops, too, that have taken the same roster over before.
        if pools[pool].shared.queue.count > 0 { offerPlace(of: pool) }
        guard states[place].holds > 0 else { return _ = states.remove(at: place) }
        switch whenRemoved {
        case .keep: break
        case .drain(let time): draining.append((place, time))
        case .close: close(place, .backendRemoved)
        }
    }
}
