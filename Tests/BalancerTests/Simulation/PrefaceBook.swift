import Reactor
import TestSupport

@testable import Balancer

/// What the listeners of a run ask of their clients, as it was and is, and which clients may have been asked for what.
final class PrefaceBook {
    /// A listener's settings, with the numbers of the configuration's pools by their indexes.
    struct Rules {
        let settings: Configuration.ListenerSettings
        let pools: [Int]

        /// The number of the pool of those that no name leads elsewhere.
        var pool: Int { pools[settings.pool] }

        /// The number of the pool of a name; nil when there is none.
        func route(_ name: String?) -> Int? {
            guard let names = settings.serverNames else { return pool }
            let fitting = names.routes.filter { route in
                let pattern = route.pattern.description
                guard let name else { return false }
                return pattern == name || pattern.hasPrefix("*") && name.hasSuffix(pattern.dropFirst())
            }
            return (fitting.first?.pool ?? names.otherwise).map { pools[$0] }
        }
    }

    private let seed: UInt64
    private var random: SeededGenerator
    /// The shares of clients that stop in the middle of their lead, in percent.
    let stopPercent: Int
    /// By the numbers of listeners, all that were in force, in their order.
    private(set) var versions: [Int: [Rules]] = [:]
    /// By the places of clients in ``SimulatedKernel/clients``: the numbers of the versions that were in force
    /// while they
    /// were there.
    private var seen: [Int: Set<Int>] = [:]

    init(seed: UInt64, stopPercent: Int) {
        self.seed = seed
        self.stopPercent = stopPercent
        random = SeededGenerator(seed: seed ^ 0x0B00_C0FE)
    }

    /// What a pool says to its backends, which depends on its number only.
    func proxy(of pool: Int) -> Configuration.ProxySend? {
        switch (UInt64(pool) &+ seed) % 4 {
        case 0: nil
        case 1: .init(.v1)
        case 2: .init(.v2)
        default: .init(.v2, hasChecksum: true, hasUniqueID: true, hasAuthority: true)
        }
    }

    // MARK: rules

    /// Gives a configuration's listeners rules, and notes them. `pools`: their numbers, by their indexes.
    func adjust(_ listeners: inout [Configuration.ListenerSettings], pools: [Int]) {
        for place in listeners.indices {
            let number = Int(listeners[place].address.port) - SimulatedKernel.firstPort
            let first = versions[number]?.first?.settings
            listeners[place].proxy = proxy(first)
            listeners[place].serverNames = names(first, pools)
            listeners[place].clients = clients(first)
            versions[number, default: []].append(Rules(settings: listeners[place], pools: pools))
        }
    }

    private func proxy(_ first: Configuration.ListenerSettings?) -> Configuration.ProxyAccept? {
        guard first == nil || random.chance(40) else { return first?.proxy }
        guard random.chance(70) else { return nil }
        // Peers are in 10.0.1.0/24 to 10.0.3.0/24.
        var from = [Network(.ipv4(0x0A00_0000, port: 0), length: 22)].compactMap(\.self)
        if random.chance(40) { from = [Network(.ipv4(0x0A00_0200, port: 0), length: 23)].compactMap(\.self) }
        return .init(
            random.chance(50) ? .required : .optional, from: from,
            timeout: .seconds(Int.random(in: 1...3, using: &random)))
    }

    private func names(
        _ first: Configuration.ListenerSettings?, _ pools: [Int]
    ) -> Configuration.ServerNames? {
        guard random.chance(first == nil ? 60 : first?.serverNames == nil ? 10 : 90) else { return nil }
        let routes = ["a.example", "b.example", "*.w.example"].compactMap { text in
            (try? ServerNamePattern(text)).map {
                Configuration.ServerNames.Route($0, pool: Int.random(in: pools.indices, using: &random))
            }
        }
        return .init(
            routes, otherwise: random.chance(50) ? Int.random(in: pools.indices, using: &random) : nil,
            timeout: .seconds(Int.random(in: 1...3, using: &random)))
    }

    private func clients(_ first: Configuration.ListenerSettings?) -> Configuration.ClientRules {
        var rules = Configuration.ClientRules()
        if random.chance(40) {
            rules.deny = [
                Network(.ipv4(0x0B00_0100, port: 0), length: 24), Network(.ipv4(0x0A00_0300, port: 0), length: 24),
                Network(.ipv6(high: 0x2001_0DB8_0000_0001, low: 0, scope: 0, port: 0), length: 64),
            ].compactMap(\.self)
            if random.chance(30) { rules.allow = [Network(.ipv4(0x0B00_0101, port: 0), length: 32)].compactMap(\.self) }
        }
        rules.refusal = random.chance(50) ? .reset : .close
        if first.map({ $0.clients.rate != nil }) ?? random.chance(30) {
            rules.rate = Rate(count: Int.random(in: 3...20, using: &random), per: .seconds(1))
        }
        guard first.map({ $0.clients.perClient != nil }) ?? random.chance(50) else { return rules }
        var limits = Configuration.ClientLimits()
        let old = first?.clients.perClient
        if old.map({ $0.sessionsMax != nil }) ?? random.chance(70) {
            limits.sessionsMax = Int32.random(in: 1...3, using: &random)
        }
        if old.map({ $0.rate != nil }) ?? (random.chance(50) || limits.sessionsMax == nil) {
            limits.rate = Rate(count: Int.random(in: 1...4, using: &random), per: .seconds(2))
        }
        (limits.prefix4, limits.prefix6) = (old?.prefix4 ?? (random.chance(50) ? 24 : 32), old?.prefix6 ?? 64)
        limits.excess = random.chance(60) ? .wait : .close
        limits.timeout = .seconds(Int.random(in: 1...6, using: &random))
        rules.perClient = limits
        return rules
    }

    // MARK: clients

    /// Notes that the clients that are there now may be asked for what their listeners ask for now.
    func noteClients(_ kernel: SimulatedKernel) {
        // Also those that have come and gone meanwhile.
        for (place, client) in kernel.clients.enumerated() where !client.isClosed || seen[place] == nil {
            seen[place, default: []].insert((versions[client.listener]?.count ?? 0) - 1)
        }
    }

    /// What a client may have been asked for.
    func rules(for client: SimulatedSocket, at place: Int) -> [Rules] {
        let all = versions[client.listener] ?? []
        return (seen[place] ?? [all.count - 1]).sorted().filter { $0 >= 0 }.map { all[$0] }
    }
}
