import Reactor

// Backends that are known by a name: where they are is looked up again and again, on threads of the resolver's.
//
// A name that cannot be looked up for a while changes nothing: the last address stays. When the address changes, what
// stands goes on where it is; new sessions and probes go to the new one.
extension BalancerLoop {
    /// A resolver for the loop that probes, where there are names.
    static func makeResolver(
        _ configuration: Configuration, _ lookUp: @escaping BackgroundResolver.Lookup, loop: Int
    ) throws(SystemCallError) -> BackgroundResolver? {
        let hasNames = configuration.pools.contains { $0.backends.contains { $0.name != nil } }
        return loop == 0 && hasNames ? try BackgroundResolver(lookUp) : nil
    }

    /// The time to look for all names again.
    mutating func namesExpired() {
        lookUpNames()
        timers.wheel.arm(namesTimer, at: now + configuration.timeouts.names)
    }

    /// Asks for all names; how many there are.
    @discardableResult mutating func lookUpNames() -> Int {
        var count = 0
        var index = -1
        while let next = backends.index(after: index) {
            if backends[next].name != nil { count += 1 }
            lookUp(next)
            index = next
        }
        return count
    }

    /// Asks where a backend is, unless that has been asked and not answered, or is known for good.
    mutating func lookUp(_ index: Int) {
        guard state == .running, let name = backends[index].name, !backends[index].isBeingLookedUp else { return }
        backends[index].isBeingLookedUp = true
        resolver?.ask(name, tag: Token(.resolver, backends.key(at: index)))
    }

    /// Answers have come.
    mutating func namesAnswered() {
        guard let answers = resolver?.answers() else { return }
        for answer in answers where backends.contains(answer.tag.key) {
            let index = answer.tag.index
            backends[index].isBeingLookedUp = false
            if state == .running { hear(answer.result, of: index) }
        }
        endReload()
    }

    private mutating func hear(_ answer: Result<[SocketAddress], ResolverError>, of index: Int) {
        switch answer {
        case .failure(let error):
            nameNotFound(index, error.reason)
        case .success(let addresses):
            let current = backends[index].address
            guard let address = backends[index].name?.choose(from: addresses, current: current) else {
                return nameNotFound(index, "no address")
            }
            if address == current {
                nameFound(index)
            } else if listenerAddresses.contains(where: { $0.receives(address) }) {
                nameNotFound(index, "\(address) is the balancer itself")
            } else {
                backends[index].isNameLost = false
                move(index, to: address)
            }
        }
    }

    private mutating func nameFound(_ index: Int) {
        guard backends[index].isNameLost else { return }
        backends[index].isNameLost = false
        if let name = backends[index].name, let address = backends[index].address { log.nameFound(name, at: address) }
    }

    /// The last address stays. Without any, this is what the probe has come to.
    private mutating func nameNotFound(_ index: Int, _ reason: String) {
        if backends[index].probe.awaitsAddress { return probeEnded(index, .noAddress(reason)) }
        guard let name = backends[index].name, let address = backends[index].address else { return }
        guard !backends[index].isNameLost else { return }
        backends[index].isNameLost = true
        log.nameLost(name, reason, last: address)
    }

    /// A backend has another address, or its first one. It is probed at once: most likely it is a new server, and the
    /// old one is gone.
    private mutating func move(_ index: Int, to address: SocketAddress) {
        if let name = backends[index].name { log.moved(name, from: backends[index].address, to: address) }
        let wasUp = backends[index].isUp
        takeAddress(index, address)
        board?.addresses.set(index, address)
        board?.wakeOthers(than: number)
        publishVerdict(index)
        if backends[index].isUp != wasUp { tellHealth() }
        let wasProbed = backends[index].probe.isUnderWay
        backends[index].probe.abandon()
        // Once per interval: a name that has another address at each look, all of them dead, would be probed without
        // end. The next probe then comes at its time, which is set already unless the one under way was abandoned.
        let interval = pools[backends[index].pool].healthCheck.interval
        if let last = backends[index].probedByMove, now - last < interval {
            if wasProbed { setNextProbe(index) }
            return
        }
        backends[index].probedByMove = now
        backends[index].probe.due = now
        startProbe(index)
    }

    /// New sessions go to `address` from now on.
    private mutating func takeAddress(_ index: Int, _ address: SocketAddress) {
        let source = SourceBinding(pools[backends[index].pool].source, towards: address)
        backends[index].move(to: address, source: source)
    }

    /// Another loop has looked names up.
    mutating func takeSharedAddresses() {
        guard let addresses = board?.addresses.changes(since: &addressesSeen) else { return }
        for (index, address) in addresses.enumerated() {
            guard let address, backends[index].address != address else { continue }
            takeAddress(index, address)
        }
    }
}
