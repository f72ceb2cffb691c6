import Balancer
import ConfigurationFile
import Discovery
import Reactor

// Findings of name servers as backends. Pure: the same finding always gives the same backends in the same order.
extension DiscoveredPool {
    /// The backends of a finding, before ``bounded(_:remarks:timeToLive:besides:)``.
    func answer(_ finding: Finding, besides own: [OwnAddress]) -> SourceAnswer {
        switch finding {
        case .found(let endpoints):
            var remarks = endpoints.targetsWithoutAddress.prefix(1).map { "\($0) has no address, and is left out" }
            if endpoints.omitted > 0 {
                remarks.append("\(endpoints.omitted) more are left out: one answer has too many")
            }
            return bounded(
                backends(endpoints.endpoints), remarks: remarks, timeToLive: endpoints.timeToLive, besides: own)
        case .unknown, .empty(_, .noRecords), .empty(_, .notOffered):
            guard min == 0 else { return .failed(Failure(kind: .nothing, reason: finding.description)) }
            return .backends([])
        case .empty(_, .unusable), .empty(_, .targetsWithoutAddress):
            return .failed(Failure(kind: .nothing, reason: finding.description))
        case .unanswered, .malformed:
            return .failed(Failure(kind: .unanswered, reason: finding.description))
        }
    }

    /// Leaves out what the balancer itself listens on and what has the name of another backend, and applies the bounds.
    ///
    /// One backend that cannot be used costs none of the others. The rest is cut off in the order in which it stands, which
    /// is the same each time.
    func bounded(
        _ all: [Configuration.Backend], remarks: [String] = [], timeToLive: Duration? = nil, besides own: [OwnAddress]
    ) -> SourceAnswer {
        var remarks = remarks
        var titles: Set<String> = []
        var usable: [Configuration.Backend] = []
        for backend in all {
            if let address = backend.address, own.contains(where: { $0.receives(address) }) {
                remarks.append("\(backend.title) is left out: the balancer itself listens on it")
            } else if titles.insert(backend.title).inserted {
                usable.append(backend)
            }
        }
        guard usable.count >= min else {
            let count = usable.count == 1 ? "1 backend" : "\(usable.count) backends"
            let reason = (["\(count), and at least \(min) are needed ('min')"] + remarks).joined(separator: "; ")
            return .failed(Failure(kind: .few, reason: reason))
        }
        if usable.count > max {
            remarks.append("\(usable.count - max) of \(usable.count) backends are left out: 'max' is \(max)")
        }
        return .backends(Array(usable.prefix(max)), remarks: remarks, timeToLive: timeToLive)
    }

    private func backends(_ endpoints: [Endpoint]) -> [Configuration.Backend] {
        switch source {
        case .addresses(_, let port):
            endpoints.map {
                .init(address: $0.address.with(port: port), sessionsMax: sessionsMax, weight: weight)
            }
        case .services: services(endpoints)
        case .file: []
        }
    }

    /// Those of the lowest priority are used, and all others are backups: there are two ranks of backends. Each rank has
    /// its own scale of weights, since the two never share clients.
    private func services(_ endpoints: [Endpoint]) -> [Configuration.Backend] {
        let lowest = endpoints.map(\.priority).min() ?? 0
        let first = Weights.scaled(endpoints.filter { $0.priority == lowest }.map(\.weight))
        let others = Weights.scaled(endpoints.filter { $0.priority != lowest }.map(\.weight))
        var counts: [Server: Int] = [:]
        for endpoint in endpoints { counts[Server(endpoint), default: 0] += 1 }
        // They come ordered by priority, so those of the lowest are the first.
        return zip(endpoints, first + others).map { endpoint, weight in
            .init(
                address: endpoint.address, sessionsMax: sessionsMax,
                label: counts[Server(endpoint)] == 1 ? Self.label(endpoint) : nil, weight: weight,
                isBackup: endpoint.priority != lowest)
        }
    }

    private struct Server: Hashable {
        let name: DomainName
        let port: UInt16

        init(_ endpoint: Endpoint) {
            name = endpoint.target
            port = endpoint.address.port
        }
    }

    /// `a.example.org:5432`: it stays when the server moves to another address. nil of a name that is too long for a
    /// label.
    private static func label(_ endpoint: Endpoint) -> String? {
        let label = "\(endpoint.target.description.dropLast()):\(endpoint.address.port)"
        return label.utf8.count <= Limits.labelBytesMax ? label : nil
    }
}

/// Weights of SRV records, 0 to 65535, as weights of backends, 0 to ``Limits/weightMax``.
enum Weights {
    /// The weights of the records in their order.
    ///
    /// Ratios hold as well as whole numbers allow. A weight of 0 is for "hardly any" beside larger ones (RFC 2782), and
    /// becomes 1, as does what is too small beside the largest; where all are 0, all are equal.
    static func scaled(_ weights: [UInt16]) -> [Int32] {
        let positive = weights.filter { $0 > 0 }
        guard let largest = positive.max() else { return weights.map { _ in 1 } }
        let most = Int(Limits.weightMax)
        // Beside a 0 the others are as heavy as they can be; otherwise small numbers stay as they are.
        let isMixed = positive.count < weights.count
        if !isMixed, Int(largest) <= most { return weights.map(Int32.init) }
        let divisor = positive.reduce(Int(largest)) { gcd($0, Int($1)) }
        let reduced = Int(largest) / divisor
        return weights.map { weight in
            let own = Int(weight) / divisor
            let scaled = reduced <= most && !isMixed ? own : (own * most + reduced / 2) / reduced
            return Int32(max(1, scaled))
        }
    }

    private static func gcd(_ one: Int, _ other: Int) -> Int { other == 0 ? one : gcd(other, one % other) }
}
