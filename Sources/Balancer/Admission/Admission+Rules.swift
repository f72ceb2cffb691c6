import Reactor

// Who may come to a listener, and how fast: what is decided at the accept, before there is a session.
extension Admission {
    /// What is asked of a client that has connected from `peer`; nil when it is sent away, which is noted.
    @inline(never) mutating func judge(
        _ peer: SocketAddress, _ stream: borrowing Stream, at index: Int, _ core: inout LoopCore,
        _ journal: inout Journal
    ) -> Admittance? {
        guard let rules = entrances[index].rules else { return .free }
        if let proxy = rules.proxy {
            if rules.trusts(peer) { return .header }
            if proxy.mode == .required {
                return refuse(peer, stream, .header, "it comes from no trusted network", rules, &core, &journal)
            }
        }
        guard rules.networks.allows(peer) else {
            return refuse(peer, stream, .denied, nil, rules, &core, &journal)
        }
        switch rules.admit(peer, now: core.monotonicNow) {
        case nil: return .admitted(nil)
        case .admitted(let entry): return .admitted(entry)
        case let verdict?:
            let until = rules.retryTime(verdict, core.now)
            if let until, let entry = rules.standing.clients.hold(peer) { return .held(entry, until: until) }
            return refuse(peer, stream, .overLimit, nil, rules, &core, &journal)
        }
    }

    /// Sends a client away before it has a session.
    private mutating func refuse(
        _ peer: SocketAddress, _ stream: borrowing Stream, _ trouble: ListenerTrouble, _ cause: String?,
        _ rules: ListenerRules, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Admittance? {
        if rules.refusal == .reset || trouble != .denied { stream.resetOnClose() }
        switch trouble {
        case .denied: journal.cells.add(.denied)
        case .overLimit: journal.cells.add(.overLimit)
        case .header: journal.cells.add(.untrusted)
        case .name, .rate: break
        }
        note(trouble, peer, cause, rules, &core, &journal)
        return nil
    }

    // MARK: rates

    /// True when the listener's rate allows one more client; if not, the listener stands still until the next may come.
    @inline(never) mutating func isWithinRate(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) -> Bool {
        guard let rules = entrances[index].rules, rules.hasRate, !entrances[index].isLeaving else { return true }
        let wait = rules.standing.rate.wait(now: core.monotonicNow.nanoseconds)
        guard wait > 0 else {
            entrances[index].isBeyondRate = false
            return true
        }
        pause(index, core)
        resume(at: core.now.advanced(nanoseconds: wait), &core)
        if entrances[index].acceptor.listener.hasWaiting { noteRate(index, &core, &journal) }
        return false
    }

    /// A client waits at a listener that stands still for its rate.
    mutating func noteRate(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        guard let rules = entrances[index].rules, !entrances[index].isBeyondRate else { return }
        entrances[index].isBeyondRate = true
        note(.rate, nil, nil, rules, &core, &journal)
    }

    /// A client has come that counts for the listener's rate.
    func chargeRate(_ index: Int, _ core: borrowing LoopCore) {
        guard let rules = entrances[index].rules, rules.hasRate else { return }
        rules.standing.rate.charge(now: core.monotonicNow.nanoseconds)
    }

    // MARK: what is told of it

    /// A client of a listener was sent away, or waits. `peer` and `cause` stand in the log where it is the first.
    mutating func note(
        _ trouble: ListenerTrouble, _ peer: SocketAddress?, _ cause: String?, _ rules: ListenerRules,
        _ core: inout LoopCore, _ journal: inout Journal
    ) {
        rules.standing.count(of: trouble)?.add()
        guard troubles[rules.name, default: ListenerTroubles()].add(to: trouble, now: core.now) else { return }
        journal.log.began(trouble, listener: rules.name, client: peer, cause: cause)
        resume(at: core.now + Episode.quiet, &core)
    }

    /// Logs the end of troubles that have not concerned a client for ``Episode/quiet``.
    @inline(never) mutating func endTroubles(_ core: inout LoopCore, _ journal: inout Journal) {
        for name in troubles.keys.sorted() {
            // While a client waits for the rate, that goes on.
            let isBeyondRate = entrances.indexRange.contains {
                entrances.isTaken($0) && entrances[$0].isBeyondRate && entrances[$0].name == name
            }
            for (trouble, clients) in troubles[name]?.end(now: core.now, isBeyondRate: isBeyondRate) ?? [] {
                journal.log.ended(trouble, listener: name, clients: clients)
            }
            if troubles[name]?.isOn == false { troubles[name] = nil }
        }
    }
}

extension ListenerRules {
    /// When a client that may not come now is looked at again; nil where such clients are closed.
    func retryTime(_ verdict: ClientTable.Verdict, _ now: Instant) -> Instant? {
        guard perClient?.excess == .wait else { return nil }
        switch verdict {
        case .tooFast(let wait): return now.advanced(nanoseconds: wait)
        case .tooMany: return now + Limits.clientLook
        case .admitted, .noMemory: return nil
        }
    }
}
