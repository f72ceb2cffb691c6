import Reactor

/// One client and its backend: a row of the session table.
///
/// ```
///               connected                   a side was reset, or only bytes
///   connecting -----------> relaying ---------------------------------------> lingering
///       |                      |             that nobody takes are left           |
///       | no backend left      | both directions over, idle, cut                  | over, or no progress
///       v                      v                                                  v
///                     finish: the one exit, which makes the session's record
/// ```
///
/// Small, explicit and movable: two descriptors, bytes not yet delivered, counters, phase, times.
struct Session: ~Copyable {
    enum Phase: UInt8 {
        /// A connect to a backend is under way. Nothing is read from the client.
        case connecting
        /// Bytes flow.
        case relaying
        /// A side is gone. The other is given time to take what is left, and to read what it was sent.
        case lingering
    }

    var phase = Phase.connecting
    /// Stands in the ready queue.
    var isQueued = false
    /// The keepalive of the backend's socket is set. Only a session that lasts pays for it.
    var hasBackendKeepalive = false
    /// Counts the backend sockets it has had, for their tokens.
    var lap: UInt8 = 0

    var client: Side
    var backend: Side
    /// From the client to the backend.
    var upstream = HalfRelay()
    /// From the backend to the client.
    var downstream = HalfRelay()

    /// One timer: the end of the connect, the look whether it is idle, the end of lingering.
    let timer: TimerID
    /// When something last happened.
    var lastActive: Instant
    let accepted: Instant
    /// When the backend's connection stood; of no meaning before.
    var connected: Instant

    let clientAddress: SocketAddress
    /// The place of the pool that serves it.
    let pool: Int32
    /// The backend it is connected to, or being so.
    var backendKey = SlabKey.none
    /// The backends it has been sent to.
    var tried = TriedBackends()
    var attempts: UInt16 = 0
    /// What had been delivered when lingering was last looked at.
    var deliveredBefore: UInt64 = 0
    /// Who ended first.
    var firstEnd: Party?
    /// Why the last attempt to connect failed.
    var connectFailure: Errno?

    init(
        client: consuming Stream, address: SocketAddress, pool: Int, timer: TimerID, now: Instant
    ) {
        // Accepted sockets inherit TCP_NODELAY from the listener.
        self.client = Side(stream: client, hasNoDelay: true)
        self.client.isWritable = true
        backend = Side(stream: .empty, hasNoDelay: false)
        clientAddress = address
        self.pool = Int32(pool)
        self.timer = timer
        accepted = now
        connected = now
        lastActive = now
    }

    /// One of the two was reset, as far as is known.
    var isReset: Bool { client.isReset || backend.isReset || isBroken }

    /// Bytes that either side has taken.
    var delivered: UInt64 { upstream.delivered + downstream.delivered }

    /// Bytes that were read and that nobody has taken.
    var undelivered: UInt64 {
        upstream.discarded + downstream.discarded + UInt64(upstream.waiting + downstream.waiting)
    }

    /// Reading from or writing to one of the two has failed.
    var isBroken: Bool { client.isBroken || backend.isBroken }

    /// Both directions have come to their end.
    var isOver: Bool { upstream.isOver && downstream.isOver }

    /// One direction is over and the other only throws bytes away.
    var isOnlyDiscarding: Bool {
        upstream.isOver && downstream.phase == .discarding || downstream.isOver && upstream.phase == .discarding
    }

    /// Remembers who ended first.
    mutating func noteEnds() {
        guard firstEnd == nil else { return }
        if client.hasEnded || client.isBroken {
            firstEnd = .client
        } else if backend.hasEnded || backend.isBroken {
            firstEnd = .backend
        }
    }
}

/// The backends that a session has been sent to, as a set of places in the slab. The first 64 places, which is all that
/// most ever have, take no memory of their own.
struct TriedBackends {
    private var low: UInt64 = 0
    private var high: [UInt64] = []

    func contains(_ place: Int) -> Bool {
        if place < 64 { return low & 1 << UInt64(place) != 0 }
        let word = place / 64 - 1
        return word < high.count && high[word] & 1 << UInt64(place % 64) != 0
    }

    mutating func insert(_ place: Int) {
        if place < 64 {
            low |= 1 << UInt64(place)
            return
        }
        let word = place / 64 - 1
        while high.count <= word { high.append(0) }
        high[word] |= 1 << UInt64(place % 64)
    }
}
