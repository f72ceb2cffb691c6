import Reactor

// Clients that find no place: they wait in their pool's queue, or are closed.
extension Targets {
    // MARK: the queue of a pool

    /// A client of this loop stands at the end of the pool's queue, or at its front if it has waited already; false when the
    /// queue is full.
    mutating func enterQueue(
        of pool: Int, token: Token, hasWaited: Bool, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Bool {
        guard let queue = pools[pool].settings.queue else { return false }
        // One that comes back is not closed because others have come meanwhile.
        guard pools[pool].shared.queue.enter(atMost: hasWaited ? .max : queue.max) else {
            begin(.queueFull, of: pool, &core, &journal)
            return false
        }
        begin(.waiting, of: pool, &core, &journal)
        if pools[pool].queue.count == 0 { pools[pool].shared.queue.mark(loop) }
        if hasWaited { pools[pool].queue.prepend(token) } else { pools[pool].queue.append(token) }
        // A place may be free that those in front have no use for; or it became free before this loop was marked, and was
        // offered to nobody here.
        look(at: pool)
        return true
    }

    /// One of this loop's clients waits no more.
    mutating func leaveQueue(of pool: Int) {
        pools[pool].queue.leave()
        pools[pool].shared.queue.leave()
        if pools[pool].queue.count == 0 { pools[pool].shared.queue.unmark(loop) }
    }

    /// A place has become free: it is offered to the clients of one loop.
    @inline(never) mutating func offerPlace(of pool: Int) { note(offered: pools[pool].shared.queue.offer(), of: pool) }

    /// This loop has served those of its clients that a place was free for. What is still free is for another loop's.
    mutating func passPlaceOn(of pool: Int) {
        guard loopCount > 1, pools.isTaken(pool), pools[pool].shared.queue.count > pools[pool].queue.count,
            hasPlace(in: pool, besides: TriedTargets())
        else { return }
        note(offered: pools[pool].shared.queue.passOn(by: loop, of: loopCount), of: pool)
    }

    private mutating func note(offered next: Int?, of pool: Int) {
        guard let next else { return }
        if next == loop { roomy.insert(pool) } else { loopsWithRoom |= 1 << UInt64(next) }
        hasOffers = true
    }

    /// Clients of this loop that wait for the pool may find a place.
    mutating func look(at pool: Int) {
        roomy.insert(pool)
        hasOffers = true
    }

    /// The loops to wake, of whose clients some may find a place. The turn is over.
    mutating func takeLoopsWithRoom() -> UInt64 {
        hasOffers = !roomy.isEmpty
        return exchange(&loopsWithRoom, with: 0)
    }

    /// Another loop has woken this one: it may have offered places.
    mutating func takeOffers() {
        for pool in pools.indexRange where pools.isTaken(pool) && pools[pool].shared.queue.takeOffer(loop) {
            look(at: pool)
        }
    }

    /// Backends have changed: places may be free at any pool.
    mutating func lookAtQueues() {
        for pool in pools.indexRange where pools.isTaken(pool) && pools[pool].queue.count > 0 { look(at: pool) }
    }

    /// True when a backend has a place for a client that has tried these.
    mutating func hasPlace(in pool: Int, besides tried: TriedTargets) -> Bool {
        guard !pools[pool].isFull else { return false }
        if loopCount > 1 { for position in pools[pool].candidates.indices { compare(pool, position) } }
        let passesSuspects = passesSuspects(in: pool, besides: tried)
        return pools[pool].candidates.contains {
            $0.isAvailable && !tried.contains(Int($0.place)) && !(passesSuspects && $0.isSuspect)
        }
    }

    /// True when a client that has tried these should rather wait for a backend that only lacks a place than be sent to one
    /// that has just failed others: a queue must not be emptied into it. Checks end the suspicion, or time does without them.
    func passesSuspects(in pool: Int, besides tried: TriedTargets) -> Bool {
        pools[pool].hasQueue
            && pools[pool].candidates.contains {
                $0.isUp && $0.isFull && !$0.isSuspect && !tried.contains(Int($0.place))
            }
    }

    /// True when a client that has tried these would have a backend if more sessions were allowed.
    mutating func lacksPlace(in pool: Int, besides tried: TriedTargets) -> Bool {
        let isFull = pools[pool].isFull
        return pools[pool].candidates.contains {
            $0.isUp && (isFull || $0.isFull) && !tried.contains(Int($0.place))
        }
    }

    // MARK: what is told of it

    /// Counts and logs a client that is closed because no backend of the pool can be picked. Returns why.
    mutating func refuse(from pool: Int, _ core: inout LoopCore, _ journal: inout Journal) -> EndReason {
        guard !pools[pool].hasLeft else { return .noBackend }
        let isFull = pools[pool].hasAnyUp
        begin(isFull ? .backendsFull : .noBackend, of: pool, &core, &journal)
        return isFull ? .backendsFull : .noBackend
    }

    private mutating func begin(
        _ trouble: PoolTrouble, of pool: Int, _ core: inout LoopCore, _ journal: inout Journal
    ) {
        guard pools[pool].troubles.add(to: trouble, now: core.now) else { return }
        if trouble != .noBackend { core.timers.arm(crowdTimer, at: core.now + Episode.quiet) }
        journal.log.began(trouble, pool: pools[pool].id, title: title(ofPool: pool))
    }

    /// A client was connected: logs that none is closed for want of a place any more, and that none waits, when that is so.
    @inline(never) mutating func endCrowd(_ pool: Int, _ now: Instant, _ journal: inout Journal) {
        end(.backendsFull, of: pool, now, &journal)
        end(.queueFull, of: pool, now, &journal)
        if pools[pool].shared.queue.count == 0 { end(.waiting, of: pool, now, &journal) }
    }

    /// The timer has expired: the same for all pools, since there may be no client for long.
    mutating func endCrowds(_ core: inout LoopCore, _ journal: inout Journal) {
        var isLeft = false
        for pool in pools.indexRange where pools.isTaken(pool) && pools[pool].troubles.isCrowded {
            endCrowd(pool, core.now, &journal)
            if pools[pool].troubles.isCrowded { isLeft = true }
        }
        if isLeft { core.timers.arm(crowdTimer, at: core.now + Episode.quiet) }
    }

    /// Shares a kind with the timer of the process's drain, as ``rebalanceToken`` does.
    static let crowdToken = Token(.drainTimer, SlabKey(index: 4, generation: 0))

    /// True of the token of ``crowdTimer``.
    static func isCrowdToken(_ token: Token) -> Bool { token.index == crowdToken.index }

    /// Logs that a backend is up again.
    mutating func endOutage(_ pool: Int, _ now: Instant, _ journal: inout Journal) {
        end(.noBackend, of: pool, now, after: .zero, &journal)
    }

    private mutating func end(
        _ trouble: PoolTrouble, of pool: Int, _ now: Instant, after quiet: Duration = Episode.quiet,
        _ journal: inout Journal
    ) {
        guard let count = pools[pool].troubles.end(trouble, now: now, after: quiet) else { return }
        journal.log.ended(trouble, pool: pools[pool].id, title: title(ofPool: pool), clients: count)
    }
}
