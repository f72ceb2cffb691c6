import Reactor

/// The sessions of a loop, from accept through connect and relay to the end.
///
/// ```
///   open --> begin --> (Sessions+Connect) --> (Sessions+Relay) --> end
///                          |        ^
///                          +--------+  the next backend not yet tried
/// ```
///
/// The loop calls with the place of a session, and passes the other parts that a call needs as arguments. Each call
/// returns whether the session continues or has ended; the record of the one that has ended is ``lastRecord``.
struct Sessions: ~Copyable {
    /// The result of a call.
    enum Step {
        case continues
        /// Its place in the slab is free; its record is ``Sessions/lastRecord``.
        case ended
    }

    var slab: Slab<Session>
    /// The addresses of IPv6 clients, by the places of their sessions.
    var ipv6Hosts: Column<IPv6Host>
    /// Where sessions came in, and which backend failed them first; only where lines of the log name that, or listeners
    /// have limits.
    var origins: Column<SessionOrigin>
    let keepsOrigins: Bool
    /// What was asked of them before their first byte, by their places; only of those with ``SessionOrigin/hasPreface``.
    var prefaces: Column<SessionPreface>
    /// What listeners ask for, by the numbers that prefaces have: as it is now.
    var rules: [ListenerRules] = []
    /// The servers that clients have named: see ``SessionPreface/name``.
    var serverNames = Slab<ServerName>(capacity: Token.indexLimit, reserving: 0)
    /// The addresses of listeners, by their numbers.
    var localAddresses = LocalAddresses()
    /// What clients have sent before their first byte went on: looked at, and left in their sockets.
    var prefaceBuffer: ByteBuffer?
    /// Why the session that ended last was closed before its first byte; nil when it was not.
    var lastTrouble: (ListenerTrouble, door: UInt16, client: SocketAddress, cause: String?)?
    let hasNames: Bool
    /// There is administration, which may ask about sessions.
    let isTraced: Bool
    /// What is remembered for that, by the places of sessions.
    var traces: Column<SessionTrace>
    /// Sessions that have ended.
    var ended = EndedSessions()
    /// The counters of listeners, by their numbers, while there is somebody to read them.
    var listenerCells: [CounterRow?] = []
    /// The loop's index.
    let loop: Int
    let ids: SessionIDs
    /// The names of listeners, by their numbers.
    var listenerNames = ListenerNames()
    var relay: Relay
    /// Sessions in bulk that can go on, first in first out.
    private(set) var bulk: TokenQueue
    /// Others that can go on and that the last turn had no share for, first in first out.
    private(set) var late: TokenQueue
    /// Sessions whose next connect the last turn had no share for, first in first out.
    private(set) var connects: TokenQueue
    /// The walk past all sessions after a change that concerns them.
    var sweep = SessionSweep()
    /// How many connects may still be begun in this turn.
    var connectsLeft = 0
    /// How long a side may acknowledge nothing after the other has gone, in nanoseconds: see
    /// ``SessionTimeouts/lingerLimit(_:hasBytesForClient:)``.
    let linger: UInt64
    /// Put data that has already arrived from the client into the SYN to the backend.
    let fastOpen: Bool
    /// Attempts that failed for lack of descriptors, ports or memory.
    var connectShortage = Episode()

    /// The record of the session that ended last. Kept here, since returning a value of this size costs as much as
    /// relaying a message.
    var lastRecord = SessionRecord.none
    /// The number of the listener whose limit it counted for; nil when for none.
    var lastLimited: UInt16?

    /// Throws where there is no memory for ``Limits/sessionsAtStart`` sessions.
    init(
        _ configuration: Configuration, _ ids: SessionIDs, loop: Int = 0, _ core: inout LoopCore
    ) throws(SystemCallError) {
        let count = configuration.limits.sessionsAtStart
        self.ids = ids
        hasNames = configuration.log.namesSessions
        keepsOrigins = configuration.keepsOrigins
        isTraced = configuration.administration.isOn
        self.loop = loop
        traces = Column(capacity: 0)
        origins = Column(capacity: 0)
        prefaces = Column(capacity: 0)
        slab = Slab(capacity: Token.indexLimit, reserving: 0)
        ipv6Hosts = Column(capacity: 0)
        relay = Relay(
            limits: configuration.limits.share(of: configuration.threads), of: configuration.threads)
        bulk = TokenQueue(capacity: count)
        late = TokenQueue(capacity: count)
        connects = TokenQueue(capacity: count)
        linger = configuration.timeouts.linger.wholeNanoseconds
        fastOpen = configuration.latency.fastOpen
        guard reserve(count, &core) else {
            throw SystemCallError(call: "malloc", subject: "sessions", errno: .outOfMemory)
        }
        if isTraced { ended.reserve() }
    }

    /// Makes sure of memory for one more session, in all that holds a part of it; false when there is none.
    @inline(__always) mutating func makeRoom(_ core: inout LoopCore) -> Bool {
        slab.hasRoom && core.timers.hasRoom || makeMoreRoom(&core)
    }

    @inline(never) private mutating func makeMoreRoom(_ core: inout LoopCore) -> Bool {
        core.timers.makeRoom() && (slab.hasRoom || reserve(slab.nextRoom, &core))
    }

    /// The slab comes last: while it has room, there is room for its sessions in the others.
    private mutating func reserve(_ count: Int, _ core: inout LoopCore) -> Bool {
        ipv6Hosts.reserve(count) && (!keepsOrigins || origins.reserve(count) && prefaces.reserve(count))
            && (!isTraced || traces.reserve(count))
            && bulk.reserve(count)
            && late.reserve(count)
            && connects.reserve(count)
            && slab.reserve(count)
    }

    var count: Int { slab.count }

    /// The place of the session that a token of a timer or of an event identifies; nil when it has ended.
    @inline(__always) func index(of token: Token) -> Int? {
        slab.contains(token.key) ? token.index : nil
    }

    /// The place of the session of an event of a backend's socket; nil when it has ended, or has another backend by
    /// now.
    @inline(__always) func index(ofBackend token: Token) -> Int? {
        slab.contains(token.key) && slab[token.index].lap & 0xF == token.lap ? token.index : nil
    }

    /// Deals out the shares of a turn.
    mutating func beginTurn() {
        relay.beginTurn()
        connectsLeft = relay.shares.connects
    }

    /// True while a session can go on without an event.
    var hasMoreToDo: Bool { !bulk.isEmpty || !late.isEmpty || !connects.isEmpty || sweep.isOn }

    /// Puts a session into the queue of its kind, unless it stands in one.
    @inline(never) mutating func queue(_ index: Int) {
        guard !slab[index].isQueued else { return }
        slab[index].isQueued = true
        let token = Token(.session, slab.key(at: index))
        if slab[index].link.isBulk { bulk.append(token) } else { late.append(token) }
    }

    /// Lets a session go on with its next connect in the next turn. None is in progress.
    mutating func queueConnect(_ index: Int, _ core: inout LoopCore) {
        core.timers.disarm(slab[index].timer)
        // What is still reported of the last attempt's socket is of nobody.
        slab[index].lap &+= 1
        // One that is late goes on with it when its turn comes.
        guard !slab[index].isQueued else { return }
        slab[index].isQueued = true
        connects.append(Token(.session, slab.key(at: index)))
    }

    /// A queue of sessions that can go on without an event.
    enum Queue {
        case late
        case connects
        case bulk
    }

    /// How many sessions stand in the queue, before any of them is served. Those in bulk get their share of the turn.
    mutating func waiting(in queue: Queue) -> Int {
        switch queue {
        case .late: return late.count
        case .connects: return connects.count
        case .bulk:
            relay.beginBulk()
            return bulk.count
        }
    }

    /// Takes the first session out of the queue, if the turn has a share for it, and returns its place.
    mutating func next(in queue: Queue) -> Int? {
        while queue == .connects ? connectsLeft > 0 : relay.hasShare, let token = popFirst(queue) {
            guard slab.contains(token.key) else { continue }
            slab[token.index].isQueued = false
            return token.index
        }
        return nil
    }

    private mutating func popFirst(_ queue: Queue) -> Token? {
        switch queue {
        case .late: late.popFirst()
        case .connects: connects.popFirst()
        case .bulk: bulk.popFirst()
        }
    }

    /// Makes a session for an accepted client; nil only beyond `Token.indexLimit` sessions. ``makeRoom(_:)`` has
    /// found memory for it.
    mutating func open(
        _ client: consuming Stream, _ address: SocketAddress, pool: Int, _ core: inout LoopCore
    ) -> Int? {
        let timer = core.timers.add(Token(.session))
        let session = Session(client: client, address: address, pool: pool, timer: timer, now: core.now)
        guard let key = slab.insert(session) else {
            core.timers.remove(timer)
            return nil
        }
        core.timers.set(timer, Token(.session, key))
        if case .ipv6(let high, let low, let scope, _) = address {
            ipv6Hosts.set(IPv6Host(high: high, low: low, scope: scope), at: Int(key.index))
        }
        return Int(key.index)
    }

    /// Connects a new session to its first backend. `hasWaited`: the client has waited for some time to be accepted, so
    /// it may have left. No backend gets a connection for one that has.
    mutating func begin(
        _ index: Int, hasWaited: Bool, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        targets.hold(pool: Int(slab[index].pool))
        if hasWaited, slab[index].link.client.stream.hasLeft {
            return end(index, .abandoned, &targets, &core, &journal)
        }
        let token = Token(.client, slab.key(at: index))
        if let errno = slab[index].link.client.stream.add(to: core.poller, token) {
            slab[index].connectFailure = errno
            if connectShortage.add(now: core.now) { journal.log.cannotConnect(errno) }
            return endUnconnected(index, &targets, &core, &journal)
        }
        if slab[index].phase == .preface { return .continues }
        return connectNext(index, &targets, &core, &journal)
    }

    /// The session's timer has expired; what that means depends on the phase.
    mutating func expired(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        switch slab[index].phase {
        case .connecting:
            // The result may have come, and the turn had no share for it.
            let reported: Readiness =
                slab[index].isQueued && !slab[index].isDrilled ? slab[index].link.backend.stream.readiness : []
            if !reported.isDisjoint(with: [.writable, .hangup, .error]) {
                return goOn(index, &targets, &core, &journal)
            }
            return redispatch(
                index, .timedOut, &targets, &core, &journal, isJudged: !slab[index].isCutShort)
        case .preface:
            return prefaceExpired(index, &targets, &core, &journal)
        case .waiting:
            return end(index, .queueTimeout, &targets, &core, &journal)
        case .relaying:
            guard let reason = check(index, &targets, &core) else { return .continues }
            return end(index, reason, &targets, &core, &journal)
        case .lingering:
            relay.discardSome(&slab[index].link)
            let isOver = relay.finishDiscarding(&slab[index].link)
            let timeouts = targets.states[Int(slab[index].target)].timeouts
            guard isOver || Self.lingersTooLong(&slab[index], &core, timeouts, linger) else { return .continues }
            return end(
                index, isOver && !slab[index].link.isBroken ? .finished : .reset, &targets, &core, &journal)
        case .ended:
            preconditionFailure("an ended session has no timer")
        }
    }

    /// The only exit of a session: closes its sockets, releases what it held, makes its record and counts it.
    mutating func end(
        _ index: Int, _ reason: EndReason, _ targets: inout Targets, _ core: inout LoopCore,
        _ journal: inout Journal
    ) -> Step {
        let place = Int(slab[index].target)
        let named = reason == .abandoned && hadLeft(index, core.previous) ? -1 : place
        makeRecord(index, reason, at: named, &targets, core.now)
        if reason == .reset, slab[index].wasResetUnserved { targets.noteFailure(place, &journal) }
        lastRecord.isLogged = journal.selection.isAny
        if hasNames { nameRecord(index, at: named, &targets, &journal) }
        journal.countEnd(
            reason, discarded: lastRecord.bytesDiscarded, named < 0 ? nil : targets.states[named].cells)
        core.timers.remove(slab[index].timer)
        if slab[index].phase == .waiting {
            countWait(index, &targets, core.now)
            leaveQueue(index, &targets)
        }
        if isTraced { endTrace(index, &targets, core.now) }
        relay.chargeEnd()
        relay.release(&slab[index].link, isConnected: slab[index].isConnected)
        if slab[index].link.backend.stream.isOpen { targets.drop(place) }
        if !slab[index].isConnected {
            if slab[index].link.backend.stream.isOpen { targets.states[place].suspicion.connectEnded() }
            releaseTried(index, &targets)
        } else {
            targets.release(place)
            if hasNames { releaseFirstFailed(index, &targets) }
        }
        if slab[index].isCounted { lastLimited = origins.value(at: index).listener }
        if keepsOrigins, origins.value(at: index).hasPreface { leavePreface(index) }
        slab[index].move(to: .ended)
        _ = slab.remove(at: index)
        return .ended
    }

    /// True for a client whose end was reported by the first poll after its accept: it had left before, while it waited
    /// in the kernel's backlog. It says nothing about the backend that was picked meanwhile, which is not named.
    private func hadLeft(_ index: Int, _ previous: Instant) -> Bool { slab[index].times.accepted >= previous }

    /// Releases the pool of a session that was never connected, and all backends that were tried for it.
    private mutating func releaseTried(_ index: Int, _ targets: inout Targets) {
        targets.release(pool: Int(slab[index].pool))
        while let place = slab[index].tried.removeFirst() { targets.release(place) }
    }

    /// Takes `inout` arguments that it does not change, as other functions here do: Swift 6.3 copies a borrowed value
    /// that is part of a value being mutated, here some 200 bytes.
    private mutating func makeRecord(
        _ index: Int, _ reason: EndReason, at place: Int, _ targets: inout Targets, _ now: Instant
    ) {
        let wasConnected = slab[index].isConnected
        let end: Party =
            switch reason {
            case .finished, .reset: slab[index].firstEnd ?? .balancer
            case .abandoned: .client
            case .connectFailed: .backend
            case .idle, .halfClosed, .sessionAge, .backendDown, .backendRemoved, .rebalanced, .noBackend,
                .backendsFull, .queueFull, .queueTimeout, .denied, .clientLimit, .badHeader, .prefaceTimeout,
                .noRoute, .shortage, .killed, .cut:
                .balancer
            }
        lastRecord = SessionRecord(
            client: slab[index].clientAddress(ipv6Hosts, at: index),
            backend: place < 0 ? nil : targets.states[place].address,
            label: place < 0 ? nil : targets.states[place].label,
            target: place < 0 ? nil : targets.states[place].id,
            bytesUp: wasConnected ? slab[index].link.upstream.delivered : 0,
            bytesDown: slab[index].link.downstream.delivered,
            bytesDiscarded: slab[index].link.undelivered,
            accepted: slab[index].times.accepted,
            connected: wasConnected ? slab[index].times.connected : nil,
            ended: now,
            attempts: Int(slab[index].attempts),
            endedBy: end,
            reason: reason,
            limit: reason == .connectFailed ? limitInTheWay(of: index, &targets, now) : nil,
            error: wasConnected
                ? slab[index].link.client.failure ?? slab[index].link.backend.failure : slab[index].connectFailure)
    }
}
