import Reactor

extension BalancerLoop {
    /// Binds the listeners, in their order.
    static func bind(_ listeners: [Configuration.Listener]) throws(SystemCallError) -> Slab<Acceptor> {
        var acceptors = Slab<Acceptor>(capacity: listeners.count)
        for settings in listeners {
            _ = acceptors.insert(Acceptor(listener: try listener(settings), pool: settings.pool))
        }
        return acceptors
    }

    private static func listener(_ settings: Configuration.Listener) throws(SystemCallError) -> Listener {
        if let socket = settings.inherited { return try Listener(sharing: socket) }
        return try Listener(settings.address)
    }

    /// The status socket, in loop 0.
    static func makeStatus(
        _ socket: Configuration.StatusSocket?, loop: Int, _ poller: borrowing Poller
    ) throws(SystemCallError) -> StatusListener? {
        guard loop == 0, let socket else { return nil }
        let status = try StatusListener.open(socket)
        try status.add(to: poller, Token(.status))
        return status
    }

    static func add(_ acceptors: borrowing Slab<Acceptor>, to poller: borrowing Poller) throws(SystemCallError) {
        var index = -1
        while let next = acceptors.index(after: index) {
            if let errno = acceptors[next].listener.add(to: poller, Token(.acceptor, acceptors.key(at: next))) {
                let subject = acceptors[next].listener.address.description
                throw SystemCallError(call: "epoll_ctl", subject: subject, errno: errno)
            }
            index = next
        }
    }

    /// The backends of all pools. Where they are probed, or connections are held ready for them, that is due now.
    static func makeBackends(
        _ pools: [Configuration.Pool], warm: Int, _ now: Instant, _ timers: inout Timers, probed: Bool
    ) -> Slab<Backend> {
        var backends = Slab<Backend>(capacity: pools.reduce(0) { $0 + $1.backends.count })
        for (place, pool) in pools.enumerated() {
            for settings in pool.backends {
                let source = settings.address.map { SourceBinding(pool.source, towards: $0) } ?? SourceBinding(nil)
                _ = backends.insert { key in
                    let timer = timers.wheel.add(Token(.probeTimer, key))
                    if probed || warm > 0 { timers.wheel.arm(timer, at: now) }
                    return Backend(
                        settings, pool: place, source: source,
                        health: Health(rise: pool.health.rise, fall: pool.health.fall),
                        probe: Probe(timer: timer, due: now), warm: WarmConnections(max: warm))
                }
            }
        }
        return backends
    }

    /// The pools, with the keys of their backends in the slab, which holds nothing else. Each loop of a group begins
    /// its turns elsewhere, so that the first clients of all loops do not meet at the first backend.
    static func makePools(
        _ pools: [Configuration.Pool], _ backends: borrowing Slab<Backend>, loop: Int, of loopCount: Int
    ) -> [Pool] {
        var made = pools.map { pool in
            let start = loop * pool.backends.count / loopCount
            return Pool(
                healthCheck: pool.health, source: pool.source, members: [], policy: Policy(pool.policy, start: start))
        }
        var index = -1
        while let next = backends.index(after: index) {
            made[backends[next].pool].members.append(backends.key(at: next))
            index = next
        }
        return made
    }
}
