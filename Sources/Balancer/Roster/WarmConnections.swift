import Reactor

/// Connections to a backend that are held ready for future sessions.
///
/// They are in no poller: the kernel is asked for the state of one when it is taken, and at each refresh.
///
/// ```
///           established              taken
///   begun --------------> ready -----------------> a session
///     |                     |
///     +----------+----------+ ended, too old, not established in time, or a probe has failed
///                v
///             closed
/// ```
struct WarmConnections: ~Copyable {
    /// Below the 350 s after which the NAT gateways of the large clouds forget a silent connection.
    /// By the monotonic clock: gateways do not stand still when this process does.
    private static let ageMax: Duration = .seconds(300)
    /// A SYN without an answer is repeated after 1 s, then after 2 s, 4 s and so on (RFC 6298): a connection that is not
    /// established by then has lost it, and a new one is there earlier.
    private static let handshakeMax: Duration = .seconds(1)
    /// How many of those that are not established yet are looked at for one session: each look is a system call.
    private static let looksMax = 4

    private var streams: Slab<Stream>
    /// When each was made, by its place.
    private var made: [Instant]
    /// The places of those that were established when they were looked at last, the newest at the end: it is the least
    /// likely to have been closed.
    private var ready: [Int32] = []
    /// The places of the others, the one that was looked at last at the end.
    private var begun: [Int32] = []
    /// One had ended when it was taken: no more are made before the next refresh.
    private(set) var isSuspect = false

    init(max: Int) {
        streams = Slab(capacity: max)
        made = Array(repeating: Instant(nanoseconds: 0), count: max)
        ready.reserveCapacity(max)
        begun.reserveCapacity(max)
    }

    /// How many there are.
    var count: Int { ready.count + begun.count }

    /// True while another may be made.
    var hasRoom: Bool { !streams.isFull && !isSuspect }

    /// Keeps a connection that has begun to connect; there must be room.
    mutating func keep(_ stream: consuming Stream, now: Instant) {
        guard let key = streams.insert(stream) else { return }
        made[Int(key.index)] = now
        begun.append(key.index)
    }

    private enum Condition {
        case connecting
        case established
        /// The backend has ended its direction, or the connection has failed. Bytes that it sent before may be unread:
        /// a server that closes an idle connection may say so first (HTTP 408), which is no answer to a client.
        case ended
    }

    private func condition(_ place: Int32) -> Condition {
        let readiness = streams[Int(place)].readiness
        if !readiness.isDisjoint(with: .ending) { return .ended }
        // A socket has room for a write from the moment on that it is connected.
        return readiness.contains(.writable) ? .established : .connecting
    }

    /// Hands out one that is established and has not ended; the empty stream when there is none. One whose handshake is
    /// still in progress is no faster than a new connection, and stays.
    mutating func take() -> Stream {
        while let place = ready.popLast() {
            let isEstablished = condition(place) == .established
            let stream = streams.remove(at: Int(place))
            if isEstablished { return stream }
            isSuspect = true
        }
        for _ in 0..<min(begun.count, Self.looksMax) {
            let place = begun.removeFirst()
            switch condition(place) {
            case .established: return streams.remove(at: Int(place))
            case .connecting: begun.append(place)
            case .ended:
                _ = streams.remove(at: Int(place))
                isSuspect = true
            }
        }
        return .empty
    }

    /// Closes those that have ended, those that are old, and those that are not established in time. More may be made
    /// again.
    mutating func refresh(now: Instant) {
        let held = ready + begun
        ready.removeAll(keepingCapacity: true)
        begun.removeAll(keepingCapacity: true)
        for place in held {
            let age = now - made[Int(place)]
            switch condition(place) {
            case .established where age <= Self.ageMax: ready.append(place)
            case .connecting where age <= Self.handshakeMax: begun.append(place)
            default: _ = streams.remove(at: Int(place))
            }
        }
        isSuspect = false
    }

    /// Closes all, and makes no more before the next refresh.
    mutating func dropAll() {
        while let place = ready.popLast() ?? begun.popLast() { _ = streams.remove(at: Int(place)) }
        isSuspect = true
    }
}
