import Reactor

// Clients that wait for a place: every backend that may serve them has as many sessions as it may have.
extension Sessions {
    /// True for a client that has to stand behind others: it has not waited yet, and somebody waits for its pool.
    @inline(__always) mutating func hasToQueue(_ index: Int, _ targets: inout Targets) -> Bool {
        let pool = Int(slab[index].pool)
        return targets.pools[pool].hasQueue && slab[index].attempts == 0 && !slab[index].hasWaited
            && targets.pools[pool].shared.queue.count > 0 && targets.pools[pool].hasAnyUp
    }

    /// True when a backend would be picked for the session if it had a place.
    @inline(never) mutating func mayWait(_ index: Int, _ targets: inout Targets) -> Bool {
        let pool = Int(slab[index].pool)
        return targets.pools[pool].hasQueue && targets.lacksPlace(in: pool, besides: slab[index].tried)
    }

    /// The session stands at the end of its pool's queue, or ends when that is full. One that has waited already, and has met
    /// a backend that failed, or lost its place to another loop, stands at the front, and its time goes on.
    @inline(never) mutating func wait(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        let pool = Int(slab[index].pool)
        let token = Token(.session, slab.key(at: index))
        if slab[index].link.client.stream.isExhausted { return end(index, .abandoned, &targets, &core, &journal) }
        let hasWaited = slab[index].hasWaited
        guard let queue = targets.pools[pool].settings.queue,
            targets.enterQueue(of: pool, token: token, hasWaited: hasWaited, &core, &journal)
        else { return end(index, .queueFull, &targets, &core, &journal) }
        slab[index].move(to: .waiting)
        slab[index].hasWaited = true
        if !hasWaited { slab[index].times.recordWaiting(core.now) }
        // What is still reported of the last attempt's socket is of nobody.
        slab[index].lap &+= 1
        let last = targets.pools[pool].connectLimits.end(slab[index].times.accepted)
        core.timers.arm(slab[index].timer, at: min(slab[index].times.waiting + queue.timeout, last))
        return .continues
    }

    /// The next session of the pool's queue that may be connected now, which leaves the queue; nil when there is none.
    ///
    /// One that has tried a backend may have to let others pass: the place goes to the first that may have it.
    mutating func popWaiting(_ pool: Int, _ targets: inout Targets) -> Int? {
        guard connectsLeft > 0, targets.pools.isTaken(pool), targets.pools[pool].queue.count > 0 else { return nil }
        forgetThoseThatLeft(pool, &targets)
        for position in targets.pools[pool].queue.indices {
            let token = targets.pools[pool].queue[position]
            guard isWaiting(token) else { continue }
            let tried = slab[token.index].tried
            // Without the pool, or its queue, there is nothing to wait for.
            let isInVain = targets.pools[pool].hasLeft || targets.pools[pool].settings.queue == nil
            if isInVain || targets.hasPlace(in: pool, besides: tried) {
                targets.pools[pool].queue.remove(at: position)
                targets.leaveQueue(of: pool)
                slab[token.index].move(to: .connecting)
                return token.index
            }
            // One that has tried none finds none: so does everybody behind it.
            if tried.isEmpty { return nil }
        }
        return nil
    }

    private func isWaiting(_ token: Token) -> Bool {
        slab.contains(token.key) && slab[token.index].phase == .waiting
    }

    private mutating func forgetThoseThatLeft(_ pool: Int, _ targets: inout Targets) {
        while let token = targets.pools[pool].queue.front, !isWaiting(token) { targets.pools[pool].queue.popFront() }
        guard targets.pools[pool].queue.isMostlyGone else { return }
        var queue = targets.pools[pool].queue
        queue.keep { isWaiting($0) }
        targets.pools[pool].queue = queue
    }

    /// An event of a client that waits: one that has reset the connection or ended both directions has left, whatever it has
    /// sent before; one that has ended its direction without a byte waits for nothing.
    @inline(never) mutating func waitingClientReady(
        _ index: Int, _ readiness: Readiness, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        let hasGone =
            !readiness.isDisjoint(with: [.error, .hangup]) || slab[index].link.client.stream.isExhausted
        return hasGone ? end(index, .abandoned, &targets, &core, &journal) : .continues
    }

    /// The session waits no more.
    mutating func leaveQueue(_ index: Int, _ targets: inout Targets) {
        targets.leaveQueue(of: Int(slab[index].pool))
    }
}
