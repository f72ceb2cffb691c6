import Reactor

/// One client and its backend: a row of the session table.
///
/// ```
///   preface: see ``SessionPreface``
///    |
///    |  waiting
///    |  |   ^ no place at any backend
///    v   |
///               connected                   a side was reset, or only bytes
///   connecting -----------> relaying ---------------------------------------> lingering
///       |                      |             to be discarded are left             |
///       | no backend left      | both directions over, idle, cut                  | over, or no progress
///       v                      v                                                  v
///     ended                  ended                                              ended
/// ```
///
/// Every change of phase goes through ``move(to:)``, which lists all pairs.
///
/// Small and movable: two sockets, bytes not yet delivered, counters, phase, times. Fields are in the order with the
/// least padding: ten thousand idle sessions cost ten thousand times this size.
struct Session: ~Copyable {
    enum Phase: UInt8 {
        /// Its listener asks for something before a backend is picked: ``SessionPreface``.
        case preface
        /// A connect to a backend is under way. Nothing is read from the client.
        case connecting
        /// Every backend that may serve it has its most sessions: it stands in its pool's queue.
        case waiting
        /// Bytes flow.
        case relaying
        /// One side is gone. The other has time to take the bytes that are left, and to read those already sent.
        case lingering
        /// Its record is made; it leaves the slab.
        case ended
    }

    private struct SessionFlags: OptionSet {
        var rawValue: UInt8
        static let queued = SessionFlags(rawValue: 1 << 0)
        static let backendKeepalive = SessionFlags(rawValue: 1 << 1)
        static let watched = SessionFlags(rawValue: 1 << 2)
        static let ipv6 = SessionFlags(rawValue: 1 << 3)
        static let unix = SessionFlags(rawValue: 1 << 4)
        static let hasWaited = SessionFlags(rawValue: 1 << 5)
        static let counted = SessionFlags(rawValue: 1 << 6)
        static let cutShort = SessionFlags(rawValue: 1 << 7)
    }

    var times: SessionTimes

    var link: Link

    private(set) var phase = Phase.connecting
    private var flags: SessionFlags = []
    /// Counts the session's backend sockets, for their tokens.
    var lap: UInt8 = 0
    /// Which side ended first.
    var firstEnd: Party?
    /// The backends that were tried for it, until it is connected.
    var tried = TriedTargets()
    /// How often the timer has looked since lingering began.
    var lingerChecks: UInt8 = 0
    /// How many backends were tried.
    var attempts: UInt16 = 0
    /// The place of the pool that serves it.
    private(set) var pool: UInt16
    /// A fingerprint of what the hosts had acknowledged when the timer looked last: of two different counts, one pair in
    /// 65,536 has the same. A look that misses progress for that reason is followed by others before a session ends.
    private var acknowledged: UInt16 = 0
    /// One timer: the connect timeout, the check for idleness and age, or the end of lingering.
    let timer: TimerID
    /// The place of the backend that was tried last; -1 before the first.
    var target: Int32 = -1
    private var connectFailed = OptionalErrno.none
    private var clientPort: UInt16
    /// The client's IPv4 address; an IPv6 address is in ``Sessions/ipv6Hosts``.
    private var clientHost: UInt32

    init(
        client: consuming Stream, address: SocketAddress, pool: Int, timer: TimerID, now: Instant
    ) {
        // Accepted sockets inherit TCP_NODELAY from the listener.
        link = Link(client: Side(stream: client, hasNoDelay: true, isUnix: address.isUnix))
        link.client.isWritable = true
        self.pool = UInt16(truncatingIfNeeded: pool)
        self.timer = timer
        times = SessionTimes(accepted: now)
        clientPort = address.port
        switch address {
        case .ipv4(let host, _): clientHost = host
        case .ipv6: (clientHost, flags) = (0, .ipv6)
        case .unix: (clientHost, flags) = (0, .unix)
        }
    }

    /// The client is another one, by a PROXY header. The caller keeps an IPv6 address in ``Sessions/ipv6Hosts``.
    mutating func setClient(_ address: SocketAddress) {
        clientPort = address.port
        flags.subtract([.ipv6, .unix])
        switch address {
        case .ipv4(let host, _): clientHost = host
        case .ipv6: flags.insert(.ipv6)
        case .unix: flags.insert(.unix)
        }
    }

    /// The place of its pool: only before it is connected.
    mutating func setPool(_ place: Int) { pool = UInt16(truncatingIfNeeded: place) }

    /// The client's own address and port; `hosts` holds IPv6 addresses by the places of their sessions. Clients of a
    /// Unix socket have no address.
    func clientAddress(_ hosts: borrowing Column<IPv6Host>, at place: Int) -> SocketAddress {
        if flags.contains(.unix) { return .unix(path: "") }
        guard flags.contains(.ipv6) else { return .ipv4(clientHost, port: clientPort) }
        let host = hosts.value(at: place)
        return .ipv6(high: host.high, low: host.low, scope: host.scope, port: clientPort)
    }

    /// The key for hashing policies; 0 for clients without an address.
    func clientKey(_ hosts: borrowing Column<IPv6Host>, at place: Int, _ prefix: ClientPrefix) -> UInt64 {
        guard flags.contains(.ipv6) else { return prefix.key(clientHost) }
        let host = hosts.value(at: place)
        return prefix.key(high: host.high, low: host.low)
    }

    /// Changes the phase; nothing else does.
    mutating func move(to next: Phase) {
        switch (phase, next) {
        case (.connecting, .preface), (.preface, .connecting), (.preface, .ended), (.connecting, .relaying),
            (.connecting, .waiting), (.connecting, .ended), (.waiting, .connecting),
            (.waiting, .ended), (.relaying, .lingering), (.relaying, .ended), (.lingering, .ended):
            phase = next
        case (.preface, .preface), (.connecting, .connecting), (.waiting, .waiting), (.relaying, .relaying),
            (.lingering, .lingering):
            preconditionFailure("a phase is entered once: another attempt to connect is the same phase")
        case (.preface, .waiting), (.preface, .relaying), (.preface, .lingering):
            preconditionFailure("before a pool is picked there is neither a queue nor a backend")
        case (.waiting, .preface), (.relaying, .preface), (.lingering, .preface):
            preconditionFailure("the preface comes first, and once")
        case (.waiting, .relaying):
            preconditionFailure("one that waits has no backend")
        case (.connecting, .lingering), (.waiting, .lingering):
            preconditionFailure("without a backend nothing was delivered that a close could cut off")
        case (.relaying, .connecting), (.lingering, .connecting), (.relaying, .waiting), (.lingering, .waiting):
            preconditionFailure("once connected a session stays where it is: the backend may have acted on its bytes")
        case (.lingering, .relaying):
            preconditionFailure("a side that is gone does not come back")
        case (.ended, _):
            preconditionFailure("an ended session is no longer there")
        }
    }

    /// A backend is connected, or was.
    @inline(__always) var isConnected: Bool { phase.rawValue > Phase.waiting.rawValue }

    /// The session stands in one of the queues.
    var isQueued: Bool {
        get { flags.contains(.queued) }
        set { set(.queued, newValue) }
    }

    /// It counts for the limit of its listener.
    var isCounted: Bool {
        get { flags.contains(.counted) }
        set { set(.counted, newValue) }
    }

    /// The attempt in progress has less time than an attempt has by itself: when that is over, nothing is known of the backend.
    var isCutShort: Bool {
        get { flags.contains(.cutShort) }
        set { set(.cutShort, newValue) }
    }

    /// The attempt in progress is one of a drill, whose socket connects to nobody: what the kernel reports of it means nothing.
    /// Kept where lingering, which comes later, counts its checks to 100.
    var isDrilled: Bool {
        get { phase == .connecting && lingerChecks == .max }
        set { lingerChecks = newValue ? .max : 0 }
    }

    /// It has stood in its pool's queue, and does not stand at the end again.
    var hasWaited: Bool {
        get { flags.contains(.hasWaited) }
        set { set(.hasWaited, newValue) }
    }

    /// Keepalive is set on the backend's socket: only long sessions pay for the calls.
    var hasBackendKeepalive: Bool {
        get { flags.contains(.backendKeepalive) }
        set { set(.backendKeepalive, newValue) }
    }

    /// Its timer looks at what the hosts acknowledge.
    var isWatched: Bool {
        get { flags.contains(.watched) }
        set { set(.watched, newValue) }
    }

    /// Compares what the hosts have acknowledged with what it was at the last call; also tells how many bytes are still
    /// unacknowledged. Progress is what a host has acknowledged: the kernel's buffers take bytes from us that a host
    /// never gets.
    mutating func lookAtAcknowledged() -> (hasProgressed: Bool, unacknowledged: UInt64) {
        let unacknowledged = link.unacknowledged
        let count = link.upstream.delivered &+ link.downstream.delivered &- unacknowledged
        let now = UInt16(truncatingIfNeeded: count &* 0x9E37_79B9_7F4A_7C15 >> 48)
        defer { acknowledged = now }
        return (now != acknowledged, unacknowledged)
    }

    private mutating func set(_ flag: SessionFlags, _ value: Bool) {
        if value { flags.formUnion(flag) } else { flags.subtract(flag) }
    }

    /// Why the last attempt to connect failed.
    var connectFailure: Errno? {
        get { connectFailed.errno }
        set { connectFailed = OptionalErrno(newValue) }
    }

    /// Records which side ended first; true when that is news.
    @inline(__always) mutating func recordFirstEnd() -> Bool {
        guard firstEnd == nil else { return false }
        if link.client.hasEnded || link.client.isBroken {
            firstEnd = .client
        } else if link.backend.hasEnded || link.backend.isBroken {
            firstEnd = .backend
        }
        return firstEnd != nil
    }

    /// True when the backend has reset it before it had sent a byte: it may be unable to serve anybody.
    var wasResetUnserved: Bool {
        firstEnd == .backend && link.downstream.received == 0 && link.backend.failure?.isReset ?? false
    }

    /// When it is too old; nil for never.
    @inline(__always) func ageEnd(_ timeouts: borrowing SessionTimeouts) -> Instant? {
        timeouts.ageEnd(accepted: times.accepted, timer)
    }
}

/// An IPv6 address without its port.
struct IPv6Host: BitwiseCopyable {
    var high: UInt64
    var low: UInt64
    var scope: UInt32
}
