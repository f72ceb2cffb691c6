import Reactor

// "All of them, or me?": when every check fails at once, that is more likely this machine than all of its backends.
//
// Verdicts then stay what they were before, until the first check succeeds: a router that reboots, a cable or a full
// connection table must not take every pool out of service.
extension Prober {
    /// A check of the backend has failed, before which its verdict was `before`. True when that verdict stays.
    mutating func noteFailed(
        _ index: Int, before: Health, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Bool {
        if targets[index].failingSince == nil {
            targets[index].failingSince = core.now
            targets[index].healthBefore = before
            if targets[index].answersChecks { answering -= 1 }
            targets[index].answersChecks = false
            if answering == 0, !isFrozen, freezesWhenAllFail { freeze(&core, &journal) }
        }
        guard isFrozen, targets[index].isOfTheFrozen else { return false }
        targets[index].health = targets[index].healthBefore ?? before
        return true
    }

    /// A check of the backend has succeeded.
    mutating func noteSucceeded(_ index: Int, _ journal: inout Journal) {
        targets[index].failingSince = nil
        if !targets[index].answersChecks { answering += 1 }
        targets[index].answersChecks = true
        guard isFrozen else { return }
        isFrozen = false
        journal.log.checksThawed()
    }

    /// A backend leaves, or is checked no more: what it said last tells nothing of this machine.
    mutating func noteForgotten(_ index: Int) {
        if targets[index].answersChecks { answering -= 1 }
        targets[index].answersChecks = false
        targets[index].failingSince = nil
        targets[index].isOfTheFrozen = false
    }

    /// No check is answered any more. If more than two backends were up until then, and all of them failed within one
    /// interval, their verdicts stay.
    private mutating func freeze(_ core: inout LoopCore, _ journal: inout Journal) {
        var group: [Int] = []
        for index in targets.indexRange where targets.isTaken(index) {
            guard let since = targets[index].failingSince, targets[index].probes.hasSucceeded,
                targets[index].healthBefore?.isUp ?? false
            else { continue }
            // A probe that is not answered has begun so much earlier.
            let check = targets[index].check
            if since + check.interval + check.timeout >= core.now { group.append(index) }
        }
        guard group.count >= Limits.frozenBackendsMin else { return }
        isFrozen = true
        for index in targets.indexRange where targets.isTaken(index) { targets[index].isOfTheFrozen = false }
        for index in group {
            targets[index].isOfTheFrozen = true
            if let before = targets[index].healthBefore { targets[index].health = before }
            note(index)
        }
        journal.log.checksFrozen(backends: group.count)
    }
}
