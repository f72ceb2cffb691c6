import Reactor

extension BalancerLoop {
    static func listen(
        _ listeners: [Configuration.Listener], _ poller: borrowing Poller
    ) throws(SystemCallError) -> Slab<Acceptor> {
        var acceptors = Slab<Acceptor>(capacity: listeners.count)
        for settings in listeners {
            let listener = try Listener(settings.address)
            guard let key = acceptors.insert(Acceptor(listener: listener, pool: settings.pool)) else { break }
            if let errno = acceptors[Int(key.index)].listener.add(to: poller, Token(.acceptor, key)) {
                throw SystemCallError(call: "epoll_ctl", subject: settings.address.description, errno: errno)
            }
        }
        return acceptors
    }

    /// The backends of all pools, each with a probe that is due now.
    static func makeBackends(
        _ pools: [Configuration.Pool], warm: Int, _ now: Instant, _ timers: inout Timers
    ) -> Slab<Backend> {
        var backends = Slab<Backend>(capacity: pools.reduce(0) { $0 + $1.backends.count })
        for (place, pool) in pools.enumerated() {
            for settings in pool.backends {
                let source = pool.source.flatMap { $0.family == settings.address.family ? $0 : nil }
                _ = backends.insert { key in
                    let timer = timers.wheel.add(Token(.probeTimer, key)) ?? .none
                    timers.wheel.arm(timer, at: now)
                    return Backend(
                        address: settings.address, pool: place, source: SourceBinding(source),
                        health: Health(rise: pool.health.rise, fall: pool.health.fall),
                        probe: Probe(timer: timer, due: now), warm: WarmConnections(max: warm))
                }
            }
        }
        return backends
    }

    /// The pools, with the keys of their backends in the slab, which holds nothing else.
    static func makePools(_ pools: [Configuration.Pool], _ backends: borrowing Slab<Backend>) -> [Pool] {
        var made = pools.map { Pool(healthCheck: $0.health, members: [], policy: Policy($0.policy)) }
        var index = -1
        while let next = backends.index(after: index) {
            made[backends[next].pool].members.append(backends.key(at: next))
            index = next
        }
        return made
    }
}
