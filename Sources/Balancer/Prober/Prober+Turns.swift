import Reactor

/// What the prober may still begin in a turn, and what waits for the next ones.
///
/// A probe or look-up beyond the turn's share stands in a queue, and the prober in the loop's ready queue: so the loop does
/// not wait, looks at its events, and then lets the prober go on (``Prober/continueWork(_:_:)``). First in, first out.
struct ProberTurns: ~Copyable {
    private var probes = TokenQueue(capacity: 0)
    private var lookUps = TokenQueue(capacity: 0)
    /// Probes of whose answer there may be more to read.
    private var reads = TokenQueue(capacity: 0)
    /// The resolver may have answers for which there is no further event.
    private var hasAnswers = false
    /// The prober stands in the loop's ready queue.
    private var isQueued = false
    /// What this turn has begun.
    private var probesBegun = 0
    private var lookUpsBegun = 0
    private var readsMade = 0
    private var hasTakenAnswers = false

    /// The turn is over.
    mutating func end() {
        probesBegun = 0
        lookUpsBegun = 0
        readsMade = 0
        hasTakenAnswers = false
    }

    /// True when a probe may begin in this turn; otherwise it has to wait.
    mutating func mayProbe() -> Bool {
        guard probes.isEmpty, probesBegun < Limits.probesPerTurn else { return false }
        probesBegun += 1
        return true
    }

    mutating func wait(_ probe: Token, _ core: inout LoopCore) {
        probes.append(probe)
        queue(&core)
    }

    /// True when a look-up may begin in this turn; otherwise it waits.
    mutating func mayAsk(_ lookUp: Token, _ core: inout LoopCore) -> Bool {
        if lookUps.isEmpty, lookUpsBegun < Limits.lookUpsPerTurn {
            lookUpsBegun += 1
            return true
        }
        lookUps.append(lookUp)
        queue(&core)
        return false
    }

    /// True when a probe may read in this turn; otherwise it goes on in the next one.
    mutating func mayRead(_ probe: Token, _ core: inout LoopCore) -> Bool {
        if readsMade < Limits.probeReadsPerTurn {
            readsMade += 1
            return true
        }
        reads.append(probe)
        queue(&core)
        return false
    }

    /// True when this turn has not handled answers yet; otherwise the next one does.
    mutating func mayTakeAnswers(_ core: inout LoopCore) -> Bool {
        if hasTakenAnswers {
            leaveAnswers(&core)
            return false
        }
        hasTakenAnswers = true
        return true
    }

    mutating func leaveAnswers(_ core: inout LoopCore) {
        hasAnswers = true
        queue(&core)
    }

    private mutating func queue(_ core: inout LoopCore) {
        guard !isQueued else { return }
        isQueued = true
        core.ready.append(Token(.probeTimer))
    }

    // MARK: going on

    /// The prober was taken out of the ready queue. True when there may be answers to handle.
    mutating func leaveQueue() -> Bool {
        isQueued = false
        defer { hasAnswers = false }
        return hasAnswers
    }

    /// The next probe that waits, while the turn's share lasts.
    mutating func nextProbe() -> Token? { probesBegun < Limits.probesPerTurn ? probes.popFirst() : nil }

    /// The probe that was taken out of the queue has begun.
    mutating func hasBegun() { probesBegun += 1 }

    /// The next probe that has more to read, while the turn's share lasts.
    mutating func nextRead() -> Token? { readsMade < Limits.probeReadsPerTurn ? reads.popFirst() : nil }

    /// The next look-up that waits, while the turn's share lasts.
    mutating func nextLookUp() -> Token? {
        guard lookUpsBegun < Limits.lookUpsPerTurn, let lookUp = lookUps.popFirst() else { return nil }
        lookUpsBegun += 1
        return lookUp
    }

    /// Queues the prober again if anything still waits.
    mutating func queueAgain(_ core: inout LoopCore) {
        if !probes.isEmpty || !lookUps.isEmpty || !reads.isEmpty { queue(&core) }
    }

    /// Nothing waits any more.
    mutating func removeAll() {
        probes = TokenQueue(capacity: 0)
        lookUps = TokenQueue(capacity: 0)
        reads = TokenQueue(capacity: 0)
        hasAnswers = false
    }
}

extension Prober {
    /// Begins a probe that is due; in this turn, or when its share is used up, in a later one.
    mutating func begin(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        guard !targets[index].probe.isWaitingForTurn else { return }
        if turns.mayProbe() { return startProbe(index, &core, &journal) }
        targets[index].probe.isWaitingForTurn = true
        turns.wait(Token(.probeTimer, targets.key(at: index)), &core)
    }

    /// Goes on with what exceeded its share of the last turn.
    mutating func continueWork(_ core: inout LoopCore, _ journal: inout Journal) {
        if turns.leaveQueue() { namesAnswered(&core, &journal) }
        while let token = turns.nextProbe() {
            guard targets.contains(token.key) else { continue }
            if Self.isAgent(token) {
                targets[token.index].agentProbe.isWaitingForTurn = false
                guard !targets[token.index].agentProbe.stream.isOpen else { continue }
                turns.hasBegun()
                askAgent(token.index, &core, &journal)
                continue
            }
            targets[token.index].probe.isWaitingForTurn = false
            guard !targets[token.index].probe.isUnderWay else { continue }
            turns.hasBegun()
            startProbe(token.index, &core, &journal)
        }
        while let token = turns.nextRead() {
            guard let index = index(ofProbe: token) else { continue }
            if Self.isAgent(token) { hearAgent(index, &core, &journal) } else { goOn(index, &core, &journal) }
        }
        while let token = turns.nextLookUp() {
            guard targets.contains(token.key), let host = targets[token.index].host else { continue }
            resolver?.ask(host, tag: token)
        }
        turns.queueAgain(&core)
    }
}
