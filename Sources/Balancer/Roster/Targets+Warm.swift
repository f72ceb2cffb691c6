import Reactor

// Connections that are held ready.
extension Targets {
    /// Closes the connections that are held ready for a backend.
    mutating func dropWarm(_ place: Int) {
        warmCount -= states[place].warm.count
        states[place].warm.dropAll()
    }

    /// Takes a connection that was held ready; the empty stream when there is none.
    mutating func takeWarm(_ place: Int, _ core: inout LoopCore) -> Stream {
        guard warm.max > 0, states[place].proxy == nil else { return .empty }
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
        let now = core.monotonicNow
        if warm.expired(&core) {
            for place in states.indexRange where states.isTaken(place) { refreshWarm(place, now) }
        } else {
            for place in unchecked where states.isTaken(place) { refreshWarm(place, now) }
        }
        unchecked.removeAll(keepingCapacity: true)
        var left = Limits.warmConnectsPerTurn
        for place in states.indexRange where left > 0 && states.isTaken(place) { fillWarm(place, now, &left) }
        if left == 0 { warm.scheduleRefill(&core) }
    }

    private mutating func refreshWarm(_ place: Int, _ now: Instant) {
        warmCount -= states[place].warm.count
        states[place].warm.refresh(now: now)
        warmCount += states[place].warm.count
    }

    /// Closes all warm connections, and makes no more.
    mutating func stopWarm(_ core: inout LoopCore) {
        dropAllWarm()
        warm.stop(&core)
    }

    private mutating func fillWarm(_ place: Int, _ now: Instant, _ left: inout Int) {
        // After a failed probe, and before the first, a connect may be lost in the network.
        // A backend that waits for a header takes one that is silent for broken.
        guard !warm.isSuspended, states[place].proxy == nil, states[place].probes.last == .succeeded,
            !states[place].hasLeft,
            pools[states[place].pool].candidates[states[place].position].isUp
        else { return }
        while left > 0, states[place].warm.hasRoom {
            left -= 1
            // A lack of descriptors is logged when it affects a session.
            guard let stream = try? states[place].makeStream() else { return }
            if case .failed = stream.connect(to: states[place].address) { return }
            states[place].warm.keep(stream, now: now)
            warmCount += 1
        }
    }
}
