import Reactor

// Whether a client may come that was not judged at its accept, since it is known only now who it is, or since it had to wait.
extension Sessions {
    /// It is known who the client is: it may come, waits, or is closed.
    mutating func enter(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        var preface = prefaces.value(at: index)
        let rules = rules[Int(preface.door)]
        let client = slab[index].clientAddress(ipv6Hosts, at: index)
        guard rules.networks.allows(client) else {
            return refuseDenied(index, rules, &targets, &core, &journal)
        }
        switch rules.admit(client, now: core.monotonicNow) {
        case nil: break
        case .admitted(let entry):
            (preface.entry, preface.isEntered) = (entry, true)
            prefaces.set(preface, at: index)
        case let verdict?:
            guard let until = rules.retryTime(verdict, core.now), let entry = rules.standing.clients.hold(client) else {
                return refuse(index, .clientLimit, nil, &targets, &core, &journal)
            }
            preface.hold(entry, atMost: rules.waitEnd(core.now))
            prefaces.set(preface, at: index)
            core.timers.arm(slab[index].timer, at: min(until, preface.deadline))
            return .continues
        }
        return entered(index, rules, &targets, &core, &journal)
    }

    private mutating func refuseDenied(
        _ index: Int, _ rules: ListenerRules, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        if rules.refusal == .reset { slab[index].link.client.stream.resetOnClose() }
        return refuse(index, .denied, nil, &targets, &core, &journal)
    }

    /// One that waits for its client's limits tries again.
    mutating func tryAgain(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        var preface = prefaces.value(at: index)
        let rules = rules[Int(preface.door)]
        let clients = rules.standing.clients
        let client = slab[index].clientAddress(ipv6Hosts, at: index)
        guard rules.networks.allows(client) else {
            return refuseDenied(index, rules, &targets, &core, &journal)
        }
        switch rules.admit(client, now: core.monotonicNow) {
        case nil:
            clients.release(preface.entry)
            preface.isEntered = false
        case .admitted(let entry):
            clients.release(preface.entry)
            preface.entry = entry
        case let verdict?:
            guard let until = rules.retryTime(verdict, core.now), core.now < preface.deadline else {
                return refuse(index, .clientLimit, nil, &targets, &core, &journal)
            }
            core.timers.arm(slab[index].timer, at: min(until, preface.deadline))
            return .continues
        }
        // It waits no more: should it end now, it is one of its client's sessions.
        preface.stage = .over
        prefaces.set(preface, at: index)
        return entered(index, rules, &targets, &core, &journal)
    }

    /// The client may come: next is the server that it names, or its pool.
    mutating func entered(
        _ index: Int, _ rules: ListenerRules, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        guard let names = rules.names else { return connectAtLast(index, &targets, &core, &journal) }
        // A proxy that has ended TLS says the name in its header, and what follows is no TLS.
        if prefaces.value(at: index).hasName {
            return go(
                index, by: names.route(serverName(of: index), []), or: "the name in its header has no route", &targets,
                &core, &journal)
        }
        awaitName(index, rules, &core)
        guard slab[index].link.client.isReadable else { return .continues }
        return readName(index, &targets, &core, &journal)
    }
}

extension ListenerRules {
    /// How long a client may wait for its own limits.
    func waitEnd(_ now: Instant) -> Instant { now + (perClient?.timeout ?? .zero) }
}
