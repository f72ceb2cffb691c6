import Reactor

/// The pools and backends of one loop: the roster as the loop last took it over, and the loop's own state of each
/// backend.
///
/// ```
///                added to the roster                     removed from the roster, or moved
///   (not there) ---------------------> candidate ---------------------------------------------> has left
///                                          |                                                        |
///                    take: holds + 1       | drop: no session of it                                 | holds == 0
///                    release: holds - 1    v                                                        v
///                                       sessions                                               (not there)
/// ```
///
/// A session holds the place of each backend that it has tried until it is connected, and of the one it is on until it
/// ends. So a place is not reused while a session refers to it.
struct Targets: ~Copyable {
    private let shared: SharedRoster
    /// The revision that was taken over last.
    private(set) var roster: Roster
    private(set) var states: Slab<TargetState>
    private(set) var pools: Slab<PoolState>
    var warm: WarmSettings

    /// The loop's index, and the number of loops: where round robins start, and which counters are written.
    private let loop: Int
    private let loopCount: Int
    /// The lowest port that the kernel chooses for our connections.
    private let ephemeralPortMin = EphemeralPorts.lowest()

    init(
        _ shared: SharedRoster, loop: Int, of loopCount: Int, warmMax: Int, _ core: inout LoopCore
    ) {
        self.shared = shared
        self.loop = loop
        self.loopCount = loopCount
        roster = Roster(version: 0)
        let first = shared.current()
        states = Slab(capacity: Token.indexLimit, reserving: first.targetCount)
        pools = Slab(capacity: Limits.poolsMax, reserving: first.pools.count)
        warm = WarmSettings(max: warmMax, pools: first.pools, &core)
        for entry in first.pools {
            _ = pools.insert(PoolState(entry, share: Double(loop) / Double(loopCount)))
        }
        takeOver(first)
    }

    // MARK: the roster

    /// Takes the latest roster over, and ends the outages of pools that have a backend again.
    mutating func adopt(_ core: inout LoopCore, _ journal: inout Journal) {
        takeOver(shared.current())
        if !warm.isStopped { warm.checkNow(&core) }
        for pool in pools.indexRange where pools[pool].outage.isOn && pools[pool].hasAnyUp {
            if let count = pools[pool].outage.end(now: core.now, after: .zero) {
                journal.log.outageEnded(pool: pool, clients: count)
            }
        }
    }

    private mutating func takeOver(_ latest: Roster) {
        roster = latest
        for (pool, entry) in latest.pools.enumerated() {
            if hasSameCandidates(pool, entry) { update(pool, entry) } else { rebuild(pool, entry) }
        }
    }

    private func hasSameCandidates(_ pool: Int, _ entry: PoolEntry) -> Bool {
        guard pools[pool].candidates.count == entry.targets.count else { return false }
        return zip(pools[pool].candidates, entry.targets).allSatisfy { candidate, target in
            candidate.id == target.id && candidate.weight == target.weight
                && address(at: candidate.place) == target.address
        }
    }

    private func address(at place: Int32) -> SocketAddress? {
        place < 0 ? nil : states[Int(place)].address
    }

    /// Updates a pool in which only verdicts and sources may have changed.
    private mutating func update(_ pool: Int, _ entry: PoolEntry) {
        for (position, target) in entry.targets.enumerated() {
            let candidate = pools[pool].candidates[position]
            let hasChanged = candidate.isUp != target.isCandidate
            if hasChanged { pools[pool].note(position, isUp: target.isCandidate) }
            guard candidate.place >= 0 else { continue }
            let place = Int(candidate.place)
            if hasChanged { states[place].isSuspect = false }
            follow(place, target)
        }
    }

    /// Takes over the roster's entry of a backend whose address has not changed.
    private mutating func follow(_ place: Int, _ target: TargetEntry) {
        let isRightSource = states[place].boundSource == target.boundSource
        states[place].boundSource = target.boundSource
        // Warm connections have the wrong source address, or no session will need them.
        if !isRightSource || !target.isCandidate { dropWarm(place) }
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
                follow(Int(place), target)
            }
            var candidate = Candidate(
                id: target.id, place: place, weight: target.weight, isUp: target.isCandidate && place >= 0,
                scoreKey: Candidate.scoreKey(of: target.name))
            if stays {
                candidate.sessions = states[Int(place)].sessions
                candidate.isSuspect = states[Int(place)].isSuspect
            }
            candidates.append(candidate)
        }
        for gone in before.values where gone.place >= 0 { leave(Int(gone.place)) }
        pools[pool].replace(candidates)
    }

    private mutating func insert(_ target: TargetEntry, pool: Int, _ position: Int) -> Int32 {
        guard let address = target.address else { return -1 }
        let state = TargetState(
            target, at: address, pool: pool, position: position, isFollowed: pools[pool].followsSessions,
            warmMax: warm.max, loop: loop, ephemeralPortMin: ephemeralPortMin)
        // Limits.backendsMax is far below the slab's capacity: only removed backends that are still held could fill it.
        return states.insert(state)?.index ?? -1
    }

    private mutating func leave(_ place: Int) {
        dropWarm(place)
        states[place].position = -1
        if states[place].holds == 0 { _ = states.remove(at: place) }
    }

    // MARK: sessions

    /// Picks a backend that is up and not yet tried; nil when there is none.
    mutating func pick(from pool: Int, for request: borrowing PickRequest) -> Int? {
        guard let position = pools[pool].pick(for: request) else { return nil }
        return Int(pools[pool].candidates[position].place)
    }

    /// Assigns a session to the backend at `place`, which the session then holds.
    mutating func take(_ place: Int) {
        states[place].holds += 1
        states[place].sessions += 1
        states[place].cells.add(.connects)
        if states[place].isFollowed { pools[states[place].pool].take(states[place].position) }
    }

    /// A session has left the backend at `place`; it still holds the place.
    mutating func drop(_ place: Int) {
        states[place].sessions -= 1
        if states[place].isFollowed, !states[place].hasLeft {
            pools[states[place].pool].drop(states[place].position)
        }
    }

    /// Releases a session's hold on the place.
    mutating func release(_ place: Int) {
        states[place].holds -= 1
        if states[place].holds == 0, states[place].hasLeft { _ = states.remove(at: place) }
    }

    /// Records the result of a connect: `isSuspect` when it failed.
    mutating func note(_ place: Int, isSuspect: Bool) {
        states[place].isSuspect = isSuspect
        guard !states[place].hasLeft else { return }
        pools[states[place].pool].note(states[place].position, isSuspect: isSuspect)
    }

    /// Counts a client that was closed because no backend of the pool is up; true for the first.
    mutating func recordOutage(_ pool: Int, _ now: Instant) -> Bool {
        pools[pool].outage.add(now: now)
    }

    // MARK: warm connections

    /// How many connections are held ready.
    private(set) var warmCount = 0

    /// Closes the connections that are held ready for a backend.
    mutating func dropWarm(_ place: Int) {
        warmCount -= states[place].warm.count
        states[place].warm.dropAll()
    }

    /// Takes a connection that was held ready; the empty stream when there is none.
    mutating func takeWarm(_ place: Int, _ core: inout LoopCore) -> Stream {
        guard warm.max > 0 else { return .empty }
        warm.scheduleRefill(&core)
        let before = states[place].warm.count
        let stream = states[place].warm.take()
        warmCount -= before - states[place].warm.count
        return stream
    }

    /// Closes all warm connections in a shortage of this machine: they have no client yet, so they go before a client
    /// is turned away. True when there were any. At most one step per backend, and none when no connection is held.
    @discardableResult mutating func dropAllWarm() -> Bool {
        warm.isSuspended = true
        guard warmCount > 0 else { return false }
        for place in states.indexRange where states.isTaken(place) { dropWarm(place) }
        return true
    }

    /// The timer of ``WarmSettings`` has expired: closes what has ended, when that is due, and replaces what was taken.
    mutating func warmExpired(_ core: inout LoopCore) {
        let isRefresh = warm.expired(&core)
        for place in states.indexRange where states.isTaken(place) {
            if isRefresh {
                warmCount -= states[place].warm.count
                states[place].warm.refresh(now: core.monotonicNow)
                warmCount += states[place].warm.count
            }
            fillWarm(place, core.monotonicNow)
        }
    }

    /// Closes all warm connections, and makes no more.
    mutating func stopWarm(_ core: inout LoopCore) {
        dropAllWarm()
        warm.stop(&core)
    }

    private mutating func fillWarm(_ place: Int, _ now: Instant) {
        guard !warm.isSuspended, !states[place].hasLeft,
            pools[states[place].pool].candidates[states[place].position].isUp
        else { return }
        while states[place].warm.hasRoom {
            // A lack of descriptors is logged when it affects a session.
            guard let stream = try? Stream(for: states[place].address, from: states[place].boundSource) else { return }
            if case .failed = stream.connect(to: states[place].address) { return }
            states[place].warm.keep(stream, now: now)
            warmCount += 1
        }
    }
}
