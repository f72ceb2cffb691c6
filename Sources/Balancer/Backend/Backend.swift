import Reactor

/// One target of a pool, as a loop sees it.
struct Backend: ~Copyable {
    /// The name that its address is looked up by; nil of one that is named by its address.
    let name: HostName?
    /// The place of its pool.
    let pool: Int
    private(set) var addresses: AddressHistory
    /// The address that connections to it come from.
    var source: SourceBinding
    var health: Health
    var probe: Probe
    /// For sessions to come.
    var warm: WarmConnections
    /// The resolver has been asked where it is, and has not answered.
    var isBeingLookedUp = false
    /// The resolver did not know when it was last asked.
    var isNameLost = false
    /// When a move was last followed by a probe at once.
    var probedByMove: Instant?

    init(
        _ settings: Configuration.Backend, pool: Int, source: SourceBinding, health: Health, probe: consuming Probe,
        warm: consuming WarmConnections
    ) {
        name = settings.name
        self.pool = pool
        addresses = AddressHistory()
        if let address = settings.address { addresses.move(to: address) }
        self.source = source
        self.health = health
        self.probe = probe
        self.warm = warm
    }

    /// Where it is; nil while its name has no address.
    @inline(__always) var address: SocketAddress? { addresses.current }

    /// True when new sessions may be sent to it, as far as its probes know.
    @inline(__always) var isUp: Bool { health.isUp && addresses.isKnown }

    /// What people know it by.
    var title: BackendTitle {
        if let address { return .address(address) }
        if let name { return .name(name) }
        preconditionFailure("a backend has an address or a name: Configuration.Backend")
    }

    /// It is elsewhere now: what is held ready, and what was found out about the way to it, was for the old address.
    mutating func move(to address: SocketAddress, source: SourceBinding) {
        addresses.move(to: address)
        self.source = source
        warm.dropAll()
    }
}

/// What a line calls a backend.
enum BackendTitle: Hashable, Sendable {
    case address(SocketAddress)
    /// While its name has no address.
    case name(HostName)

    var port: UInt16 {
        switch self {
        case .address(let address): address.port
        case .name(let name): name.port
        }
    }
}

/// The addresses that a backend has had, each with a number: a session keeps the number, so that its record tells where
/// it went, however often the backend has moved since.
struct AddressHistory {
    /// The last one; nil before the first.
    private(set) var current: SocketAddress?
    /// There is one.
    private(set) var isKnown = false
    /// Its number.
    private(set) var number: UInt8 = 0
    /// By their numbers. Beyond 256 each takes the place of another; the record of a session that has lasted
    /// that long may name the wrong one.
    private var known: [SocketAddress] = []

    mutating func move(to address: SocketAddress) {
        current = address
        isKnown = true
        if let place = known.firstIndex(of: address) {
            number = UInt8(place)
        } else if known.count <= Int(UInt8.max) {
            number = UInt8(known.count)
            known.append(address)
        } else {
            number &+= 1
            known[Int(number)] = address
        }
    }

    /// The address with a number.
    @inline(__always) subscript(number: UInt8) -> SocketAddress? {
        // All but always it is the last.
        if number == self.number { return current }
        return Int(number) < known.count ? known[Int(number)] : nil
    }
}

/// Backends that serve the same clients.
struct Pool {
    let healthCheck: Configuration.HealthCheck
    /// The address that connections come from, unless that is left to the kernel.
    let source: SocketAddress?
    /// Its backends' keys in the loop's slab, in the order of their turns.
    var members: [SlabKey]
    var policy: Policy
    /// While no member is up: the clients that were closed for it.
    var outage = Episode()
}
