import Reactor

// Questions of other threads, which ask for values: a few in a turn, and of large tables a slice.
extension BalancerLoop {
    /// Answers what other threads have asked.
    mutating func answerQuestions() {
        guard let mailbox else { return }
        mailbox.drain()
        for _ in 0..<Limits.questionsPerTurn {
            guard isRunning, let letter = mailbox.next() else { return }
            letter.answer(answer(letter.question))
            // A slice of a table is enough for a turn.
            if letter.question.isOfTable { break }
        }
        mailbox.goOnIfAsked()
    }

    private mutating func answer(_ question: LoopQuestion) -> LoopAnswer {
        switch question {
        case .isAlive:
            admission.countPauses(core.now)
            return .alive(ledger)
        case .sessions(let filter, let first): return list(filter, from: first)
        case .session(let id): return .session(find(id))
        case .kill(let id):
            guard let index = sessions.index(of: id) else { return .killed(0, next: nil) }
            settle(sessions.end(index, .killed, &targets, &core, &journal))
            return .killed(1, next: nil)
        case .killAll(let wanted, let first): return kill(wanted, from: first)
        }
    }

    /// What must add up: see ``Audit``, which counts each session.
    private var ledger: LoopLedger {
        var descriptors = core.openDescriptors + admission.openDescriptors + (duties?.openDescriptors() ?? 0)
        descriptors += sessions.count + 2 * sessions.relay.memory.pipes.made + targets.warmCount
        for place in targets.states.indexRange where targets.states.isTaken(place) {
            descriptors += Int(targets.states[place].sessions)
        }
        let cells = journal.cells
        return LoopLedger(
            bytesIn: sessions.relay.received,
            bytesOut: cells[.bytesUp] &+ cells[.bytesDown] &+ cells[.bytesDiscarded], descriptors: descriptors)
    }

    private mutating func list(_ filter: SessionFilter, from first: Int) -> LoopAnswer {
        var found: [NamedFacts] = []
        let end = min(first + Limits.placesPerQuestion, sessions.slab.indexRange.upperBound)
        for index in first..<max(first, end) where sessions.slab.isTaken(index) {
            guard sessions.mayMatch(index, filter, &targets, core.now) else { continue }
            let facts = sessions.facts(index, &targets, core.now)
            guard filter.matches(facts, core.now) else { continue }
            let named = named(facts)
            if let listener = filter.listener, listener != named.listener { continue }
            found.append(named)
        }
        return .sessions(found, next: end < sessions.slab.indexRange.upperBound ? end : nil)
    }

    private mutating func find(_ id: SessionID) -> NamedFacts? {
        if let index = sessions.index(of: id) {
            var named = named(sessions.facts(index, &targets, core.now))
            named.serverName = sessions.serverName(of: index)?.description
            return named
        }
        return sessions.ended.first(id).map { named($0) }
    }

    private func named(_ facts: SessionFacts) -> NamedFacts {
        NamedFacts(facts: facts, listener: sessions.listenerNames[facts.listener], now: core.now.nanoseconds)
    }

    private mutating func kill(_ wanted: Set<UInt32>, from first: Int) -> LoopAnswer {
        var count = 0
        var index = first
        let end = min(first + Limits.placesPerQuestion, sessions.slab.indexRange.upperBound)
        while index < end, count < Limits.closesPerTurn {
            defer { index += 1 }
            guard sessions.slab.isTaken(index), sessions.target(of: index, &targets).map(wanted.contains) ?? false
            else { continue }
            settle(sessions.end(index, .killed, &targets, &core, &journal))
            count += 1
            guard isRunning else { return .killed(count, next: nil) }
        }
        return .killed(count, next: index < sessions.slab.indexRange.upperBound ? index : nil)
    }
}

extension Sessions {
    /// The place of a live session of this loop; nil when there is none with this id.
    func index(of id: SessionID) -> Int? {
        guard let (owner, key) = ids.session(id), owner == loop, slab.contains(key) else { return nil }
        return Int(key.index)
    }

    /// False when the session does not match: found out without its facts, which are 300 bytes.
    fileprivate mutating func mayMatch(
        _ index: Int, _ filter: SessionFilter, _ targets: inout Targets, _ now: Instant
    ) -> Bool {
        guard slab[index].times.accepted.nanoseconds + filter.age <= now.nanoseconds else { return false }
        guard let wanted = filter.targets else { return true }
        return target(of: index, &targets).map(wanted.contains) ?? false
    }

    /// The backend that a session is on, or is being connected to.
    fileprivate mutating func target(of index: Int, _ targets: inout Targets) -> UInt32? {
        let place = Int(slab[index].target)
        guard place >= 0, slab[index].isConnected || slab[index].link.backend.stream.isOpen else { return nil }
        return targets.states[place].id.rawValue
    }
}
