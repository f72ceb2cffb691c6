import Reactor

// Idle sessions of backends that have too many end, so that those which have come back get some: ``Configuration/Rebalance``.
//
// Each loop looks at its own sessions. Clients come to the loops without regard to their backends, so what is even in each
// loop is even in all.
extension Targets {
    /// Shares a kind with the timer of the process's drain, as those of ``Removals`` and ``SlowStarts`` do.
    static let rebalanceToken = Token(.drainTimer, SlabKey(index: 3, generation: 0))

    /// True of the token of ``rebalanceTimer``.
    static func isRebalanceToken(_ token: Token) -> Bool { token.index == rebalanceToken.index }

    /// Pools have come, or have other settings.
    mutating func planRebalances(_ core: inout LoopCore) {
        for pool in pools.indexRange where pools.isTaken(pool) {
            guard let rebalance = pools[pool].settings.rebalance, !pools[pool].hasLeft else {
                pools[pool].rebalancesAt = nil
                continue
            }
            let latest = core.now + rebalance.every
            pools[pool].rebalancesAt = min(pools[pool].rebalancesAt ?? latest, latest)
        }
        armRebalance(&core)
    }

    /// The timer has expired: finds out how many sessions of which backends are to end. True when there are any.
    mutating func rebalance(_ core: inout LoopCore) -> Bool {
        var hasAny = false
        for pool in pools.indexRange where pools.isTaken(pool) {
            guard let rebalance = pools[pool].settings.rebalance, let due = pools[pool].rebalancesAt, due <= core.now
            else { continue }
            pools[pool].rebalancesAt = core.now + rebalance.every
            if markSurplus(pool, rebalance) { hasAny = true }
        }
        armRebalance(&core)
        return hasAny
    }

    /// Backends that get no clients, or are suspect, count for nothing: neither are their sessions moved, nor others' to them.
    private mutating func markSurplus(_ pool: Int, _ rebalance: Configuration.Rebalance) -> Bool {
        for candidate in pools[pool].candidates where candidate.place >= 0 { states[Int(candidate.place)].surplus = 0 }
        let candidates = pools[pool].candidates.filter { $0.isUp && !$0.isSuspect && $0.share > 0 && $0.place >= 0 }
        let loads = candidates.map { Surplus.Load(sessions: states[Int($0.place)].sessions, share: $0.share) }
        let surplus = Surplus.sessions(of: loads, most: rebalance.share)
        for (candidate, count) in zip(candidates, surplus) { states[Int(candidate.place)].surplus = count }
        return surplus.contains { $0 > 0 }
    }

    private func armRebalance(_ core: inout LoopCore) {
        var next: Instant?
        for pool in pools.indexRange where pools.isTaken(pool) {
            guard let own = pools[pool].rebalancesAt else { continue }
            next = min(next ?? own, own)
        }
        guard let next else { return core.timers.disarm(rebalanceTimer) }
        core.timers.arm(rebalanceTimer, at: next)
    }
}
