import Reactor

@testable import Balancer

/// The same as a ``ClientTable``, in the plainest way: a dictionary by network, and an array of the idle.
struct ClientModel {
    struct Client {
        var sessions: Int32 = 0
        var waiting: Int32 = 0
        /// nil while there is no limit on the rate.
        var bucket: TokenBucket?

        var isIdle: Bool { sessions == 0 && waiting == 0 }
    }

    enum Verdict: Hashable {
        /// nil for one that is not counted.
        case admitted(Network?)
        case tooMany
        case tooFast(wait: UInt64)
    }

    let idleMax: Int
    private(set) var settings: ClientTable.Settings
    private(set) var clients: [Network: Client] = [:]
    /// From the oldest to the newest.
    private(set) var idle: [Network] = []
    private var clock: UInt64 = 0

    init(_ settings: ClientTable.Settings, idleMax: Int) {
        self.settings = settings
        self.idleMax = idleMax
    }

    var sessions: Int { clients.values.reduce(0) { $0 + Int($1.sessions) } }
    var waiting: Int { clients.values.reduce(0) { $0 + Int($1.waiting) } }

    /// Whether all tokens are there: of no other client anything has to be remembered.
    func isFull(_ key: Network) -> Bool { clients[key]?.bucket?.isFull(now: clock) ?? true }

    private func key(_ address: SocketAddress) -> Network? {
        let isIPv4 = if case .ipv4 = address.canonical { true } else { false }
        return Network(clearing: address, length: isIPv4 ? settings.prefix4 : settings.prefix6)
    }

    private func newClient() -> Client {
        Client(bucket: settings.rate.map { TokenBucket($0, burst: settings.burst, now: clock) })
    }

    mutating func admit(_ address: SocketAddress, now: UInt64) -> Verdict {
        clock = now
        for _ in 0..<2 { if let first = idle.first, isFull(first) { forget(first) } }
        guard settings.sessionsMax != nil || settings.rate != nil, let key = key(address) else {
            return .admitted(nil)
        }
        var client = clients[key] ?? newClient()
        if let max = settings.sessionsMax, client.sessions >= max { return .tooMany }
        let wasIdle = idle.contains(key)
        idle.removeAll { $0 == key }
        let isTaken = client.bucket?.take(now: now) ?? true
        client.sessions += isTaken ? 1 : 0
        clients[key] = client
        if !isTaken, wasIdle { idle.append(key) }
        return isTaken ? .admitted(key) : .tooFast(wait: client.bucket?.wait(now: now) ?? 0)
    }

    mutating func leave(_ key: Network?) {
        guard let key else { return }
        clients[key]?.sessions -= 1
        settle(key)
    }

    /// nil beyond the limit; a nil in it for one that is not counted.
    mutating func hold(_ address: SocketAddress) -> Network?? {
        let burst = settings.rate.map { Int32(settings.burst ?? $0.burst) }
        guard let max = settings.sessionsMax ?? burst, let key = key(address) else { return .some(nil) }
        var client = clients[key] ?? newClient()
        guard client.waiting < max else { return nil }
        client.waiting += 1
        clients[key] = client
        idle.removeAll { $0 == key }
        return key
    }

    mutating func release(_ key: Network?) {
        guard let key else { return }
        clients[key]?.waiting -= 1
        settle(key)
    }

    mutating func change(_ settings: ClientTable.Settings) {
        // Without a burst, or with the same one in words, the buckets are the same.
        func rhythm(_ settings: ClientTable.Settings) -> TokenRhythm? {
            settings.rate.map { TokenRhythm($0, burst: settings.burst) }
        }
        let isSame = rhythm(self.settings) == rhythm(settings)
        self.settings = settings
        guard !isSame else { return }
        let full = newClient().bucket
        for key in clients.keys {
            if let rate = settings.rate, clients[key]?.bucket != nil {
                clients[key]?.bucket?.change(to: rate, burst: settings.burst, now: clock)
            } else {
                clients[key]?.bucket = full
            }
        }
        for key in idle where isFull(key) { forget(key) }
    }

    private mutating func settle(_ key: Network) {
        guard clients[key]?.isIdle == true else { return }
        idle.append(key)
        if isFull(key) { forget(key) } else if idle.count > idleMax { forget(idle[0]) }
    }

    private mutating func forget(_ key: Network) {
        idle.removeAll { $0 == key }
        clients[key] = nil
    }
}
