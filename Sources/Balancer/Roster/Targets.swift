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
    let shared: SharedRoster
    /// The revision that was taken over last.
    var roster: Roster
    var states: Slab<TargetState>
    var pools: Slab<PoolState>
    /// The place of each pool of the roster, in its order; -1 where there was none for it.
    var poolPlaces: [Int] = []
    var warm: WarmSettings
    /// How many connections are held ready.
    var warmCount = 0
    /// Backends of which something was found out since their connections were checked last.
    var unchecked: [Int] = []
    var removals: Removals
    var slowStarts: SlowStarts
    /// Expires when sessions of a pool are to be spread anew.
    let rebalanceTimer: TimerID
    /// Expires when the log may say that clients of pools find places again.
    let crowdTimer: TimerID
    /// Pools of which clients that wait in this loop may find a place now.
    var roomy: Set<Int> = []
    /// There are such pools, or loops to wake for theirs: what a turn looks at.
    var hasOffers = false
    /// One bit for each other loop whose clients may find a place.
    var loopsWithRoom: UInt64 = 0
    /// States that begin to start slowly, before their time is known.
    var returning: [Int] = []
    /// States whose sessions may go on for a while, before their time is known.
    var draining: [(place: Int, time: Duration)] = []
    /// A state was marked to be left since ``takeClosing()``.
    private var hasClosing = false
    /// Timeouts of sessions have changed since ``takeNewTimeouts()``.
    var hasNewTimeouts = false

    /// For policies that draw lots.
    let seed: UInt64
    /// The loop's index, and the number of loops: where round robins start, and which counters are written.
    let loop: Int
    let loopCount: Int
    /// The lowest port that the kernel chooses for our connections.
    let ephemeralPortMin = EphemeralPorts.lowest()

    init(
        _ shared: SharedRoster, loop: Int, of loopCount: Int, warmMax: Int, seed: UInt64 = 0, _ core: inout LoopCore
    ) {
        self.shared = shared
        self.seed = seed
        self.loop = loop
        self.loopCount = loopCount
        roster = Roster(version: 0)
        let first = shared.current()
        states = Slab(capacity: Token.indexLimit, reserving: first.targetCount)
        // More than Limits.poolsMax: some may have left the roster and be held by sessions, which have 16 bits for
        // them.
        pools = Slab(capacity: Int(UInt16.max), reserving: first.pools.count)
        removals = Removals(&core)
        slowStarts = SlowStarts(&core)
        rebalanceTimer = core.timers.add(Self.rebalanceToken)
        crowdTimer = core.timers.add(Self.crowdToken)
        warm = WarmSettings(max: warmMax, pools: first.pools, &core)
        roster = first
        _ = takeOver()
        planRebalances(&core)
    }

    // MARK: sessions that are to end

    mutating func close(_ place: Int, _ reason: EndReason) {
        states[place].closing = reason
        hasClosing = true
    }

    /// The verdict about a backend, which may have been the same before.
    mutating func judge(_ place: Int, isUp: Bool) {
        if isUp {
            states[place].closing = nil
        } else if states[place].closing == nil, pools[states[place].pool].settings.whenDown == .close {
            close(place, .backendDown)
        }
    }

    /// The time of removed backends' sessions is over.
    mutating func removalsExpired(_ core: inout LoopCore) {
        for removal in removals.takeDue(&core)
        where states.isTaken(removal.place) && states[removal.place].id == removal.id {
            close(removal.place, .backendRemoved)
        }
    }

    /// True when there are backends to be left by their sessions since the last call.
    mutating func takeClosing() -> Bool {
        defer { hasClosing = false }
        return hasClosing
    }

    /// True when timeouts of sessions that there are have changed since the last call.
    mutating func takeNewTimeouts() -> Bool {
        defer { hasNewTimeouts = false }
        return hasNewTimeouts
    }

    /// The listeners and their pools, by id, for a change to be checked with.
    func listening(_ listeners: [(address: OwnAddress, pool: Int)]) -> [RosterChange.Listening] {
        listeners.map { RosterChange.Listening(address: $0.address, pool: pools[$0.pool].id) }
    }

    // MARK: sessions

    /// A session that will pick from the pool at `pool`, whose place is kept until ``release(pool:)``.
    mutating func hold(pool: Int) { pools[pool].holds += 1 }

    /// A session that is connected, or has ended before.
    mutating func release(pool: Int) {
        pools[pool].holds -= 1
        if pools[pool].holds == 0, pools[pool].hasLeft { _ = pools.remove(at: pool) }
    }

    /// Picks a backend that is up and not yet tried; nil when there is none.
    mutating func pick(from pool: Int, for request: borrowing PickRequest, _ now: Instant) -> Int? {
        if pools[pool].isFull { return nil }
        if loopCount > 1, pools[pool].countsSessions { compareSome(pool) }
        var hasComparedAll = false
        while true {
            if let position = pools[pool].pick(for: request) {
                let place = Int(pools[pool].candidates[position].place)
                if states[place].suspicion.isDue(now) {
                    // Connects to it have no answer: others first, from now on.
                    note(place, isSuspect: true)
                    continue
                }
                let isLast = pools[pool].hasQueue && pools[pool].candidates[position].isSuspect
                return isLast && passesSuspects(in: pool, besides: request.tried) ? nil : place
            } else {
                guard loopCount > 1, pools[pool].hasLimits, !hasComparedAll else { return nil }
                hasComparedAll = true
                for position in pools[pool].candidates.indices { compare(pool, position) }
            }
        }
    }

    /// Assigns a session to the backend at `place`, which the session then holds. False when another loop has taken the
    /// last place there, or in its pool: the next pick leads elsewhere, or nowhere.
    mutating func take(_ place: Int) -> Bool {
        if states[place].isFollowed {
            let (pool, position) = (states[place].pool, states[place].position)
            let most = pools[pool].candidates[position].sessionsMax
            guard pools[pool].reserve() else { return false }
            guard let sessions = states[place].reserve(of: most) else {
                pools[pool].giveBack()
                pools[pool].set(position, sessions: most)
                // Another loop may have found the pool full meanwhile.
                if pools[pool].isCounted, pools[pool].shared.queue.count > 0 { offerPlace(of: pool) }
                return false
            }
            pools[pool].set(position, sessions: sessions)
        }
        states[place].holds += 1
        states[place].sessions += 1
        states[place].cells.add(.connects)
        return true
    }

    /// Looks how many sessions other loops have on some of the pool's backends. So a count is at most as old as it takes
    /// to pick ``Limits/loadsComparedPerPick``-th of the pool's number of backends; of those that this loop has sent a
    /// session to, or seen one leave, it is as of then.
    private mutating func compareSome(_ pool: Int) {
        for _ in 0..<Limits.loadsComparedPerPick {
            guard let position = pools[pool].positionToCompare() else { return }
            compare(pool, position)
        }
    }

    mutating func compare(_ pool: Int, _ position: Int) {
        let place = Int(pools[pool].candidates[position].place)
        guard place >= 0, states[place].isFollowed else { return }
        let load = states[place].load
        if pools[pool].candidates[position].sessions != load { pools[pool].set(position, sessions: load) }
    }

    /// A socket for a connection to the backend at `place`: see ``TargetState/makeStream()``.
    mutating func makeStream(to place: Int) throws(Errno) -> Stream { try states[place].makeStream() }

    /// A session has left the backend at `place`; it still holds the place.
    mutating func drop(_ place: Int) {
        states[place].sessions -= 1
        states[place].cells.add(.disconnects)
        guard states[place].isFollowed else { return }
        let load = states[place].giveBack()
        let pool = states[place].pool
        pools[pool].giveBack()
        pools[pool].set(states[place].position, sessions: load)
        if pools[pool].shared.queue.count > 0 { offerPlace(of: pool) }
    }

    /// Releases a session's hold on the place.
    mutating func release(_ place: Int) {
        states[place].holds -= 1
        if states[place].holds == 0, states[place].hasLeft { _ = states.remove(at: place) }
    }

    /// Records what a connect has shown: `isSuspect` when it failed, or has no answer (``Suspicion``). Connections that are
    /// held ready are then as doubtful as after a failed probe.
    mutating func note(_ place: Int, isSuspect: Bool) {
        if isSuspect { states[place].suspect() } else { states[place].suspicion.end() }
        mark(place)
        if isSuspect, warmCount > 0 { dropWarm(place) }
        guard !states[place].hasLeft else { return }
        let pool = states[place].pool
        pools[pool].note(states[place].position, isSuspect: isSuspect)
        if !isSuspect, pools[pool].queue.count > 0 { look(at: pool) }
    }

    /// A client has met a failure at the backend: a connect that failed, or a reset before the first byte.
    @inline(never) mutating func noteFailure(_ place: Int, _ journal: inout Journal) {
        guard !states[place].hasLeft, pools[states[place].pool].settings.passive != nil else { return }
        states[place].report(to: shared.failures)
        journal.noteReport()
    }
}
