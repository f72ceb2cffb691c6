import Reactor

@testable import Balancer

/// What happens before the first byte of sessions, as it is seen between turns: who comes in, how many of a client
/// and how
/// fast, who waits for how long, and where they go.
struct PrefaceWatch {
    /// A client of a listener, for its limits.
    private struct Client: Hashable {
        let standing: ObjectIdentifier
        let network: Network
    }

    /// What may come in the course of time.
    private struct Bucket {
        var tokens: Double
        var last: UInt64
    }

    /// A session as it is after a turn.
    private struct Row {
        let key: SlabKey
        let rules: ListenerRules
        let address: SocketAddress
        let socket: SimulatedSocket
        let isIn: Bool
        let isHeld: Bool
        /// The number of the pool of its backend, if it has one or had one.
        let pool: Int?
        let age: Duration
    }

    private var buckets: [Client: Bucket] = [:]
    private var listenerBuckets: [ObjectIdentifier: Bucket] = [:]
    private var sessionsBefore: [Client: Int] = [:]
    private var known: Set<SlabKey> = []
    private var entered: Set<SlabKey> = []
    private var routed: Set<SlabKey> = []
    /// Clients that have waited for their limits.
    private(set) var held: Set<ObjectIdentifier> = []

    /// Timers are put off for polls that are not complete.
    private static let slack: Duration = .seconds(1)

    /// One more turn is over, or a change between two turns; returns what does not hold, for people.
    mutating func look(at loop: borrowing BalancerLoop, _ kernel: SimulatedKernel, _ book: PrefaceBook) -> [String] {
        let rows = Self.rows(loop, kernel)
        let now = loop.core.monotonicNow.nanoseconds
        var found = lookAtCounts(rows)
        found += lookAtRates(rows, now, book)
        let standings = Set(loop.targets.roster.listeners.compactMap { $0.rules.map { ObjectIdentifier($0.standing) } })
        // A listener that goes takes all who wait, at whatever rate.
        found += lookAtListeners(rows.filter { standings.contains(ObjectIdentifier($0.rules.standing)) }, now, book)
        if loop.state != .running { found = [] }
        found += lookAtWays(rows, kernel, book)
        for row in rows where !row.isIn {
            if row.isHeld { held.insert(ObjectIdentifier(row.socket)) }
            let all = book.versions[row.socket.listener] ?? []
            let longest =
                (all.compactMap { $0.settings.proxy?.timeout }.max() ?? .zero)
                + (all.compactMap { $0.settings.clients.perClient?.timeout }.max() ?? .zero)
            if row.age > longest + Self.slack { found.append("client \(row.socket.host.id) waits for \(row.age)") }
        }
        known = Set(rows.map(\.key))
        entered = Set(rows.filter(\.isIn).map(\.key))
        return found
    }

    private static func rows(_ loop: borrowing BalancerLoop, _ kernel: SimulatedKernel) -> [Row] {
        var rows: [Row] = []
        for index in loop.sessions.slab.indexRange where loop.sessions.slab.isTaken(index) {
            guard loop.sessions.origins.value(at: index).hasPreface,
                let socket = kernel.socketObject(loop.sessions.slab[index].link.client.stream.number)
            else { continue }
            let preface = loop.sessions.prefaces.value(at: index)
            let isOver = loop.sessions.slab[index].phase != .preface
            let target = Int(loop.sessions.slab[index].target)
            rows.append(
                Row(
                    key: loop.sessions.slab.key(at: index), rules: loop.sessions.rules[Int(preface.door)],
                    address: loop.sessions.slab[index].clientAddress(loop.sessions.ipv6Hosts, at: index),
                    socket: socket, isIn: isOver || preface.stage == .name || preface.stage == .over,
                    isHeld: !isOver && preface.stage == .held,
                    pool: target < 0 ? nil : RosterScript.pool(of: loop.targets.states[target].address),
                    age: loop.core.now - loop.sessions.slab[index].times.accepted))
        }
        return rows
    }

    private static func client(_ row: Row) -> Client? {
        guard let limits = row.rules.perClient else { return nil }
        var length = limits.prefix4
        if case .ipv6 = row.address { length = limits.prefix6 }
        return Network(clearing: row.address, length: length).map {
            Client(standing: ObjectIdentifier(row.rules.standing), network: $0)
        }
    }

    /// No client gets more sessions than it may have.
    private mutating func lookAtCounts(_ rows: [Row]) -> [String] {
        var found: [String] = []
        var sessions: [Client: Int] = [:]
        for row in rows where row.isIn {
            guard let client = Self.client(row) else { continue }
            sessions[client, default: 0] += 1
            guard let most = row.rules.perClient?.sessionsMax, let count = sessions[client] else { continue }
            if count > most, count > sessionsBefore[client] ?? 0 {
                found.append("\(client.network) has \(count) sessions, and may have \(most)")
            }
        }
        sessionsBefore = sessions
        return found
    }

    /// No client comes in faster than it may.
    private mutating func lookAtRates(_ rows: [Row], _ now: UInt64, _ book: PrefaceBook) -> [String] {
        var found: [String] = []
        for row in rows where row.isIn && !entered.contains(row.key) {
            let rates = (book.versions[row.socket.listener] ?? []).compactMap { $0.settings.clients.perClient?.rate }
            guard !rates.isEmpty, let client = Self.client(row) else { continue }
            if !Self.take(&buckets[client], rates, now) { found.append("\(client.network) comes in too fast") }
        }
        return found
    }

    /// No listener's clients come faster than they may together.
    private mutating func lookAtListeners(_ rows: [Row], _ now: UInt64, _ book: PrefaceBook) -> [String] {
        var found: [String] = []
        for row in rows where !known.contains(row.key) {
            let versions = book.versions[row.socket.listener] ?? []
            let rates = versions.compactMap(\.settings.clients.rate)
            // Who is sent away after the accept takes nothing: another comes at once.
            let isFinal = versions.allSatisfy { $0.settings.proxy == nil && $0.settings.clients.perClient == nil }
            guard !rates.isEmpty, isFinal else { continue }
            if !Self.take(&listenerBuckets[ObjectIdentifier(row.rules.standing)], rates, now) {
                found.append("clients of \(row.rules.name) come too fast")
            }
        }
        return found
    }

    /// Takes a token of a bucket that has the highest of all rates; false when there is none.
    private static func take(_ bucket: inout Bucket?, _ rates: [Rate], _ now: UInt64) -> Bool {
        let perNanosecond = rates.map { Double($0.count) / Double($0.per.wholeNanoseconds) }.max() ?? 0
        let burst = Double(rates.map(\.burst).max() ?? 1)
        let old = bucket ?? Bucket(tokens: burst, last: now)
        let tokens = min(burst, old.tokens + Double(now - min(now, old.last)) * perNanosecond)
        bucket = Bucket(tokens: tokens - 1, last: now)
        return tokens > 1 - 1e-6
    }

    /// Who has got a backend may have one, and the right one.
    private mutating func lookAtWays(_ rows: [Row], _ kernel: SimulatedKernel, _ book: PrefaceBook) -> [String] {
        var found: [String] = []
        for row in rows {
            guard let pool = row.pool, routed.insert(row.key).inserted,
                let place = kernel.clients.firstIndex(where: { $0 === row.socket })
            else { continue }
            let rules = book.rules(for: row.socket, at: place)
            let fate = PrefaceFate(row.socket, rules, isLate: kernel.faults.freezePercent > 0)
            if !fate.ways.contains(where: { $0.pool == pool && $0.source == row.address }) {
                found.append(
                    "client \(row.socket.host.id) went to pool \(pool) as \(row.address): \(fate)")
            }
        }
        return found
    }

    /// What is left of clients once all sessions are over: nothing.
    static func remains(of loop: borrowing BalancerLoop) -> [String] {
        var found: [String] = []
        for rules in loop.sessions.rules {
            let counts = rules.standing.clients.counts
            if counts.sessions + counts.waiting > 0 { found.append("\(rules.name) counts clients still: \(counts)") }
        }
        if loop.sessions.serverNames.count > 0 { found.append("\(loop.sessions.serverNames.count) names are left") }
        return found
    }
}
