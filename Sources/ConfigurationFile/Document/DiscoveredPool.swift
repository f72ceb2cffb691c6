import Balancer
import Discovery
import Reactor
import Wording

/// A pool whose backends are found out while the balancer runs, and how.
public struct DiscoveredPool: Hashable, Sendable {
    /// Where its backends come from.
    public enum Source: Hashable, Sendable {
        /// Every address of a name, with this port.
        case addresses(SoughtName, port: UInt16)
        /// The SRV records of a service.
        case services(SoughtName)
        /// A file with a list of backends.
        case file(path: String)
    }

    /// The pool's name.
    public var name: String
    /// Where its backends come from.
    public var source: Source
    /// How often that is asked; nil for the time to live that the name server tells.
    public var every: Duration?
    /// Which addresses count, of a name or service.
    public var families: AddressFamilies
    /// With fewer backends an answer is not believed.
    public var min: Int
    /// Of more backends the last ones are left out.
    public var max: Int
    /// The weight of each backend of a name.
    public var weight: Int32
    /// The most sessions of each backend of a name or service; nil for no limit.
    public var sessionsMax: Int32?
    /// Of which family an address is taken when a backend of a file is a name with addresses of both (`AF_INET`,
    /// `AF_INET6`).
    public var preferredFamily: CInt

    /// A pool with the usual settings.
    public init(name: String, source: Source, preferredFamily: CInt, every: Duration? = nil) {
        self.name = name
        self.source = source
        self.every = every
        self.preferredFamily = preferredFamily
        families = .any
        min = 1
        max = FileLimits.discoveredMax
        weight = 1
    }
}

extension DiscoveredPool {
    /// From the map that stands as a pool's backends. The path of a file is relative to the folder of the file that names
    /// it.
    init(_ fields: Fields, pool: String, preferredFamily: CInt) throws(MissingKey) {
        let source: Source
        if case .nameAndPort(let both)? = fields["dns"]?.value {
            source = .addresses(both.name, port: both.port.rawValue)
        } else if case .service(let name)? = fields["srv"]?.value {
            source = .services(name)
        } else if let path = fields.path("file") {
            source = .file(path: path)
        } else {
            throw MissingKey(name: "dns")
        }
        self.init(name: pool, source: source, preferredFamily: preferredFamily, every: fields.duration("every"))
        switch fields["family"]?.value.asWord {
        case "ipv4": families = .ipv4
        case "ipv6": families = .ipv6
        default: families = .any
        }
        min = try fields.setting("min", \.asCount).value
        max = try fields.setting("max", \.asCount).value
        weight = Int32(fields.count("weight") ?? 1)
        sessionsMax = fields.count("sessions_max").map(Int32.init)
    }
}

extension Document {
    /// The pools whose backends are found out while the balancer runs.
    public var discoveredPools: [DiscoveredPool] {
        pools.compactMap { pool in
            pool.discovery.flatMap { fields in
                try? DiscoveredPool(fields, pool: pool.name.value, preferredFamily: preferredFamily(of: pool))
            }
        }
    }
}
