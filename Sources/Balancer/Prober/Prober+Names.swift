import Reactor

// Backends with a name: the name is looked up periodically, on threads of the resolver.
//
// While a name cannot be looked up, the last address stays. When the address changes, existing sessions stay where they
// are; new sessions and probes use the new one. Of several addresses the present one is used while it answers; the log
// names another one when it has answered, not each that was tried.
extension Prober {
    mutating func openResolver(_ core: inout LoopCore) throws(SystemCallError) {
        let resolver = try BackgroundResolver(lookUp)
        if let errno = resolver.add(to: core.poller, Token(.resolver)) {
            throw SystemCallError(call: "epoll_ctl", subject: "resolver", errno: errno)
        }
        self.resolver = consume resolver
        core.timers.arm(namesTimer, at: core.now + namesInterval)
    }

    /// The value of `nextName` with which the next look-up is of all names.
    static var allNames: Int { -1 }

    /// The timer of the names has expired: looks the next ones up. A few are looked up together; of many the others
    /// follow evenly over the interval.
    mutating func namesExpired(_ core: inout LoopCore, _ journal: inout Journal) {
        if nextName == Self.allNames {
            lookUpNames(&core, &journal)
            nextName = 0
        } else {
            lookUpNextNames(&core, &journal)
        }
        let interval = namesInterval.wholeNanoseconds
        let share = UInt64(min(nameCount, Limits.lookUpsPerTurn))
        let period = share > 0 ? interval.multipliedFullWidth(by: share) : (high: 0, low: interval)
        let next = UInt64(max(1, nameCount)).dividingFullWidth(period).quotient
        core.timers.arm(namesTimer, at: core.now.advanced(nanoseconds: next))
    }

    private mutating func lookUpNextNames(_ core: inout LoopCore, _ journal: inout Journal) {
        var left = Limits.lookUpsPerTurn
        for _ in targets.indexRange where left > 0 {
            if nextName >= targets.indexRange.upperBound { nextName = targets.indexRange.lowerBound }
            let index = nextName
            nextName += 1
            guard targets.isTaken(index), targets[index].host != nil else { continue }
            left -= 1
            requestLookup(index, &core, &journal)
        }
    }

    /// Looks up all names, so many in each turn; returns how many there are.
    @discardableResult mutating func lookUpNames(_ core: inout LoopCore, _ journal: inout Journal) -> Int {
        for index in targets.indexRange where targets.isTaken(index) && targets[index].host != nil {
            requestLookup(index, &core, &journal)
        }
        return nameCount
    }

    /// True while a look-up is in progress, or waits for its turn.
    var isLookingUp: Bool { lookUpsUnderWay > 0 }

    /// Looks up a backend's name, unless a look-up is in progress or it has none.
    mutating func requestLookup(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        guard !isStopped, let host = targets[index].host, !targets[index].isBeingLookedUp else { return }
        if resolver == nil {
            do throws(SystemCallError) {
                try openResolver(&core)
            } catch {
                return nameNotFound(index, "\(error)", &core, &journal)
            }
        }
        targets[index].isBeingLookedUp = true
        lookUpsUnderWay += 1
        let tag = Token(.resolver, targets.key(at: index))
        if turns.mayAsk(tag, &core) { resolver?.ask(host, tag: tag) }
    }

    /// The resolver has answers, or there are more than the turn's share was.
    mutating func namesAnswered(_ core: inout LoopCore, _ journal: inout Journal) {
        guard turns.mayTakeAnswers(&core) else { return }
        guard let answers = resolver?.answers(atMost: Limits.lookUpAnswersPerTurn) else { return }
        if answers.count == Limits.lookUpAnswersPerTurn { turns.leaveAnswers(&core) }
        for answer in answers where targets.contains(answer.tag.key) {
            let index = answer.tag.index
            targets[index].isBeingLookedUp = false
            lookUpsUnderWay -= 1
            if !isStopped { take(answer.result, for: index, &core, &journal) }
        }
    }

    private mutating func take(
        _ answer: Result<[SocketAddress], ResolverError>, for index: Int, _ core: inout LoopCore,
        _ journal: inout Journal
    ) {
        switch answer {
        case .failure(let error):
            nameNotFound(index, error.reason, &core, &journal)
        case .success(let all):
            let current = targets[index].address
            let addresses = all.filter { !isOwn($0) }
            guard let address = targets[index].choose(from: addresses) else {
                let reason = all.first.map { "\($0) is the balancer itself" } ?? "no address"
                return nameNotFound(index, reason, &core, &journal)
            }
            if let current, addresses.contains(current) {
                nameFound(index, &journal)
                if address != current { move(index, to: address, isSearch: true, &core, &journal) }
            } else {
                targets[index].isNameLost = false
                announce(index, address, &journal)
                move(index, to: address, isSearch: false, &core, &journal)
            }
        }
    }

    /// A backend that is not probed has a name without an address: the name is looked up as often as it would be probed.
    /// With an address there is nothing to do but the periodic look-up.
    mutating func lookAfterUnchecked(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        if targets[index].address == nil {
            requestLookup(index, &core, &journal)
        } else {
            firstProbeEnded(index)
            targets[index].forgetSuspicions()
            note(index)
        }
        setNextProbe(index, &core)
    }

    /// Logs where a name is now, unless the log has that already.
    mutating func announce(_ index: Int, _ address: SocketAddress, _ journal: inout Journal) {
        guard let host = targets[index].host, targets[index].announced != address else { return }
        journal.log.moved(host, from: targets[index].announced, to: address, facts(of: index))
        targets[index].announced = address
    }

    private func facts(of index: Int) -> BackendFacts { targets[index].facts(wasUp: targets[index].health.isUp) }

    private mutating func nameFound(_ index: Int, _ journal: inout Journal) {
        guard targets[index].isNameLost else { return }
        targets[index].isNameLost = false
        if let host = targets[index].host, let address = targets[index].address {
            journal.log.nameFound(host, at: address, facts(of: index))
        }
    }

    /// The last address stays. Without one, the probe that awaits it fails.
    private mutating func nameNotFound(
        _ index: Int, _ reason: String, _ core: inout LoopCore, _ journal: inout Journal
    ) {
        if targets[index].probe.awaitsAddress {
            return probeEnded(index, .noAddress(reason), &core, &journal)
        }
        if targets[index].check.kind == .none { firstProbeEnded(index) }
        let address = targets[index].address
        // The failed probe of one without an address has said so.
        guard let host = targets[index].host, address != nil || targets[index].check.kind == .none else { return }
        guard !targets[index].isNameLost else { return }
        targets[index].isNameLost = true
        journal.log.nameLost(host, reason, last: address, facts(of: index))
    }

    /// A backend has another address, or its first one. It is probed at once: most likely it is a new server, and the
    /// old one is gone.
    private mutating func move(
        _ index: Int, to address: SocketAddress, isSearch: Bool, _ core: inout LoopCore, _ journal: inout Journal
    ) {
        moveTarget(index, to: address, isSearch: isSearch)
        let wasProbed = targets[index].probe.isUnderWay
        targets[index].probe.abandon()
        // At most once per interval: a name with another address at each look-up, all of them dead, would be probed
        // without end. Otherwise the next probe is at its regular time, already set unless the current one was
        // abandoned.
        if let last = targets[index].probedByMove, core.now - last < targets[index].check.interval {
            if wasProbed { setNextProbe(index, &core) }
            return
        }
        targets[index].probedByMove = core.now
        targets[index].probe.due = core.now
        begin(index, &core, &journal)
    }
}

extension HostName {
    /// The address to use for the host; nil when there is none.
    ///
    /// `current` as long as the name still has it: name servers rotate their answers, and that should move no session.
    /// Otherwise the first of the preferred family, otherwise the first.
    public func choose(from addresses: [SocketAddress], current: SocketAddress? = nil) -> SocketAddress? {
        if let current, addresses.contains(current) { return current }
        return addresses.first { $0.family == preferredFamily } ?? addresses.first
    }
}
