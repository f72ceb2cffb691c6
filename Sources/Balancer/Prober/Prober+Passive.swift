import Reactor

// What clients have met at backends: ejections, and the way back.
extension Prober {
    /// Takes the failures that loops have reported, and ejects backends that have had too many.
    mutating func takeReports(_ core: inout LoopCore, _ journal: inout Journal) {
        for (id, count) in shared.failures.take() {
            guard !isStopped, let index = places[id], targets[index].passive?.fail(count, core.now) ?? false else {
                continue
            }
            eject(index, &core, &journal)
        }
    }

    /// Ejects a backend, unless as many of its pool are as may be: then it goes on, and the next failure asks again.
    private mutating func eject(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        guard targets[index].health.isUp, mayEject(in: targets[index].published.pool, besides: index) else { return }
        guard let time = targets[index].passive?.eject(core.now) else { return }
        targets[index].countEjection()
        ejections.append((key: targets.key(at: index), end: core.now + time))
        armEjections(&core)
        note(index)
        journal.log.ejected(targets[index].facts(wasUp: true), targets[index].passive, for: time)
    }

    /// True when one more backend of the pool may be ejected.
    private func mayEject(in pool: PoolID, besides index: Int) -> Bool {
        var (count, out) = (0, 0)
        for other in targets.indexRange where targets.isTaken(other) && targets[other].published.pool == pool {
            count += 1
            if other != index, targets[other].isEjected { out += 1 }
        }
        let share = targets[index].passive?.settings.shareMax ?? 0
        return (out + 1) * 1_000_000 <= share * count
    }

    /// The time of an ejection is over: a backend that is probed is probed now, and gets clients when that succeeds.
    /// Another gets them at once: there is nobody else who could find out.
    mutating func ejectionsExpired(_ core: inout LoopCore, _ journal: inout Journal) {
        let now = core.now
        let due = ejections.filter { $0.end <= now }
        ejections.removeAll { $0.end <= now }
        armEjections(&core)
        for ejection in due where targets.contains(ejection.key) {
            let index = Int(ejection.key.index)
            guard targets[index].passive?.expire(now) ?? false else { continue }
            if targets[index].check.kind == .none {
                targets[index].comebacks &+= 1
                journal.log.returned(targets[index].facts(wasUp: true), isOnTrial: true)
            } else if !targets[index].probe.isUnderWay {
                targets[index].probe.due = now
                core.timers.arm(targets[index].probe.timer, at: now)
            }
            note(index)
        }
    }

    private func armEjections(_ core: inout LoopCore) {
        guard let end = ejections.map(\.end).min() else { return core.timers.disarm(ejectionTimer) }
        core.timers.arm(ejectionTimer, at: end)
    }

    /// A probe of the backend has succeeded: ends its trial.
    mutating func endTrial(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        guard targets[index].passive?.succeed(core.now) ?? false else { return }
        targets[index].comebacks &+= 1
        journal.log.returned(targets[index].facts(wasUp: true), isOnTrial: false)
    }

    /// Another backend stands at the place of one whose pool's settings have changed: what clients have met stays.
    mutating func inherit(_ passive: PassiveHealth?, at index: Int, _ core: inout LoopCore) {
        guard var passive, let settings = targets[index].passive?.settings else { return }
        passive.set(settings)
        targets[index].passive = passive
        guard case .ejected(let end) = passive.state else { return }
        ejections.append((key: targets.key(at: index), end: end))
        armEjections(&core)
    }

    /// The token of the timer of ejections shares a kind with the one of the periodic look-ups.
    static var ejectionKey: SlabKey { SlabKey(index: 2, generation: 0) }

    /// True of the token of a timer of the kind `.resolver` that belongs to ejections.
    static func isEjectionToken(_ token: Token) -> Bool { token.index == 2 }
}
