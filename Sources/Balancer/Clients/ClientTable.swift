import Reactor

/// How many sessions each client of a listener has, how many of its connections wait, and how fast they come. One for
/// all loops, which call it under a lock (``SharedClients``). A client is a prefix of an address.
///
/// ```
///   unknown --admit, hold--> present: has a session, or waits --leave, release (the last)--> idle
///      ^                        ^                                                            |  |
///      |                        +------------------------------------------ admit, hold -----+  |
///      +-------- its bucket is full again, or it is the oldest of more than `idleMax` ----------+
/// ```
///
/// **Exact for those who are present**: their entries stay, whatever comes. An entry of an idle client says only how
/// many tokens it has left. When the bucket is full it says nothing and goes, at the latest by a later call; otherwise
/// it stays, until `idleMax` others were used more recently. So from so many addresses clients can come faster than the
/// rate, but nobody can fill the memory: there are at most `sessions + waiting + idleMax` entries of at most 88 bytes
/// (48, 8 for its place in the slab, 16 to 32 for slots of the index): 5.8 MB of idle ones for the usual `idleMax`.
///
/// A Unix socket's client has no address and no limits. Clocks are in nanoseconds (``TokenRhythm``).
///
/// - Complexity: each call is O(1) in the mean; one that doubles the memory, and a change of the rate, are O(entries).
struct ClientTable: ~Copyable {
    /// What a client may do; nil for no limit.
    struct Settings: Hashable, Sendable {
        /// So many sessions at the same time.
        var sessionsMax: Int32?
        /// So many new sessions in a time.
        var rate: Rate?
        /// So many new sessions at once, within the rate; by default ``Rate/burst``.
        var burst: Int?
        /// Clients whose addresses have the first so many bits in common are one: of IPv4, 0 to 32.
        var prefix4 = 32
        /// Of IPv6, 0 to 128. By default the 64 bits that are one subscriber's (RFC 4291, 2.5.1).
        var prefix6 = 64
    }

    /// A session or a waiting connection that is counted, until it is given back.
    struct Entry: Hashable, Sendable, BitwiseCopyable {
        fileprivate let key: SlabKey
        /// Nothing is counted: to give it back does nothing.
        static let none = Entry(key: .none)
    }

    /// What becomes of a connection.
    enum Verdict: Hashable, Sendable {
        /// It is one more session of its client, until ``ClientTable/leave(_:)``, and has taken a token.
        case admitted(Entry)
        /// The client has as many sessions as it may have.
        case tooMany
        /// The client's next may come after so many nanoseconds.
        case tooFast(wait: UInt64)
        /// There is no memory to count it.
        case noMemory
    }

    /// A client of which something is known.
    struct Client: BitwiseCopyable {
        let key: ClientKey
        var sessions: Int32 = 0
        var waiting: Int32 = 0
        /// Of an idle one: the one that was used before it, and the one after it; -1 for none.
        var older: Int32 = -1
        var newer: Int32 = -1
        /// When its bucket will be full: ``TokenRhythm``.
        var arrival: UInt64

        var isIdle: Bool { sessions == 0 && waiting == 0 }
    }

    /// How many idle clients are remembered, unless said otherwise.
    static let idleMaxUsual = 65_536
    /// So many idle clients with full buckets are forgotten in a call: one more than a call can add.
    private static let forgottenMax = 2

    private(set) var settings: Settings
    private var masks: ClientMasks
    private var rhythm: TokenRhythm?
    private(set) var clients = Slab<Client>(capacity: Token.indexLimit, reserving: 0)
    private(set) var index: ClientIndex
    private(set) var oldest: Int32 = -1
    private(set) var newest: Int32 = -1
    /// The clock at the last call that had it.
    private(set) var clock: UInt64 = 0
    /// How many idle clients are remembered.
    let idleMax: Int
    /// Sessions that are counted.
    private(set) var sessions = 0
    /// Waiting connections that are counted.
    private(set) var waiting = 0
    /// Clients that are remembered without being present.
    private(set) var idle = 0

    /// - Parameter seed: Random, so that no client knows which addresses share a slot of the index.
    init(_ settings: Settings, idleMax: Int = ClientTable.idleMaxUsual, seed: UInt64) {
        self.settings = settings
        masks = ClientMasks(prefix4: settings.prefix4, prefix6: settings.prefix6)
        rhythm = settings.rate.map { TokenRhythm($0, burst: settings.burst) }
        index = ClientIndex(seed: seed)
        self.idleMax = max(0, idleMax)
    }

    /// Clients of which something is known, present or idle.
    var entries: Int { clients.count }

    // MARK: sessions

    /// A connection of a client: may it become a session?
    mutating func admit(_ address: SocketAddress, now: UInt64) -> Verdict {
        clock = now
        forget()
        let sessionsMax = settings.sessionsMax ?? .max
        guard settings.sessionsMax != nil || rhythm != nil, let key = masks.key(of: address) else {
            return .admitted(.none)
        }
        let tag = index.tag(of: key)
        guard let found = index.find(key, tag: tag, in: clients) else {
            guard sessionsMax > 0 else { return .tooMany }
            guard let place = insert(key, tag) else { return .noMemory }
            _ = rhythm?.take(&clients[place].arrival, now: now)
            return enter(place)
        }
        guard clients[found].sessions < sessionsMax else { return .tooMany }
        let wasIdle = clients[found].isIdle
        if wasIdle { unlink(found) }
        if let rhythm, !rhythm.take(&clients[found].arrival, now: now) {
            // It was used: who comes too fast all the time is not forgotten before those who have left.
            if wasIdle { link(found) }
            return .tooFast(wait: rhythm.wait(clients[found].arrival, now: now))
        }
        return enter(found)
    }

    private mutating func enter(_ place: Int) -> Verdict {
        clients[place].sessions &+= 1
        sessions += 1
        return .admitted(Entry(key: clients.key(at: place)))
    }

    /// A session that was admitted has ended.
    mutating func leave(_ entry: Entry) {
        let place = Int(entry.key.index)
        guard clients.contains(entry.key), clients[place].sessions > 0 else { return }
        clients[place].sessions -= 1
        sessions -= 1
        settle(place)
    }

    // MARK: waiting

    /// Counts a connection of a client that will be admitted later. nil when as many of the client wait as it may have
    /// sessions (or, without that limit, in its burst), or when there is no memory.
    ///
    /// Who is admitted is released afterwards, not before, so that the client is present all the time.
    mutating func hold(_ address: SocketAddress) -> Entry? {
        guard let max = settings.sessionsMax ?? rhythm.map({ Int32(clamping: $0.burst) }),
            let key = masks.key(of: address)
        else { return Entry.none }
        guard max > 0 else { return nil }
        let tag = index.tag(of: key)
        let found = index.find(key, tag: tag, in: clients)
        if let found {
            guard clients[found].waiting < max else { return nil }
            if clients[found].isIdle { unlink(found) }
        }
        guard let place = found ?? insert(key, tag) else { return nil }
        clients[place].waiting += 1
        waiting += 1
        return Entry(key: clients.key(at: place))
    }

    /// A connection that was held waits no more.
    mutating func release(_ entry: Entry) {
        let place = Int(entry.key.index)
        guard clients.contains(entry.key), clients[place].waiting > 0 else { return }
        clients[place].waiting -= 1
        waiting -= 1
        settle(place)
    }

    // MARK: settings

    /// Other settings from now on. Sessions and waiting connections stay counted, also beyond a new limit; those that
    /// were not counted, because there was no limit, are not. Tokens stay, as far as they fit the new burst. With other
    /// lengths of prefixes new sessions count under new keys, and old ones under theirs until they end.
    mutating func change(_ settings: Settings) {
        let old = rhythm
        self.settings = settings
        masks = ClientMasks(prefix4: settings.prefix4, prefix6: settings.prefix6)
        rhythm = settings.rate.map { TokenRhythm($0, burst: settings.burst) }
        guard old != rhythm else { return }
        for place in clients.indexRange where clients.isTaken(place) {
            if let rhythm, let old {
                clients[place].arrival = rhythm.converted(clients[place].arrival, from: old, now: clock)
            } else {
                clients[place].arrival = full
            }
            if clients[place].isIdle, isFull(place) { remove(place) }
        }
    }

    // MARK: entries

    /// Adds a client of which nothing was known, whose bucket is full. Without memory the oldest idle one makes room;
    /// nil when there is none.
    private mutating func insert(_ key: ClientKey, _ tag: UInt32) -> Int? {
        if oldest >= 0, !clients.makeRoom() || !index.makeRoom() { remove(Int(oldest)) }
        guard index.makeRoom(), let new = clients.insert(Client(key: key, arrival: full)) else { return nil }
        index.insert(new.index, tag: tag)
        return Int(new.index)
    }

    /// A client whose last session or waiting connection has ended is idle.
    private mutating func settle(_ place: Int) {
        guard clients[place].isIdle else { return }
        link(place)
        if isFull(place) {
            remove(place)
        } else if idle > idleMax {
            remove(Int(oldest))
        }
    }

    /// The arrival time of a full bucket.
    private var full: UInt64 { rhythm?.full(now: clock) ?? 0 }

    private func isFull(_ place: Int) -> Bool {
        rhythm.map { $0.missing(clients[place].arrival, now: clock) == 0 } ?? true
    }

    /// Forgets the oldest idle clients that are like unknown ones.
    private mutating func forget() {
        for _ in 0..<Self.forgottenMax {
            guard oldest >= 0, isFull(Int(oldest)) else { return }
            remove(Int(oldest))
        }
    }

    /// Removes an idle client.
    private mutating func remove(_ place: Int) {
        unlink(place)
        let client = clients.remove(at: place)
        index.remove(Int32(truncatingIfNeeded: place), tag: index.tag(of: client.key))
    }

    // MARK: the idle, from the oldest to the newest

    private mutating func link(_ place: Int) {
        let this = Int32(truncatingIfNeeded: place)
        (clients[place].older, clients[place].newer) = (newest, -1)
        if newest >= 0 { clients[Int(newest)].newer = this } else { oldest = this }
        newest = this
        idle += 1
    }

    private mutating func unlink(_ place: Int) {
        let (older, newer) = (clients[place].older, clients[place].newer)
        if older >= 0 { clients[Int(older)].newer = newer } else { oldest = newer }
        if newer >= 0 { clients[Int(newer)].older = older } else { newest = older }
        idle -= 1
    }
}
