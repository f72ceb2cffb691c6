import Reactor

/// What a loop tells of a session, live or ended: numbers, which others put into words.
struct SessionFacts: BitwiseCopyable {
    var id: UInt64 = 0
    /// The client's address: its kind, host and port.
    var client = ClientHost()
    /// The number of its listener, by ``LoopSessions/listenerNames``.
    var listener: UInt16 = 0
    var phase = Session.Phase.connecting
    /// Its pool; ``none`` before it has one.
    var pool = SessionFacts.none
    /// Its backend; ``none`` before the first.
    var target = SessionFacts.none
    /// How often its backends were tried.
    var attempts: UInt16 = 0
    /// By the loop's clock, in nanoseconds, as all times here.
    var accepted: UInt64 = 0
    /// When its backend was connected; 0 without.
    var connected: UInt64 = 0
    var lastActive: UInt64 = 0
    var bytesUp: UInt64 = 0
    var bytesDown: UInt64 = 0
    var trace = SessionTrace()
    /// How it has ended; only of one that has.
    var end: End?

    /// How a session has ended.
    struct End: BitwiseCopyable {
        var reason: UInt8
        var by: UInt8
        var error: UInt16
        var time: UInt64
    }

    /// No pool, or no backend.
    static let none = UInt32.max
}

/// An address of a client in a form that is copied as it is.
struct ClientHost: BitwiseCopyable {
    private var high: UInt64 = 0
    private var low: UInt64 = 0
    private var scope: UInt32 = 0
    private var port: UInt16 = 0
    private var kind: UInt8 = 0

    init() {}

    init(_ address: SocketAddress) {
        port = address.port
        switch address {
        case .ipv4(let host, _): (kind, low) = (4, UInt64(host))
        case .ipv6(let high, let low, let scope, _): (kind, self.high, self.low, self.scope) = (6, high, low, scope)
        case .unix: break
        }
    }

    /// The address; a client of a Unix socket has none.
    var address: SocketAddress {
        switch kind {
        case 4: .ipv4(UInt32(truncatingIfNeeded: low), port: port)
        case 6: .ipv6(high: high, low: low, scope: scope, port: port)
        default: .unix(path: "")
        }
    }
}

/// The sessions that have ended last in a loop.
struct EndedSessions: ~Copyable {
    private var ring: [SessionFacts] = []
    /// The ids of those in `ring`, to be searched.
    private var ids: [UInt64] = []
    private var next = 0

    /// How many are remembered.
    static let countMax = 4096

    /// Room for all of them, so that no session pays for it: memory that nobody has written to costs none.
    mutating func reserve() {
        ring.reserveCapacity(Self.countMax)
        ids.reserveCapacity(Self.countMax)
    }

    mutating func add(_ facts: SessionFacts) {
        if ring.count < Self.countMax {
            ring.append(facts)
            ids.append(facts.id)
        } else {
            ring[next] = facts
            ids[next] = facts.id
        }
        next = next + 1 == Self.countMax ? 0 : next + 1
    }

    /// The session with this id; nil when it is not among them.
    func first(_ id: SessionID) -> SessionFacts? { ids.firstIndex(of: id.rawValue).map { ring[$0] } }
}
