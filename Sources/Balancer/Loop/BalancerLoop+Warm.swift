import Reactor

// Connections to backends that are made before a client wants one.
extension BalancerLoop {
    /// A connection that was held ready, or the empty stream; the next one is begun in its place.
    mutating func takeWarm(_ index: Int) -> Stream {
        guard configuration.latency.warmConnections > 0 else { return .empty }
        let stream = backends[index].warm.take()
        fillWarm(index)
        return stream
    }

    /// Closes what has ended, and makes up for it, while the backend is up and clients may come.
    mutating func refreshWarm(_ index: Int) {
        guard configuration.latency.warmConnections > 0 else { return }
        guard isUp(index) else { return backends[index].warm.dropAll() }
        backends[index].warm.dropExhausted()
        fillWarm(index)
    }

    private mutating func fillWarm(_ index: Int) {
        guard state == .running, isUp(index) else { return }
        while backends[index].warm.hasRoom {
            // A lack of descriptors is told where sessions meet it.
            guard
                let stream = try? Stream(for: backends[index].address, from: sourceForSessions(index))
            else { return }
            if case .failed = stream.connect(to: backends[index].address) { return }
            backends[index].warm.keep(stream)
        }
    }
}
