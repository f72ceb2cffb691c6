import Reactor
import Synchronization

/// What a listener asks of its clients before they get a backend: one value for its addresses and for all loops. A reload
/// makes a new one, with the same ``standing``.
final class ListenerRules: Sendable {
    /// What the operator calls the listener.
    let name: String
    /// Connections begin with a PROXY header; nil for none.
    let proxy: Configuration.ProxyAccept?
    /// The networks whose headers are believed.
    let trusted: NetworkSet
    /// The name that a client asks for leads to a pool; nil for no such names.
    let names: NameRoutes?
    /// Who may come, and what the others get.
    let networks: NetworkTable
    let refusal: Configuration.ClientRules.Refusal
    /// The listener has a rate.
    let hasRate: Bool
    /// What each client may have; nil for no limit.
    let perClient: Configuration.ClientLimits?
    /// The pool of its clients, where no name leads to another.
    let pool: PoolID
    /// What lasts as long as the listener's name.
    let standing: ListenerStanding

    /// - Parameter pools: The ids of the configuration's pools, by their indexes.
    init(
        _ settings: Configuration.ListenerSettings, _ pools: [PoolID], _ networks: NetworkTable?,
        _ standing: ListenerStanding
    ) {
        name = settings.name
        pool = pools[settings.pool]
        proxy = settings.proxy
        trusted = NetworkSet(settings.proxy?.from ?? [])
        names = settings.serverNames.map { NameRoutes($0, pools, standing) }
        self.networks = networks ?? NetworkTable(allow: [], deny: [])
        refusal = settings.clients.refusal
        hasRate = settings.clients.rate != nil
        perClient = settings.clients.perClient
        self.standing = standing
    }

    /// Those of a listener that asks for nothing any more.
    init(nothing name: String, pool: PoolID, _ standing: ListenerStanding) {
        self.name = name
        self.pool = pool
        self.standing = standing
        (proxy, names, perClient) = (nil, nil, nil)
        trusted = NetworkSet([])
        networks = NetworkTable(allow: [], deny: [])
        (refusal, hasRate) = (.reset, false)
    }

    /// True when a header of this peer is believed. Whoever may connect to a Unix socket is trusted.
    func trusts(_ peer: SocketAddress) -> Bool { peer.isUnix || trusted.contains(peer) }

    /// True when one of its server names leads to the pool.
    func leads(to pool: PoolID) -> Bool { names?.routes.contains { $0.pool == pool } ?? false }

    /// Whether a client may come now, apart from its network. An entry that it gets is given back by
    /// `standing.clients.leave`. `now`: CLOCK_MONOTONIC, which all loops have in common.
    func admit(_ client: SocketAddress, now: Instant) -> ClientTable.Verdict? {
        perClient == nil ? nil : standing.clients.admit(client, now: now.nanoseconds)
    }
}

/// Where the names of a listener lead.
struct NameRoutes: Sendable {
    /// One way to a pool.
    struct Route: Sendable {
        /// The pattern, `alpn:` and the protocol, or `*` for all others.
        let title: String
        let pool: PoolID
        /// Clients that have taken it.
        let count: SharedCount
    }

    let timeout: Duration
    /// Names first, then protocols, then what is left.
    let routes: [Route]
    /// Looks for protocols, which costs something.
    let wantsProtocols: Bool
    private let names: ServerNameRoutes<Int>
    private let protocols: [[UInt8]: Int]
    private let otherwise: Int?

    init(_ settings: Configuration.ServerNames, _ pools: [PoolID], _ standing: ListenerStanding) {
        timeout = settings.timeout
        wantsProtocols = !settings.protocols.isEmpty
        let titles =
            settings.routes.map(\.pattern.description)
            + settings.protocols.map { "alpn:\(EscapedBytes.text($0.identifier))" }
            + (settings.otherwise == nil ? [] : ["*"])
        routes = zip(titles, settings.pools).map { title, pool in
            Route(title: title, pool: pools[pool], count: standing.count(of: title))
        }
        names = ServerNameRoutes(settings.routes.enumerated().map { ($1.pattern, $0) })
        let first = settings.routes.count
        protocols = Dictionary(
            settings.protocols.enumerated().map { ($1.identifier, first + $0) }, uniquingKeysWith: { known, _ in known }
        )
        otherwise = settings.otherwise == nil ? nil : routes.count - 1
    }

    /// Clients without a route are closed.
    var closesOthers: Bool { otherwise == nil }

    /// The way of a client with this name, which offers these protocols; nil when it is to be closed.
    func route(_ name: ServerName?, _ offered: [[UInt8]]) -> Route? {
        let place =
            offered.lazy.compactMap { protocols[$0] }.first ?? name.flatMap { names.value(for: $0) } ?? otherwise
        return place.map { routes[$0] }
    }
}

/// What lasts as long as a listener's name: its clients, its rate, and what is counted of it.
///
/// Unchecked: `counts` is accessed only with the lock held, and `latestRate` with the roster's, which the compiler cannot see.
final class ListenerStanding: @unchecked Sendable {
    /// Who is there, by listener and client.
    let clients: SharedClients
    /// New clients of the listener as a whole.
    let rate: SharedRate
    /// Clients closed at the accept, or after their PROXY header, because of their network.
    let denied = SharedCount()
    /// Clients closed because they had as many sessions as they may, or came too fast.
    let overLimit = SharedCount()
    /// Clients closed for their PROXY header.
    let headersWrong = SharedCount()
    /// Clients closed for the server that they named, or did not name.
    let namesWrong = SharedCount()
    private let lock = Lock()
    private var counts: [String: SharedCount] = [:]
    /// Only with the roster's lock held, under which reloads are taken over.
    private var latestRate: Rate?
    /// The most sessions of a client that an operator has set; nil for what is configured. Only with the lock held.
    private var perClientSet: Int32?

    init() {
        clients = SharedClients(ClientTable.Settings(), seed: .random(in: .min ... .max))
        rate = SharedRate(nil, now: 0)
    }

    /// Takes over what a configuration allows.
    func apply(_ rules: Configuration.ClientRules) {
        if let perClient = rules.perClient {
            change(perClient)
        } else {
            // What was set was set for a limit that there is no more.
            lock.lock()
            perClientSet = nil
            lock.unlock()
        }
        guard rules.rate != latestRate else { return }
        // A first rate begins with a full bucket, whatever the clock of the loops shows.
        rate.change(to: rules.rate, now: latestRate == nil ? 0 : Clock.monotonic.now().nanoseconds)
        latestRate = rules.rate
    }

    private func change(_ perClient: Configuration.ClientLimits) {
        clients.change(
            .init(
                sessionsMax: self.perClient(perClient), rate: perClient.rate, prefix4: perClient.prefix4,
                prefix6: perClient.prefix6))
    }

    /// The most sessions of a client, where so much is configured.
    func perClient(_ configured: Configuration.ClientLimits) -> Int32? {
        lock.lock()
        defer { lock.unlock() }
        return perClientSet ?? configured.sessionsMax
    }

    /// What an operator has set; nil for what is configured.
    var perClientSteered: Int32? {
        lock.lock()
        defer { lock.unlock() }
        return perClientSet
    }

    /// An operator sets the most sessions of a client; nil for what is configured.
    func limit(_ most: Int32?, _ configured: Configuration.ClientLimits) {
        lock.lock()
        perClientSet = most
        lock.unlock()
        change(configured)
    }

    /// The count of those that were sent away for this reason; nil where nobody is.
    func count(of trouble: ListenerTrouble) -> SharedCount? {
        switch trouble {
        case .denied: denied
        case .overLimit: overLimit
        case .header: headersWrong
        case .name: namesWrong
        case .rate: nil
        }
    }

    /// The count of a route: one that comes again goes on from where it was.
    func count(of title: String) -> SharedCount {
        lock.lock()
        defer { lock.unlock() }
        if let known = counts[title] { return known }
        // Titles that have come and gone with reloads.
        if counts.count >= 4 * Limits.routesMax { counts = [:] }
        let count = SharedCount()
        counts[title] = count
        return count
    }
}

/// A count that all loops add to. Relaxed: it orders nothing.
final class SharedCount: Sendable {
    private let atomic = Atomic<UInt64>(0)

    /// The sum.
    var value: UInt64 { atomic.load(ordering: .relaxed) }

    /// Counts one more.
    func add() { atomic.wrappingAdd(1, ordering: .relaxed) }
}
