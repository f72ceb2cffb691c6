import Reactor

// Services: RFC 2782.
extension Lookup {
    /// A target of an SRV record.
    private struct Target: Hashable {
        let priority: UInt16
        let weight: UInt16
        let port: UInt16
        let name: DomainName

        init?(_ record: Record) {
            guard case .service(let priority, let weight, let port, let target) = record.data else { return nil }
            (self.priority, self.weight, self.port, name) = (priority, weight, port, target)
        }

        /// The first priority first, there the largest weight; the rest makes the order the same each time.
        static func comesFirst(_ left: Target, _ right: Target) -> Bool {
            if left.priority != right.priority { return left.priority < right.priority }
            if left.weight != right.weight { return left.weight > right.weight }
            return left.name != right.name ? left.name < right.name : left.port < right.port
        }
    }

    /// The servers of a service, by its full name.
    mutating func servers(of service: DomainName) throws(Unanswered) -> Verdict {
        var answer = try answer(to: Question(name: service, type: .srv))
        guard answer.exists else { return .unknown(answer.server) }
        guard !answer.records.isEmpty else { return .empty(.noRecords([.srv]), answer.server) }
        let offered = Set(answer.records.compactMap(Target.init)).filter { $0.name != .root && $0.port != 0 }
        guard !offered.isEmpty else { return .empty(.notOffered, answer.server) }
        let targets = offered.sorted(by: Target.comesFirst)
        var endpoints: [Endpoint] = []
        var without: [DomainName] = []
        var unusable: SocketAddress?
        for target in targets.prefix(bounds.targetsMax) {
            let host = try host(target.name, of: answer)
            let addresses = Self.addresses(host)
            unusable = unusable ?? addresses.unusable
            if addresses.usable.isEmpty {
                if !without.contains(target.name) { without.append(target.name) }
                continue
            }
            answer.timeToLive = min(answer.timeToLive, host.timeToLive)
            endpoints += addresses.usable.map {
                let address = $0.with(port: target.port)
                return Endpoint(
                    address: address, priority: target.priority, weight: target.weight, target: target.name)
            }
        }
        guard !endpoints.isEmpty else {
            let reason = unusable.map { Emptiness.unusable($0) }
            return .empty(reason ?? .targetsWithoutAddress(without.first ?? .root), answer.server)
        }
        let omitted = max(0, targets.count - bounds.targetsMax)
        return .found(result(service, answer, endpoints, omitted: omitted, without: without))
    }
}
