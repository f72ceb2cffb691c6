import Reactor

/// One look-up: which questions are asked, and what follows from their answers. It makes no system calls itself: whoever
/// makes it answers its questions.
public struct Lookup {
    typealias Ask = (Question) throws(Unanswered) -> Reply

    /// The most aliases in a row. As many as systemd-resolved follows (CNAME_REDIRECTS_MAX); sensible chains have three.
    public static let aliasesMax = 16
    /// The bounds of a time to live, in seconds. A server that says 0 would be asked without a pause, and what is kept for
    /// more than a day cannot be mended.
    public static let timeToLiveRange: ClosedRange<UInt32> = 1...86_400

    private let families: AddressFamilies
    let bounds: Bounds
    private let ask: Ask
    /// What has been answered: several services of one host ask for its addresses once.
    private var known: [Question: Answer] = [:]

    init(families: AddressFamilies = .any, bounds: Bounds = Bounds(), ask: @escaping Ask) {
        self.families = families
        self.bounds = bounds
        self.ask = ask
    }

    /// What is known of a question, its aliases followed.
    struct Answer {
        var server: SocketAddress
        var exists = true
        var records: [Record] = []
        var additional: [Record] = []
        var timeToLive = UInt32.max

        mutating func add(_ other: Answer) {
            server = other.server
            exists = exists || other.exists
            records += other.records
            timeToLive = min(timeToLive, other.timeToLive)
        }
    }

    /// What is known of a full name.
    enum Verdict {
        case found(Endpoints)
        case empty(Emptiness, SocketAddress)
        case unknown(SocketAddress)
    }

    // MARK: the search list

    /// Looks the candidates of a name up, one after the other, until one of them is found.
    ///
    /// Only "does not exist" and "has no such records" lead to the next one. A failure ends the search, as with musl:
    /// otherwise a short name would lead to other servers for as long as the right domain's name server is ill.
    mutating func search(
        _ sought: SoughtName, _ settings: NameServerSettings,
        _ lookUp: (inout Lookup, DomainName) throws(Unanswered) -> Verdict
    ) -> Finding {
        var asked: [DomainName] = []
        var empty: Finding?
        var unknown = Finding(sought, Unanswered(question: Question(name: sought.name, type: .a)))
        for name in sought.candidates(settings) {
            asked.append(name)
            do throws(Unanswered) {
                switch try lookUp(&self, name) {
                case .found(let endpoints): return .found(endpoints)
                case .empty(let reason, let server):
                    empty = empty ?? .empty(Absence(sought: sought, names: [name], server: server), reason)
                case .unknown(let server):
                    unknown = .unknown(Absence(sought: sought, names: asked, server: server))
                }
            } catch {
                return Finding(sought, error)
            }
        }
        return empty ?? unknown
    }

    // MARK: addresses

    /// The addresses of a full name.
    mutating func addresses(of name: DomainName) throws(Unanswered) -> Verdict {
        let host = try host(name, of: nil)
        guard host.exists else { return .unknown(host.server) }
        let (usable, unusable) = Self.addresses(host)
        guard !usable.isEmpty else {
            return .empty(unusable.map { .unusable($0) } ?? .noRecords(families.types), host.server)
        }
        let endpoints = usable.map { Endpoint(address: $0, priority: 0, weight: 0, target: name) }
        return .found(result(name, host, endpoints))
    }

    /// Asks for the addresses of a host in all families. The host exists when one of the answers says so: some servers
    /// deny a name that has IPv4 addresses when they are asked for IPv6 (RFC 4074, 4.2).
    mutating func host(_ name: DomainName, of service: Answer?) throws(Unanswered) -> Answer {
        var host = try answer(families.first, of: name, service)
        if let second = families.second { host.add(try answer(second, of: name, service)) }
        return host
    }

    /// Takes the records that came along with the service's answer, or asks. They come along whole or not at all (RFC
    /// 2181, 9), so those of one type are all there are. When there are none of a type, nothing follows.
    private mutating func answer(
        _ type: RecordType, of name: DomainName, _ service: Answer?
    ) throws(Unanswered) -> Answer {
        if let service {
            let given = service.additional.filter { $0.name == name && $0.type == type && $0.data != .other }
            if let lowest = given.map(\.seconds).min() {
                return Answer(server: service.server, records: given, timeToLive: lowest)
            }
        }
        return try answer(to: Question(name: name, type: type))
    }

    /// The addresses that can be connected to, and one that cannot.
    static func addresses(_ host: Answer) -> (usable: [SocketAddress], unusable: SocketAddress?) {
        let all = host.records.compactMap(\.address)
        let usable = all.filter { !$0.isWildcard && !$0.lacksScope }
        return (usable, all.first { $0.isWildcard || $0.lacksScope })
    }

    // MARK: the end

    /// Orders the endpoints, keeps the first with each address and port, and as many as the bounds allow.
    func result(
        _ name: DomainName, _ answer: Answer, _ endpoints: [Endpoint], omitted: Int = 0, without: [DomainName] = []
    ) -> Endpoints {
        var seen: Set<SocketAddress> = []
        let distinct = endpoints.sorted(by: Endpoint.comesFirst).filter { seen.insert($0.address).inserted }
        let kept = distinct.prefix(bounds.endpointsMax)
        let seconds = min(max(answer.timeToLive, Self.timeToLiveRange.lowerBound), Self.timeToLiveRange.upperBound)
        return Endpoints(
            name: name, server: answer.server, endpoints: Array(kept), timeToLive: .seconds(Int64(seconds)),
            omitted: omitted + distinct.count - kept.count, targetsWithoutAddress: without)
    }

    /// Asks, also for the names that aliases lead to where a server has not followed them; each question once.
    mutating func answer(to question: Question) throws(Unanswered) -> Answer {
        if let answer = known[question] { return answer }
        var current = question
        var aliases = 0
        var timeToLive = UInt32.max
        while true {
            let reply = try ask(current)
            var answer = Answer(server: reply.server, additional: reply.additional, timeToLive: timeToLive)
            switch reply.outcome {
            case .records(let records, let lowest):
                answer.records = records
                answer.timeToLive = min(timeToLive, lowest)
            case .nothing: break
            case .absent: answer.exists = false
            case .alias(let target, let lowest, let steps):
                aliases += steps
                guard aliases <= Self.aliasesMax else {
                    let cause = ServerFailure.Cause.malformed(.tooManyAliases)
                    let failure = ServerFailure(server: reply.server, isStream: false, cause: cause)
                    throw Unanswered(question: question, failures: [failure])
                }
                timeToLive = min(timeToLive, lowest)
                current = Question(name: target, type: question.type)
                continue
            }
            known[question] = answer
            return answer
        }
    }
}

extension Endpoint {
    /// See ``Endpoints/endpoints``.
    fileprivate static func comesFirst(_ left: Endpoint, _ right: Endpoint) -> Bool {
        if left.priority != right.priority { return left.priority < right.priority }
        if left.weight != right.weight { return left.weight > right.weight }
        if left.target != right.target { return left.target < right.target }
        if left.address.port != right.address.port { return left.address.port < right.address.port }
        return left.address.rank.lexicographicallyPrecedes(right.address.rank)
    }
}

extension SocketAddress {
    /// Numbers that order addresses: IPv4 first.
    fileprivate var rank: [UInt64] {
        switch self {
        case .ipv4(let address, _): [0, UInt64(address)]
        case .ipv6(let high, let low, _, _): [1, high, low]
        case .unix: [2]
        }
    }
}

extension Record {
    /// The address of an A or AAAA record, without a port.
    fileprivate var address: SocketAddress? {
        switch data {
        case .ipv4(let address): .ipv4(address, port: 0)
        case .ipv6(let high, let low): SocketAddress.ipv6(high: high, low: low, scope: 0, port: 0).canonical
        case .alias, .service, .other: nil
        }
    }
}
