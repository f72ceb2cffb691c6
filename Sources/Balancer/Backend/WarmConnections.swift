import Reactor

/// Connections to a backend that are held ready for sessions to come.
///
/// They are in no poller: whether one is still good is looked at when it is wanted, and with each probe. One whose
/// handshake is still under way is handed out as well; it is then a connect that began earlier.
struct WarmConnections: ~Copyable {
    private struct Connection: ~Copyable {
        let stream: Stream
        let made: Instant

        consuming func take() -> Stream { stream }
    }

    /// Below the 350 s after which the NAT gateways of the large clouds forget a silent connection.
    private static let ageMax: Duration = .seconds(300)

    private var connections: Slab<Connection>
    /// Their places, the one made last at the end: it has the least reason to have been closed.
    private var order: [Int32] = []
    /// One had ended when it was wanted: no more are made before the next probe has had its say.
    private(set) var isSuspect = false

    init(max: Int) {
        connections = Slab(capacity: max)
        order.reserveCapacity(max)
    }

    /// True while there may be more.
    var hasRoom: Bool { !connections.isFull && !isSuspect }

    /// Keeps a connection; there must be room.
    mutating func keep(_ stream: consuming Stream, now: Instant) {
        if let key = connections.insert(Connection(stream: stream, made: now)) { order.append(key.index) }
    }

    /// Hands out one that has not ended; the empty stream when there is none.
    mutating func take() -> Stream {
        while let place = order.popLast() {
            let stream = connections.remove(at: Int(place)).take()
            if !stream.isExhausted { return stream }
            isSuspect = true
        }
        return .empty
    }

    /// Closes those that have ended, and those that are old. More may be made again.
    mutating func refresh(now: Instant) {
        var kept = 0
        for place in order {
            let index = Int(place)
            if now > connections[index].made + Self.ageMax || connections[index].stream.isExhausted {
                _ = connections.remove(at: index)
            } else {
                order[kept] = place
                kept += 1
            }
        }
        order.removeLast(order.count - kept)
        isSuspect = false
    }

    /// Closes all, and makes no more before the next probe.
    mutating func dropAll() {
        while let place = order.popLast() { _ = connections.remove(at: Int(place)) }
        isSuspect = true
    }
}
