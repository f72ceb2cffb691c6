import Reactor

// Connections to backends that are made before a client wants one.
extension BalancerLoop {
    /// How long after one was taken the next is begun. Not at once: the client that got it is served first, and what is
    /// taken meanwhile is made up for together.
    private static let refillAfter: UInt64 = 1_000_000

    /// A connection that was held ready, or the empty stream.
    mutating func takeWarm(_ index: Int) -> Stream {
        guard configuration.latency.warmConnections > 0 else { return .empty }
        if !isRefillDue {
            isRefillDue = true
            timers.wheel.arm(refillTimer, at: now.advanced(nanoseconds: Self.refillAfter))
        }
        return backends[index].warm.take()
    }

    /// The time to make up for what was taken.
    mutating func refillExpired() {
        isRefillDue = false
        var index = -1
        while let next = backends.index(after: index) {
            fillWarm(next)
            index = next
        }
    }

    /// Closes what has ended, and makes up for it, while the backend is up and clients may come.
    mutating func refreshWarm(_ index: Int) {
        guard configuration.latency.warmConnections > 0 else { return }
        guard isUp(index) else { return backends[index].warm.dropAll() }
        backends[index].warm.refresh(now: now)
        fillWarm(index)
    }

    /// This machine is short of something: what no client has yet is given back before a client is turned away.
    mutating func dropAllWarm() {
        var index = -1
        while let next = backends.index(after: index) {
            backends[next].warm.dropAll()
            index = next
        }
    }

    private mutating func fillWarm(_ index: Int) {
        guard state == .running, isUp(index), let address = backends[index].address else { return }
        while backends[index].warm.hasRoom {
            // A lack of descriptors is told where sessions meet it.
            guard let stream = try? Stream(for: address, from: sourceForSessions(index)) else { return }
            if case .failed = stream.connect(to: address) { return }
            backends[index].warm.keep(stream, now: now)
        }
    }
}
