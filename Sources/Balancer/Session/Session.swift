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
/// Small, explicit and movable: two descriptors, bytes not yet delivered, counters, phase, times. Fields stand in the
/// order that leaves the fewest gaps: this, times ten thousand, is what idle sessions cost.
struct Session: ~Copyable {
    enum Phase: UInt8 {
        /// A connect to a backend is under way. Nothing is read from the client.
        case connecting
        /// Bytes flow.
        case relaying
        /// A side is gone. The other is given time to take what is left, and to read what it was sent.
        case lingering
    }

    private struct Flags: OptionSet {
        var rawValue: UInt8
        static let queued = Flags(rawValue: 1 << 0)
        static let backendKeepalive = Flags(rawValue: 1 << 1)
        static let progress = Flags(rawValue: 1 << 2)
        static let ipv6 = Flags(rawValue: 1 << 3)
        static let unix = Flags(rawValue: 1 << 4)
    }

    var times: SessionTimes

    var client: Side
    var backend: Side
    /// From the client to the backend.
    var upstream = HalfRelay()
    /// From the backend to the client.
    var downstream = HalfRelay()

    var phase = Phase.connecting
    private var flags: Flags = []
    /// Counts the backend sockets it has had, for their tokens.
    var lap: UInt8 = 0
    /// Which of the addresses that its backend has had it was sent to.
    var backendAddress: UInt8 = 0
    /// Who ended first.
    var firstEnd: Party?
    /// The backends it has been sent to.
    var tried = TriedBackends()
    /// The place of the pool that serves it.
    let pool: UInt16
    /// One timer: the end of the connect, the look whether it is idle, the end of lingering.
    let timer: TimerID
    private var connectFailed = OptionalErrno.none
    private let clientPort: UInt16
    /// The client's IPv4 address; one of IPv6 is kept beside the session, by the loop.
    private let clientHost: UInt32
    /// The backend it is connected to, or being so.
    var backendKey = SlabKey.none

    init(
        client: consuming Stream, address: SocketAddress, pool: Int, timer: TimerID, now: Instant
    ) {
        // Accepted sockets inherit TCP_NODELAY from the listener.
        self.client = Side(stream: client, hasNoDelay: true, isUnix: address.isUnix)
        self.client.isWritable = true
        backend = Side(stream: .empty, hasNoDelay: false, isUnix: false)
        self.pool = UInt16(pool)
        self.timer = timer
        times = SessionTimes(accepted: now)
        clientPort = address.port
        switch address {
        case .ipv4(let host, _): clientHost = host
        case .ipv6: (clientHost, flags) = (0, .ipv6)
        case .unix: (clientHost, flags) = (0, .unix)
        }
    }

    /// The client's own address and port; `hosts` has the IPv6 addresses of the sessions at their places. Clients of a
    /// Unix socket have no name.
    func clientAddress(_ hosts: borrowing Column<IPv6Host>, at place: Int) -> SocketAddress {
        if flags.contains(.unix) { return .unix(path: "") }
        guard flags.contains(.ipv6) else { return .ipv4(clientHost, port: clientPort) }
        let host = hosts.value(at: place)
        return .ipv6(high: host.high, low: host.low, scope: host.scope, port: clientPort)
    }

    /// Stands in the ready queue.
    var isQueued: Bool {
        get { flags.contains(.queued) }
        set { set(.queued, newValue) }
    }

    /// The keepalive of the backend's socket is set. Only a session that lasts pays for it.
    var hasBackendKeepalive: Bool {
        get { flags.contains(.backendKeepalive) }
        set { set(.backendKeepalive, newValue) }
    }

    /// Something was delivered since lingering was last looked at.
    var hasProgressed: Bool {
        get { flags.contains(.progress) }
        set { set(.progress, newValue) }
    }

    private mutating func set(_ flag: Flags, _ value: Bool) {
        if value { flags.formUnion(flag) } else { flags.subtract(flag) }
    }

    /// Why the last attempt to connect failed.
    var connectFailure: Errno? {
        get { connectFailed.errno }
        set { connectFailed = OptionalErrno(newValue) }
    }

    /// One of the two was reset, as far as is known.
    @inline(__always) var isReset: Bool { client.isReset || backend.isReset || isBroken }

    /// Bytes that either side has taken.
    @inline(__always) var delivered: UInt64 { upstream.delivered + downstream.delivered }

    /// Bytes that were read and that nobody has taken.
    @inline(__always) var undelivered: UInt64 {
        UInt64(upstream.discarded) + UInt64(downstream.discarded)
            + UInt64(upstream.waiting.count + downstream.waiting.count)
    }

    /// Reading from or writing to one of the two has failed.
    @inline(__always) var isBroken: Bool { client.isBroken || backend.isBroken }

    /// Both directions have come to their end.
    @inline(__always) var isOver: Bool { upstream.isOver && downstream.isOver }

    /// One direction is over and the other only throws bytes away.
    @inline(__always) var isOnlyDiscarding: Bool {
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

/// An IPv6 address without its port.
struct IPv6Host: BitwiseCopyable {
    var high: UInt64
    var low: UInt64
    var scope: UInt32
}

/// The backends that a session has been sent to, as a set of places in the slab. The first 64 places, which is all that
/// most ever have, take no memory of their own.
enum TriedBackends {
    case few(UInt64)
    case many([UInt64])

    init() { self = .few(0) }

    func contains(_ place: Int) -> Bool {
        switch self {
        case .few(let word):
            place < 64 && word & 1 << UInt64(place) != 0
        case .many(let words):
            place / 64 < words.count && words[place / 64] & 1 << UInt64(place % 64) != 0
        }
    }

    mutating func insert(_ place: Int) {
        switch self {
        case .few(let word) where place < 64:
            self = .few(word | 1 << UInt64(place))
        case .few(let word):
            self = .many([word])
            insert(place)
        case .many(var words):
            self = .few(0)
            while words.count <= place / 64 { words.append(0) }
            words[place / 64] |= 1 << UInt64(place % 64)
            self = .many(words)
        }
    }

    /// How many there are.
    var count: Int {
        switch self {
        case .few(let word): word.nonzeroBitCount
        case .many(let words): words.reduce(0) { $0 + $1.nonzeroBitCount }
        }
    }
}
