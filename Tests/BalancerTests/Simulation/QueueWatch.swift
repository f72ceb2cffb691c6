import Reactor

@testable import Balancer

/// Who waits for a place in a run, and whether anybody does so in vain, too long or behind the wrong one.
struct QueueWatch {
    /// The sessions that waited after the last turn, by the place of their pool, in their order.
    private var waiting: [Int: [SlabKey]] = [:]
    /// All that have ever waited: those that come back may exceed the limit.
    private var seen: Set<SlabKey> = []

    /// One more turn is over; returns what does not hold, for people.
    mutating func look(at loop: borrowing BalancerLoop) -> [String] {
        var found: [String] = []
        let before = waiting
        waiting.removeAll()
        for pool in loop.targets.pools.indexRange where loop.targets.pools.isTaken(pool) {
            waiting[pool] = Self.waiting(in: pool, loop)
            if waiting[pool]?.isEmpty == false, !loop.targets.roomy.contains(pool), loop.isRunning {
                found += Self.inVain(pool, loop)
            }
            let most = loop.targets.pools[pool].settings.queue?.max ?? .max
            let keys = waiting[pool] ?? []
            let hasNew = keys.contains { !seen.contains($0) }
            if keys.count > most, hasNew, keys.count > before[pool]?.count ?? 0 {
                found.append("\(keys.count) wait, and \(most) may")
            }
            seen.formUnion(keys)
        }
        for keys in before.values { found += Self.outOfOrder(keys, loop) }
        return found
    }

    private static func waiting(in pool: Int, _ loop: borrowing BalancerLoop) -> [SlabKey] {
        var keys: [SlabKey] = []
        for position in loop.targets.pools[pool].queue.indices {
            let key = loop.targets.pools[pool].queue[position].key
            if isWaiting(key, loop) { keys.append(key) }
        }
        return keys
    }

    private static func isWaiting(_ key: SlabKey, _ loop: borrowing BalancerLoop) -> Bool {
        loop.sessions.slab.contains(key) && loop.sessions.slab[Int(key.index)].phase == .waiting
    }

    /// Nobody waits while a backend has room for him.
    private static func inVain(_ pool: Int, _ loop: borrowing BalancerLoop) -> [String] {
        var sessions: Int32 = 0
        for candidate in loop.targets.pools[pool].candidates where candidate.place >= 0 {
            sessions += loop.targets.states[Int(candidate.place)].sessions
        }
        if let most = loop.targets.pools[pool].settings.sessionsMax, sessions >= most { return [] }
        for key in waiting(in: pool, loop) {
            let tried = loop.sessions.slab[Int(key.index)].tried
            let passesSuspects = loop.targets.passesSuspects(in: pool, besides: tried)
            for candidate in loop.targets.pools[pool].candidates where candidate.isUp {
                if passesSuspects, candidate.isSuspect { continue }
                let hasRoom = loop.targets.states[Int(candidate.place)].sessions < candidate.sessionsMax
                if hasRoom, !tried.contains(Int(candidate.place)) {
                    return ["a client waits although a backend has room"]
                }
            }
        }
        return []
    }

    /// Whoever has tried no backend is served before all that came later.
    private static func outOfOrder(_ keys: [SlabKey], _ loop: borrowing BalancerLoop) -> [String] {
        var isPassed = false
        for key in keys {
            guard loop.sessions.slab.contains(key) else { continue }
            if isWaiting(key, loop) {
                if loop.sessions.slab[Int(key.index)].tried.isEmpty { isPassed = true }
            } else if isPassed {
                return ["a client was served before one that has waited for longer"]
            }
        }
        return []
    }
}
