import Reactor

/// Where a server can be reached, as the DNS says.
public struct Endpoint: Hashable, Sendable {
    /// Its address; the port is 0 when the DNS does not tell it.
    public let address: SocketAddress
    /// Of an SRV record: servers with a lower number are used first. 0 otherwise. Source: RFC 2782.
    public let priority: UInt16
    /// Of an SRV record: the share among servers of the same priority; 0 is for "hardly any". 0 otherwise.
    public let weight: UInt16
    /// The name that has the address: the target of the SRV record, or the name that was looked up.
    public let target: DomainName
}

/// The servers that a name stands for.
public struct Endpoints: Hashable, Sendable {
    /// The full name that was found, also when it is an alias of another.
    public let name: DomainName
    /// The name server that told.
    public let server: SocketAddress
    /// Each address and port once, and at least one. Ordered by priority, weight (the highest first), target, port and
    /// address, so that the same answer always gives the same list, in whatever order the records came.
    public let endpoints: [Endpoint]
    /// How long that is to be believed: the lowest of all that was used, within ``Lookup/timeToLiveRange``.
    public let timeToLive: Duration
    /// How many targets and addresses are left out, because there are more than ``Bounds`` allow.
    public let omitted: Int
    /// Targets of SRV records that have no address.
    public let targetsWithoutAddress: [DomainName]
}

/// The bounds of an answer. They cut off what comes last in the order of ``Endpoints/endpoints``.
public struct Bounds: Hashable, Sendable {
    /// The most targets of a service that are looked up. Each may cost two questions.
    public var targetsMax = 64
    /// The most endpoints.
    public var endpointsMax = 256

    /// The usual bounds.
    public init() {}
}

/// The result of a look-up.
///
/// The description of each is one line for the operator, with the name server, the name and the reason.
public enum Finding: Hashable, Sendable {
    /// There are servers.
    case found(Endpoints)
    /// The name exists, and stands for no server.
    case empty(Absence, Emptiness)
    /// The name does not exist.
    case unknown(Absence)
    /// No name server has answered.
    case unanswered(SoughtName, Unanswered)
    /// No name server has answered, and at least one has sent something that is no answer.
    case malformed(SoughtName, Unanswered)

    init(_ sought: SoughtName, _ unanswered: Unanswered) {
        let isMalformed = unanswered.failures.contains(where: \.isMalformed)
        self = isMalformed ? .malformed(sought, unanswered) : .unanswered(sought, unanswered)
    }
}

/// A name that stands for no server, by the word of a name server.
public struct Absence: Hashable, Sendable {
    /// The name as it was sought.
    public let sought: SoughtName
    /// The full names that were asked for; several with a search list.
    public let names: [DomainName]
    /// The name server that told.
    public let server: SocketAddress
}

/// Why a name that exists stands for no server.
public enum Emptiness: Hashable, Sendable, CustomStringConvertible {
    /// It has no record of these types.
    case noRecords([RecordType])
    /// The SRV record says that there is no such service: its target is the root (RFC 2782), or its port is 0.
    case notOffered
    /// It has addresses only that nobody can connect to, such as this one: `0.0.0.0`, with which some name servers answer
    /// for a blocked name, or a link-local address without its link.
    case unusable(SocketAddress)
    /// None of the targets of its SRV records has an address; the first of them.
    case targetsWithoutAddress(DomainName)

    /// `has no A or AAAA record`
    public var description: String {
        switch self {
        case .noRecords(let types): "has no \(types.map(\.description).joined(separator: " or ")) record"
        case .notOffered: "is not offered (target '.' or port 0)"
        case .unusable(let address): "has the address \(address.host), to which nobody can connect"
        case .targetsWithoutAddress(let target): "has targets without an address, such as \(target)"
        }
    }
}

extension Finding: CustomStringConvertible {
    /// `db.example.org. does not exist, says 10.0.0.53:53`
    public var description: String {
        switch self {
        case .found(let found):
            let seconds = Int(found.timeToLive.milliseconds / 1000)
            let omitted = found.omitted > 0 ? ", and \(found.omitted) more are left out" : ""
            let skipped = found.targetsWithoutAddress.first.map { "; \($0) has no address" } ?? ""
            let count = found.endpoints.count == 1 ? "1 address" : "\(found.endpoints.count) addresses"
            return "\(found.name) has \(count)\(omitted), says \(found.server), for \(seconds) s\(skipped)"
        case .empty(let absence, let emptiness):
            return "\(absence.names.last ?? absence.sought.name) \(emptiness), says \(absence.server)"
        case .unknown(let absence):
            let names = absence.names.map(\.description).joined(separator: ", ")
            return "\(names) \(absence.names.count > 1 ? "do" : "does") not exist, says \(absence.server)"
        case .unanswered(let sought, let unanswered), .malformed(let sought, let unanswered):
            let isSearched = !sought.isComplete && unanswered.question.name != sought.name
            let remedy = isSearched ? "; with a dot at its end '\(sought)' is looked up as it stands" : ""
            return "\(unanswered)\(remedy)"
        }
    }
}
