import Reactor

/// What is kept of a session whose listener asks for something before the first byte goes to a backend; in a column of its
/// own, which other sessions do not touch.
///
/// ```
///   header --(read)--> the client may come? --yes--> name --(read)--> over: it has a pool
///                          |       ^
///                          v       |
///                        held: waits for one of its client's sessions to end, or for the client's rate
/// ```
struct SessionPreface: BitwiseCopyable {
    /// What it waits for.
    enum Stage: UInt8 {
        /// A PROXY header.
        case header
        /// Its client's limits.
        case held
        /// A ClientHello.
        case name
        /// Nothing more.
        case over
    }

    /// The number of its listener's rules in ``Sessions/rules``.
    let door: UInt16
    var stage: Stage
    /// ``entry`` counts it for its client's limits, as a session or as one that waits.
    var isEntered = false
    /// The server that its client has named, in ``Sessions/serverNames``.
    var name = SlabKey.none
    /// ``destination`` is that of its PROXY header.
    var hasDestination = false
    /// What counts it for its client's limits.
    var entry = ClientTable.Entry.none
    /// When the present stage is over.
    var deadline: Instant
    /// Where its client wanted to go, by its PROXY header.
    private var destinationHost = IPv6Host(high: 0, low: 0, scope: 0)
    private var destinationPort: UInt16 = 0
    private var isIPv4 = false

    init(door: UInt16, stage: Stage, deadline: Instant) {
        self.door = door
        self.stage = stage
        self.deadline = deadline
    }

    /// It waits for its client's limits, until `deadline` at most.
    mutating func hold(_ entry: ClientTable.Entry, atMost deadline: Instant) {
        self.entry = entry
        self.deadline = deadline
        (isEntered, stage) = (true, .held)
    }

    /// Its client has named a server.
    var hasName: Bool { name != .none }

    /// Where its client wanted to go, by its PROXY header; nil where that has not said so.
    var destination: SocketAddress? {
        get {
            guard hasDestination else { return nil }
            if isIPv4 { return .ipv4(UInt32(truncatingIfNeeded: destinationHost.low), port: destinationPort) }
            return .ipv6(
                high: destinationHost.high, low: destinationHost.low, scope: destinationHost.scope,
                port: destinationPort)
        }
        set {
            destinationPort = newValue?.port ?? 0
            switch newValue {
            case .ipv4(let host, _):
                (isIPv4, hasDestination) = (true, true)
                destinationHost = IPv6Host(high: 0, low: UInt64(host), scope: 0)
            case .ipv6(let high, let low, let scope, _):
                (isIPv4, hasDestination) = (false, true)
                destinationHost = IPv6Host(high: high, low: low, scope: scope)
            case .unix, nil: hasDestination = false
            }
        }
    }
}

/// What becomes of an accepted client.
enum Admittance {
    /// The listener asks for nothing.
    case free
    /// It has to say in a header who it is, before anything else is decided.
    case header
    /// It may come, and counts for its listener's limits per client, if there are any.
    case admitted(ClientTable.Entry?)
    /// It waits until one more of its sessions may come: see ``SessionPreface``.
    case held(ClientTable.Entry, until: Instant)
}

/// The addresses of listeners, as numbers: a PROXY header names the one that a client has connected to.
struct LocalAddresses {
    /// The first stands for what only the socket knows: that of a listener at `0.0.0.0` or `::`, or of what came after
    /// ``numbersMax`` others.
    private var addresses: [SocketAddress?] = [nil]

    private static let numbersMax = Int(UInt16.max)

    /// The number of an address. It looks through all: an ``Entrance`` keeps what it gets.
    mutating func number(of address: SocketAddress) -> UInt16 {
        guard !address.isWildcard, !address.isUnix else { return 0 }
        if let known = addresses.firstIndex(of: address) { return UInt16(known) }
        guard addresses.count <= Self.numbersMax else { return 0 }
        addresses.append(address)
        return UInt16(addresses.count - 1)
    }

    subscript(number: UInt16) -> SocketAddress? { addresses[Int(number)] }
}
