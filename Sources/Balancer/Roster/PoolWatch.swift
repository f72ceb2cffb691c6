/// Tells the log of pools that have no backend any more when that becomes true, and not when the first client is closed; and
/// of those in panic (``PoolEntry/isInPanic``).
///
/// It exists once, beside the prober, and counts as one more loop in the log's ``Tally``: so the event comes once, whoever
/// notices first, and the end of it once with the clients of all loops.
struct PoolWatch {
    private var outages: [PoolID: String] = [:]
    /// Pools in panic.
    private var panics: Set<PoolID> = []

    /// Pools, backends or their health have changed. Lines of the one-line command are those of its guide, which come with
    /// the first client.
    mutating func look(_ roster: Roster, _ journal: inout Journal) {
        guard journal.log.mode == nil, !roster.isFirstRound else { return }
        lookForPanic(roster, &journal)
        var present = outages
        for pool in roster.pools {
            let isOut = !pool.hasCandidates
            let wasOut = present.removeValue(forKey: pool.id) != nil
            guard isOut != wasOut else { continue }
            let title = PoolTitle(name: pool.name, isOnly: roster.pools.count == 1)
            outages[pool.id] = isOut ? pool.name : nil
            if isOut {
                journal.log.began(.noBackend, pool: pool.id, title: title)
            } else {
                journal.log.ended(.noBackend, pool: pool.id, title: title, clients: 0)
            }
        }
        for (id, name) in present {
            outages[id] = nil
            journal.log.left(.noBackend, pool: id, name: name, clients: 0)
        }
    }

    private mutating func lookForPanic(_ roster: Roster, _ journal: inout Journal) {
        for pool in roster.pools where pool.isInPanic != panics.contains(pool.id) {
            let title = PoolTitle(name: pool.name, isOnly: roster.pools.count == 1)
            if pool.isInPanic { panics.insert(pool.id) } else { panics.remove(pool.id) }
            journal.log.panic(
                title, isOn: pool.isInPanic, eligible: pool.census.ranks.sum, of: pool.census.usable)
        }
        if panics.count > roster.pools.count { panics.formIntersection(roster.pools.map(\.id)) }
    }
}

extension PoolEntry {
    /// Policies may pick one of its backends.
    fileprivate var hasCandidates: Bool { isInPanic || census.ranks.sum > 0 }
}
