import Reactor

@testable import Balancer

/// What may become of a client before its first byte goes on: by what it has sent, and by what its listener asks for.
struct PrefaceFate {
    /// A way to a backend.
    struct Way: Hashable {
        /// The number of the pool.
        let pool: Int
        let source: SocketAddress
        let destination: SocketAddress
        /// So many bytes, those of its header, do not go on.
        let skipped: Int
        let name: String?
    }

    /// Who it is, once its header has been read or is known not to come.
    private struct Entry {
        let source: SocketAddress
        var destination: SocketAddress?
        var skipped = 0
        var authority: String?
        /// It has a session already.
        let hasSession: Bool
    }

    private(set) var ways: Set<Way> = []
    /// It may end for these reasons before it has a backend.
    private(set) var reasons: Set<EndReason> = []
    /// It may be closed at its accept.
    private(set) var mayHaveNoSession = false
    /// Its addresses, as records may have them.
    private(set) var sources: Set<SocketAddress> = []

    private let client: SimulatedSocket
    private let host: Host
    private let peer: SocketAddress
    private let isLate: Bool
    /// Its listener has asked for something else meanwhile.
    private let isReloaded: Bool

    /// `isLate`: the process may stand still, so that what the client sends comes after its time.
    init(_ client: SimulatedSocket, _ all: [PrefaceBook.Rules], isLate: Bool) {
        self.isLate = isLate
        isReloaded = all.count > 1
        self.client = client
        host = client.host
        peer = client.address ?? .ipv4(0, port: 0)
        var entries: [Entry] = []
        for rules in all { entries += enter(rules) }
        sources.formUnion(entries.map(\.source))
        if entries.count < all.count { sources.insert(peer) }
        // Rules may change between two of its steps.
        for entry in entries {
            let isAllowed = all.map { allows(entry, $0.settings) }
            if isAllowed.contains(true) { for rules in all { lead(entry, by: rules) } }
        }
    }

    /// It ends, or stays, with what it has sent; nothing is known of what it waits for.
    private mutating func stopped(isHeader: Bool) {
        if host.farewell != .finish || host.sent == 0 { reasons.insert(.abandoned) }
        if isLate || !host.hasFinished && !host.isGone { reasons.insert(.prefaceTimeout) }
        if isHeader, host.sent > 0, host.hasFinished || host.isGone { reasons.insert(.badHeader) }
    }

    private mutating func enter(_ rules: PrefaceBook.Rules) -> [Entry] {
        let asItIs = Entry(source: peer, hasSession: false)
        guard let proxy = rules.settings.proxy else { return [asItIs] }
        guard proxy.from.contains(where: { $0.covers(peer) }) else {
            if proxy.mode == .required {
                mayHaveNoSession = true
                // It was trusted when it came.
                if isReloaded { reasons.insert(.badHeader) }
            }
            return proxy.mode == .required ? [] : [asItIs]
        }
        guard let lead = host.lead else { return [] }
        let without = Entry(source: peer, hasSession: true)
        let isWhole = host.sent >= lead.headerBytes.count
        switch lead.header {
        case .right where isWhole:
            let said = Entry(
                source: lead.claimed ?? peer, destination: lead.destination, skipped: lead.headerBytes.count,
                authority: lead.authority, hasSession: true)
            if isLate { reasons.insert(.prefaceTimeout) }
            return isLate && proxy.mode == .optional ? [said, without] : [said]
        case .none where host.sent > 0:
            // One byte may be the beginning of a header.
            if proxy.mode == .optional { return [without] }
            reasons.insert(.badHeader)
        case .right, .none: break
        case .wrong: reasons.insert(.badHeader)
        }
        stopped(isHeader: true)
        // Nobody knows whether one that is silent means to send a header.
        return proxy.mode == .optional && host.sent == 0 ? [without] : []
    }

    private mutating func allows(_ entry: Entry, _ settings: Configuration.ListenerSettings) -> Bool {
        let networks = (settings.clients.allow, settings.clients.deny)
        func longest(_ all: [Network]) -> Int {
            all.filter { $0.covers(entry.source) }.map(\.length).max() ?? -1
        }
        let (allowed, denied) = (longest(networks.0), longest(networks.1))
        let isDenied = denied >= 0 ? denied >= allowed : allowed < 0 && !networks.0.isEmpty
        if isDenied {
            if entry.hasSession || isReloaded { reasons.insert(.denied) }
            if !entry.hasSession { mayHaveNoSession = true }
            return false
        }
        if settings.clients.perClient != nil {
            reasons.insert(.clientLimit)
            if !entry.hasSession { mayHaveNoSession = true }
        }
        return true
    }

    private mutating func lead(_ entry: Entry, by rules: PrefaceBook.Rules) {
        guard rules.settings.serverNames != nil, entry.authority == nil else {
            return lead(entry, to: rules.route(entry.authority), name: entry.authority)
        }
        let rest = host.sent - entry.skipped
        if isLate { reasons.insert(.prefaceTimeout) }
        let lead = host.lead
        let isHello = entry.skipped == lead?.headerBytes.count ?? 0
        switch lead?.hello {
        case .whole(let name) where isHello && rest >= lead?.helloBytes.count ?? 0:
            self.lead(entry, to: rules.route(name), name: name)
        case .whole where isHello:
            if rest > 0, host.hasFinished || host.isGone { self.lead(entry, to: rules.route(nil), name: nil) }
            if rest == 0 { reasons.insert(.abandoned) }
            stopped(isHeader: false)
        default:
            // No TLS; or nothing yet, or nothing at all.
            guard rest > 0 else {
                reasons.insert(.abandoned)
                return stopped(isHeader: false)
            }
            self.lead(entry, to: rules.route(nil), name: nil)
        }
    }

    private mutating func lead(_ entry: Entry, to pool: Int?, name: String?) {
        guard let pool else {
            reasons.insert(.noRoute)
            return
        }
        let own = SocketAddress.ipv4(0x7F00_0001, port: UInt16(SimulatedKernel.firstPort + client.listener))
        ways.insert(
            Way(
                pool: pool, source: entry.source, destination: entry.destination ?? own, skipped: entry.skipped,
                name: name))
    }
}

extension PrefaceFate: CustomStringConvertible {
    var description: String {
        "ways \(ways.map { "\($0.pool) as \($0.source) without \($0.skipped) bytes, \($0.name ?? "no name")" }), "
            + "reasons \(reasons.map(\.rawValue)), sent \(host.sent) of \(host.lead.map { "\($0.header) \($0.hello)" } ?? "")"
    }
}

extension Network {
    /// The address is in it; told without the tables that the balancer has.
    func covers(_ address: SocketAddress) -> Bool { Network(clearing: address, length: length) == self }
}

extension EndReason {
    /// It ends a session before its first byte.
    var isOfPreface: Bool {
        switch self {
        case .denied, .clientLimit, .badHeader, .prefaceTimeout, .noRoute: true
        default: false
        }
    }
}
