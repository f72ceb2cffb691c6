import Reactor

/// Connections to a backend that are held ready for sessions to come.
///
/// They are in no poller: whether one is still good is looked at when it is wanted, and now and then. One whose handshake
/// is still under way is handed out as well; it is then a connect that began earlier.
struct WarmConnections: ~Copyable {
    private var streams: Slab<Stream>
    /// Their places, the one made last at the end: it has the least reason to have been closed.
    private var order: [Int32] = []

    init(max: Int) {
        streams = Slab(capacity: max)
        order.reserveCapacity(max)
    }

    /// How many there are.
    var count: Int { streams.count }
    /// True while there may be more.
    var hasRoom: Bool { !streams.isFull }

    /// Keeps a connection; there must be room.
    mutating func keep(_ stream: consuming Stream) {
        if let key = streams.insert(stream) { order.append(key.index) }
    }

    /// Hands out one that has not ended; the empty stream when there is none.
    mutating func take() -> Stream {
        while let place = order.popLast() {
            let stream = streams.remove(at: Int(place))
            if !stream.isExhausted { return stream }
        }
        return .empty
    }

    /// Closes those that have ended.
    mutating func dropExhausted() {
        var kept = 0
        for place in order {
            if streams[Int(place)].isExhausted {
                _ = streams.remove(at: Int(place))
            } else {
                order[kept] = place
                kept += 1
            }
        }
        order.removeLast(order.count - kept)
    }

    /// Closes all.
    mutating func dropAll() {
        while let place = order.popLast() { _ = streams.remove(at: Int(place)) }
    }
}
