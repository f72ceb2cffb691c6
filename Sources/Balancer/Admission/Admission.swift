import Reactor

/// Accepts clients over all listeners of a loop: within shares of a turn and the limit on sessions, with pauses after a
/// shortage.
struct Admission: ~Copyable {
    var entrances: Slab<Entrance>
    /// The limit on sessions.
    var places: Places
    /// Used to close a waiting client, rather than let it wait, when there is no descriptor for it.
    private var reserve = ReserveDescriptor()
    /// Resumes the listeners after a shortage, and ends episodes.
    let timer: TimerID
    /// Clients turned away for lack of descriptors or memory.
    var shortage = Episode()
    /// Clients wait at a listener because of its own limit.
    var hasFullListener = false
    /// What keeps clients of listeners out, by name.
    var troubles: [String: ListenerTroubles] = [:]
    /// What was decided of the client that was accepted last.
    var admittance = Admittance.free
    /// When ``timer`` is due; nil when it is not armed.
    var timerEnd: Instant?
    /// Names of listeners that have left meanwhile.
    var goneWhileFull: [String] = []
    /// Clients wait because all sessions are taken.
    var full = Episode()
    /// The limits of listeners by the numbers of their names: also of such as have left, for the sessions that they had.
    var limits: [ListenerPlaces?] = []
    /// The places of listeners that have a limit since ``takeNewlyLimited()``.
    var newlyLimited: [Int] = []
    /// Listeners with more clients than their share of a turn, first in first out: one that has had a share stands at the end.
    var waiting: TokenQueue
    /// The listener whose client was accepted last: of those that are paused, the one after it goes on first.
    private var lastServed = 0
    /// How many acceptors are paused until there is a place again, or a moment is over: not those that an operator holds.
    var paused = 0
    /// What is left of the turn's share, over all listeners: clients, and calls of accept(2).
    var clientsLeft = 0
    var attemptsLeft = 0
    private let clientsPerTurn: Int

    /// The result of ``Admission/next(_:_:_:_:_:)``.
    enum Arrival: ~Copyable {
        /// `hasWaited`: for so long that it may have left meanwhile.
        case client(Stream, SocketAddress, pool: Int, hasWaited: Bool)
        /// There is no descriptor or memory for the next client.
        case shortage(Errno)
        /// No client for now; if more may wait, the listener is in the queue, or paused.
        case none
    }

    /// How many clients of one listener may still be accepted.
    struct Share {
        fileprivate var clients: Int

        /// Before the other listeners have their turn.
        static var ofTurn: Share { Share(clients: Limits.acceptsPerListener) }

        /// As many as can wait, when the listener is about to be closed; those that come meanwhile are no longer its.
        static func ofBacklog(_ limits: Limits) -> Share { Share(clients: limits.backlogClients) }
    }

    init(
        _ entrances: consuming Slab<Entrance>, _ places: consuming Places, _ shares: TurnShares,
        _ core: inout LoopCore
    ) throws(SystemCallError) {
        timer = core.timers.add(Token(.pauseTimer))
        waiting = TokenQueue(capacity: entrances.count)
        clientsPerTurn = shares.accepts
        for index in entrances.indexRange where entrances.isTaken(index) {
            try Self.add(index, of: entrances, to: core.poller)
        }
        self.entrances = entrances
        self.places = places
    }

    static func add(
        _ index: Int, of entrances: borrowing Slab<Entrance>, to poller: borrowing Poller
    ) throws(SystemCallError) {
        let token = Token(.acceptor, entrances.key(at: index))
        if let errno = entrances[index].acceptor.listener.add(to: poller, token) {
            let subject = entrances[index].acceptor.listener.address.description
            throw SystemCallError(call: "epoll_ctl", subject: subject, errno: errno)
        }
    }

    /// The addresses that clients can connect to, with the ports in force.
    var addresses: [OwnAddress] { listeners.map(\.address) }

    /// Each listener's address, and the place of its pool.
    var listeners: [(address: OwnAddress, pool: Int)] {
        entrances.indexRange.filter { entrances.isTaken($0) }
            .map { (entrances[$0].acceptor.listener.ownAddress, entrances[$0].pool) }
    }

    /// The number of a listener's name.
    mutating func nameNumber(of listener: Int, _ names: inout ListenerNames) -> UInt16 {
        if let known = entrances[listener].nameNumber { return known }
        let number = names.number(of: entrances[listener].name)
        entrances[listener].nameNumber = number
        return number
    }

    /// Where the sessions of a listener come in.
    @inline(__always) mutating func origin(
        of listener: Int, _ names: inout ListenerNames, _ addresses: inout LocalAddresses
    ) -> SessionOrigin {
        entrances[listener].origin ?? makeOrigin(of: listener, &names, &addresses)
    }

    @inline(never) private mutating func makeOrigin(
        of listener: Int, _ names: inout ListenerNames, _ addresses: inout LocalAddresses
    ) -> SessionOrigin {
        let origin = SessionOrigin(
            listener: nameNumber(of: listener, &names),
            local: addresses.number(of: entrances[listener].acceptor.listener.address))
        entrances[listener].origin = origin
        return origin
    }

    /// Open descriptors, for the audit.
    var openDescriptors: Int { entrances.count + (reserve.isOpen ? 1 : 0) }

    // MARK: accepting

    /// Deals out the share of all listeners for this turn.
    mutating func beginTurn() {
        clientsLeft = clientsPerTurn
        attemptsLeft = Limits.acceptAttemptsPerTurn
    }

    /// How many listeners stand in the queue. While there are any, the next turn does not wait.
    var waitingCount: Int { waiting.count }

    /// The poller reported a listener. Its clients are accepted at the end of the turn: sessions that have an event go
    /// before new ones.
    mutating func listenerReady(_ token: Token, _ core: inout LoopCore, _ journal: inout Journal) {
        guard entrances.contains(token.key) else { return }
        entrances[token.index].acceptor.markReadable()
        if core.stall > 0 { entrances[token.index].haveWaited = true }
        guard entrances[token.index].acceptor.isPaused else { return queue(token.index) }
        guard !entrances[token.index].isHeldBack else { return }
        logIfFull(core, &journal)
        if entrances[token.index].hasRules { _ = isWithinRate(token.index, &core, &journal) }
    }

    /// Takes the first listener out of the queue, if the turn has a share for it, and returns its place.
    mutating func nextWaiting() -> Int? {
        while clientsLeft > 0, attemptsLeft > 0, let token = waiting.popFirst() {
            // It may have been closed.
            guard entrances.contains(token.key) else { continue }
            entrances[token.index].acceptor.isQueued = false
            return token.index
        }
        return nil
    }

    /// Reserves a place and accepts the next client, within `share`.
    mutating func next(
        _ index: Int, _ share: inout Share, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Arrival {
        while entrances[index].acceptor.mayAccept {
            guard attemptsLeft > 0, clientsLeft > 0, share.clients > 0 else {
                entrances[index].haveWaited = true
                queue(index)
                return .none
            }
            if entrances[index].isHeldBack {
                _ = entrances[index].acceptor.pause()
                entrances[index].haveWaited = true
                return .none
            }
            attemptsLeft -= 1
            guard places.reserve() else {
                pauseWhileFull(index, &core, &journal)
                return .none
            }
            if entrances[index].isLimited, !reserveOwn(index, &core, &journal) {
                places.giveUp()
                return .none
            }
            if entrances[index].hasRules, !isWithinRate(index, &core, &journal) {
                giveUp(index)
                return .none
            }
            switch entrances[index].acceptor.accept() {
            case .accepted(let stream, let address):
                share.clients -= 1
                clientsLeft -= 1
                entrances[index].failures = 0
                if entrances[index].pausedSince != nil { endPause(index, core.now) }
                lastServed = index
                if entrances[index].hasRules {
                    guard let admittance = judge(address, stream, at: index, &core, &journal) else {
                        giveUp(index)
                        continue
                    }
                    self.admittance = admittance
                    chargeRate(index, core)
                }
                return .client(
                    stream, address, pool: entrances[index].pool, hasWaited: entrances[index].haveWaited)
            case .wouldBlock:
                entrances[index].haveWaited = false
                entrances[index].isBeyondRate = false
                if entrances[index].pausedSince != nil { endPause(index, core.now) }
                giveUp(index)
                endEpisodes(&core, &journal)
                return .none
            case .aborted:
                // The client has left already, or accept(2) reports an earlier network error; the next one may succeed.
                giveUp(index)
                entrances[index].failures += 1
                guard entrances[index].failures >= Limits.acceptFailuresMax else { continue }
                // So many without a success have a lasting cause (a security module that forbids accept(2), say): pause
                // instead of spinning.
                entrances[index].failures = 0
                pauseForAMoment(index, &core)
                return .none
            case .exhausted(let errno):
                giveUp(index)
                return .shortage(errno)
            }
        }
        return .none
    }

    /// Handles a lack of descriptors or memory. The reserve descriptor is used to close the waiting clients, so that
    /// they can try elsewhere; then the listener pauses until a session ends or ``Acceptor/pauseAfterShortage`` is
    /// over.
    mutating func turnAway(_ index: Int, _ errno: Errno, _ core: inout LoopCore, _ journal: inout Journal) {
        let count = errno.isOutOfDescriptors ? entrances[index].acceptor.turnAway(with: &reserve) : 0
        if shortage.add(count, now: core.now) { journal.log.shortageBegan(errno) }
        journal.begin(.cannotAccept, core.monotonicNow)
        pauseForAMoment(index, &core)
    }

    // MARK: pauses

    /// All sessions are taken: the next clients wait in the kernel's backlog until one ends.
    private mutating func pauseWhileFull(
        _ index: Int, _ core: inout LoopCore, _ journal: inout Journal
    ) {
        pause(index, core)
        guard entrances[index].acceptor.listener.hasWaiting else { return }
        if places.isFull {
            logIfFull(core, &journal)
        } else {
            // Another loop has reserved the last place and may give it up: check again.
            resume(at: core.now + Acceptor.pauseAfterShortage, &core)
        }
    }

    /// Logs that clients wait at a paused listener, if the reason is that all sessions are taken.
    private mutating func logIfFull(_ core: borrowing LoopCore, _ journal: inout Journal) {
        guard places.isFull else { return }
        guard full.add(now: core.now) else { return }
        journal.log.sessionsFull(places.max)
        journal.begin(.full, core.monotonicNow)
    }

    private mutating func pauseForAMoment(_ index: Int, _ core: inout LoopCore) {
        pause(index, core)
        resume(at: core.now + Acceptor.pauseAfterShortage, &core)
    }

    /// Lets the pause timer expire at `time`, or earlier if it is armed for that already.
    mutating func resume(at time: Instant, _ core: inout LoopCore) {
        if let timerEnd, timerEnd <= time { return }
        timerEnd = time
        core.timers.arm(timer, at: time)
    }

    mutating func pause(_ index: Int, _ core: borrowing LoopCore) {
        if entrances[index].acceptor.pause() { paused += 1 }
        entrances[index].haveWaited = true
        if entrances[index].pausedSince == nil { entrances[index].pausedSince = core.now }
    }

    /// The listener has accepted a client, or nobody waits: a pause is over, and is counted.
    @inline(never) mutating func endPause(_ index: Int, _ now: Instant) {
        countPause(index, now)
        entrances[index].pausedSince = nil
    }

    /// Counts the pauses that go on: one of minutes must not show at its end only.
    mutating func countPauses(_ now: Instant) {
        for index in entrances.indexRange where entrances.isTaken(index) { countPause(index, now) }
    }

    private mutating func countPause(_ index: Int, _ now: Instant) {
        guard let since = entrances[index].pausedSince else { return }
        entrances[index].pausedSince = now
        entrances[index].counters?.cells(ofLoop: places.loop)
            .add(.pausedNanoseconds, now.nanoseconds &- since.nanoseconds)
    }

    /// Resumes the paused listeners if a place is free: after a session has ended, or a pause is over.
    @inline(__always) mutating func resume() {
        if paused > 0, places.hasRoom { resumeAll() }
    }

    @inline(never) mutating func resumeAll() {
        paused = 0
        let count = entrances.indexRange.count
        for offset in 0..<count {
            let index = (lastServed + 1 + offset) % count
            guard entrances.isTaken(index), !entrances[index].isHeldBack else { continue }
            if entrances[index].acceptor.resume() { queue(index) }
        }
    }

    /// The pause timer has expired.
    mutating func expired(_ core: inout LoopCore, _ journal: inout Journal) {
        timerEnd = nil
        resume()
        // Not at each accept that finds nobody, as the others: there may be thousands in a second that are sent away.
        if !troubles.isEmpty {
            endTroubles(&core, &journal)
            if !troubles.isEmpty { resume(at: core.now + Episode.quiet, &core) }
        }
        endEpisodes(&core, &journal)
    }

    /// Logs the end of an episode, once no client waits and none was affected for ``Episode/quiet``.
    private mutating func endEpisodes(_ core: inout LoopCore, _ journal: inout Journal) {
        // Clients may wait at a paused listener; this is called again when it has resumed.
        guard paused == 0, full.isOn || shortage.isOn || hasFullListener else { return }
        if full.end(now: core.now) != nil {
            journal.log.sessionsNotFull()
            journal.end(.full)
        }
        if hasFullListener { endListenerEpisodes(&core, &journal) }
        if let count = shortage.end(now: core.now) {
            journal.log.shortageEnded(clients: count)
            journal.end(.cannotAccept)
        }
        guard full.isOn || shortage.isOn || hasFullListener else { return }
        resume(at: core.now + Episode.quiet, &core)
    }

    mutating func queue(_ index: Int) {
        guard !entrances[index].acceptor.isQueued else { return }
        entrances[index].acceptor.isQueued = true
        waiting.append(Token(.acceptor, entrances.key(at: index)))
    }

    // MARK: sessions

    /// Sessions of all loops.
    var sessionCount: Int { places.occupied }

    /// The client that was accepted last has a session.
    @inline(__always) mutating func admitted(_ index: Int) {
        places.occupy()
        if entrances[index].isLimited { entrances[index].places?.occupy() }
    }

    /// There is no session for the client that was accepted last; its place is free.
    mutating func refused(_ index: Int) { giveUp(index) }

    /// A session has ended: logs its record and frees its place, with which a paused listener may resume.
    @inline(__always) mutating func sessionEnded(
        _ record: inout SessionRecord, isRunning: Bool, _ journal: inout Journal
    ) {
        let mayResume = places.vacate(&record, &journal.loopLog)
        if mayResume, isRunning { resume() }
    }

    /// Another loop has freed a place, of the process or of a listener. If no listener of this loop waits for it any more,
    /// one of another loop may.
    mutating func placeFreed(isRunning: Bool) {
        guard paused > 0 else { return places.passOn() }
        if isRunning { resume() }
    }
}
