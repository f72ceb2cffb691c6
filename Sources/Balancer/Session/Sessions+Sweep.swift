import Reactor

/// A walk past all sessions of a loop, in shares of a turn, since nobody keeps a list of a backend's sessions, which each of
/// them would have to be in. It ends those whose backend is to be left, and idle ones of backends that have too many, and
/// lets those look at the time whose timeouts may have become shorter.
///
/// It goes round once from where it was when something changed last (``TargetState/closing``, ``TargetState/surplus``,
/// ``TargetState/timeouts``).
struct SessionSweep {
    private var next = 0
    /// How many places there were when it began. A session that begins meanwhile at a further one is on no such backend,
    /// or has the search begin again when it is connected.
    private var places = 0
    /// How many places are still to be looked at.
    private var left = 0
    /// Timeouts have changed.
    private(set) var hasNewTimeouts = false
    private var looksLeft = 0
    private var closesLeft = 0

    /// True until all sessions were looked at.
    @inline(__always) var isOn: Bool { left > 0 }

    /// Deals out the share of a turn: before the first place that is looked at in it.
    mutating func beginTurn() {
        looksLeft = Limits.closeLooksPerTurn
        closesLeft = Limits.closesPerTurn
    }

    /// Something has changed; there are so many places.
    mutating func begin(places: Int, hasNewTimeouts: Bool) {
        // Those that the present round has passed are told of what has changed with it, once more.
        self.hasNewTimeouts = hasNewTimeouts || isOn && self.hasNewTimeouts
        self.places = places
        left = places
    }

    /// The next place; nil when all were looked at, or the turn's share is used up.
    mutating func nextPlace() -> Int? {
        guard left > 0, looksLeft > 0, closesLeft > 0 else { return nil }
        left -= 1
        looksLeft -= 1
        if next >= places { next = 0 }
        defer { next += 1 }
        return next
    }

    /// The session at the last place is ended.
    mutating func found() { closesLeft -= 1 }
}

extension Sessions {
    /// Backends were marked, or timeouts have changed: that reaches all sessions in this turn and the next ones.
    mutating func beginSweep(hasNewTimeouts: Bool = false) {
        sweep.begin(places: slab.indexRange.count, hasNewTimeouts: hasNewTimeouts)
    }

    /// The place of the next session whose backend is to be left, and why; nil when there is none, or none in this turn.
    /// One that is connecting is not yet the backend's, and one that lingers is about to end.
    mutating func nextToClose(_ targets: inout Targets, _ core: inout LoopCore) -> (index: Int, reason: EndReason)? {
        while let index = sweep.nextPlace() {
            guard slab.isTaken(index), slab[index].phase == .relaying else { continue }
            if let reason = targets.states[Int(slab[index].target)].closing {
                sweep.found()
                return (index, reason)
            }
            if targets.states[Int(slab[index].target)].surplus > 0, takeSurplus(index, &targets, core.now) {
                sweep.found()
                return (index, .rebalanced)
            }
            // Its timer finds out what the new timeouts mean for it: ``check(_:_:_:)``.
            if sweep.hasNewTimeouts { core.timers.arm(slab[index].timer, at: core.now) }
        }
        return nil
    }

    /// True when the session is one of those that a backend with too many can do without: it has been idle for as long as
    /// its pool says, and no byte of it is on its way here.
    private mutating func takeSurplus(_ index: Int, _ targets: inout Targets, _ now: Instant) -> Bool {
        let place = Int(slab[index].target)
        guard let rebalance = targets.pools[targets.states[place].pool].settings.rebalance,
            slab[index].times.lastActive(now: now) + rebalance.idle <= now, slab[index].link.isAtRest
        else { return false }
        targets.states[place].surplus -= 1
        return true
    }
}
