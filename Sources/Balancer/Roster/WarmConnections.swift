import Reactor

/// Connections to a backend that are held ready for future sessions.
///
/// They are in no poller: whether one is still open is checked when it is taken, and at each refresh. One whose
/// handshake is still in progress is handed out as well: it is a connect that began earlier.
struct WarmConnections: ~Copyable {
    /// Below the 350 s after which the NAT gateways of the large clouds forget a silent connection.
    /// By the monotonic clock: gateways do not stand still when this process does.
    private static let ageMax: Duration = .seconds(300)

    private var streams: Slab<Stream>
    /// When each was made, by its place.
    private var made: [Instant]
    /// Their places, the newest at the end: it is the least likely to have been closed.
    private var order: [Int32] = []
    /// One had ended when it was taken: no more are made before the next refresh.
    private(set) var isSuspect = false

    init(max: Int) {
        streams = Slab(capacity: max)
        made = Array(repeating: Instant(nanoseconds: 0), count: max)
        order.reserveCapacity(max)
    }

    /// How many there are.
    var count: Int { order.count }

    /// True while another may be made.
    var hasRoom: Bool { !streams.isFull && !isSuspect }

    /// Keeps a connection; there must be room.
    mutating func keep(_ stream: consuming Stream, now: Instant) {
        guard let key = streams.insert(stream) else { return }
        made[Int(key.index)] = now
        order.append(key.index)
    }

    /// Hands out one that has not ended; the empty stream when there is none.
    mutating func take() -> Stream {
        while let place = order.popLast() {
            let stream = streams.remove(at: Int(place))
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
            if now > made[index] + Self.ageMax || streams[index].isExhausted {
                _ = streams.remove(at: index)
            } else {
                order[kept] = place
                kept += 1
            }
        }
        order.removeLast(order.count - kept)
        isSuspect = false
    }

    /// Closes all, and makes no more before the next refresh.
    mutating func dropAll() {
        while let place = order.popLast() { _ = streams.remove(at: Int(place)) }
        isSuspect = true
    }
}
