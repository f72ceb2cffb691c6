import Reactor

/// The balancer: one loop that multiplexes listeners, sessions and probes on one thread.
///
/// The loop connects its parts and does nothing else. Each part is a value that the loop owns: a call passes the other
/// parts that it needs as arguments and returns what happened; no part refers to the loop. There are no callbacks, and
/// no two turns overlap. See ARCHITECTURE.md for the parts, and for the life of an event and of a session.
///
/// Making a loop makes the whole process ignore SIGPIPE and SIGXFSZ: splices and writes then fail with an error.
///
/// To run several loops side by side on one thread, add them to a parent poller and call `turn(.immediately)`. For
/// several threads see ``LoopGroup``.
public struct BalancerLoop: ~Copyable {
    /// The configuration that the loop was made from.
    public let configuration: Configuration

    var core: LoopCore
    var admission: Admission
    var targets: Targets
    var sessions: Sessions
    var journal: Journal
    /// The steward and the prober; nil in all loops of the process but one.
    var duties: Duties?
    /// The seat at the board that several loops share; nil for a single loop.
    let seat: Seat?
    let shared: SharedState
    /// Requests of other threads that wait until all loops have the last reload, in their order.
    var requests: [ControlRequest] = []
    /// How many reloads this loop has made, for all loops; only the one with the duties makes any.
    var reloadsMade: UInt64 = 0
    /// How many SIGHUPs wait until the loop has taken over what it has made of them.
    var hangupsToAnswer = 0
    var state = LoopState.running
    /// The prober ran in this turn, or another loop has woken this one: there may be something to publish.
    var mayHaveNews = false
    var drainTimer: DrainTimer
    /// Questions of other threads; nil where nobody asks.
    let mailbox: Mailbox?
    /// What goes back by itself, in the loop with the duties.
    var reversions: Reversions
    /// Which pauses of listeners the loop has taken over.
    private var listenerSteers: UInt64 = 0

    /// Binds the listeners and starts the first probes.
    ///
    /// `signals`, when given, must report SIGTERM, SIGINT and SIGHUP, and may report others of ``Signal``. `service` is
    /// notified of the process's state; `control` brings requests of other threads; `lookUp` resolves the names of
    /// backends. Throws when a system call fails: a port in use, a missing permission, no descriptors.
    public init(
        _ configuration: Configuration, clock: Clock = .monotonic, signals: consuming Signals? = nil,
        service: consuming ServiceManager? = nil, control: ControlChannel? = nil,
        lookUp: @escaping BackgroundResolver.Lookup = BackgroundResolver.system,
        output: consuming EventLog
    ) throws(SystemCallError) {
        let duties = ProcessDuties(signals: signals, service: service, control: control, lookUp: lookUp)
        try self.init(configuration, clock: clock, salt: SessionIDs.makeSalt(), duties, access: nil, output: output)
    }

    /// The only loop of the process. With the same `salt` it makes the same choices.
    init(
        _ configuration: Configuration, clock: Clock = .monotonic, salt: UInt64, _ duties: consuming ProcessDuties,
        access: LoopAccess? = nil, output: consuming EventLog
    ) throws(SystemCallError) {
        let shared = SharedState(configuration, salt: salt, access: access)
        access?.open(shared, configuration)
        try shared.bindListeners(configuration)
        try self.init(configuration, clock: clock, shared, seat: nil, duties, LoopLog(output))
    }

    /// The only loop of the process, or one of several that share a board. `duties` is nil in all loops but one.
    init(
        _ configuration: Configuration, clock: Clock, _ shared: SharedState, seat: Seat?,
        _ duties: consuming ProcessDuties?, _ log: consuming LoopLog
    ) throws(SystemCallError) {
        Signals.ignoreFailedWrites()
        var core = try LoopCore(configuration, seat, clock)
        let places = Places(max: configuration.limits.sessionsMax, seat: seat)
        let loop = seat?.loop ?? 0
        let admission = try Admission(shared.bound[loop].take(), places, configuration.limits.shares, &core)
        let sessions = try Sessions(
            configuration, SessionIDs(salt: shared.sessionSalt, loop: loop), loop: loop, &core)
        var journal = Journal(log, shared.counters[loop], shared.turns[loop], shared.conditions, loop: loop)
        let duties = try Duties.make(
            duties, configuration, shared.roster, ownAddresses: admission.addresses, &core, &journal)
        let mailbox = shared.access?.mailboxes[loop]
        try mailbox?.add(to: core.poller)
        targets = Targets(
            shared.roster, loop: loop, of: configuration.threads,
            warmMax: configuration.latency.warmConnections, seed: shared.sessionSalt, &core)
        drainTimer = DrainTimer(&core)
        reversions = Reversions(&core)
        self.mailbox = mailbox
        journal.endTurn()
        core.endTurn()
        self.sessions = sessions
        self.admission = admission
        self.journal = journal
        self.duties = duties
        self.core = core
        self.configuration = configuration
        self.shared = shared
        self.seat = seat
        self.admission.limit(targets.roster.listeners, self.core.now)
        countLimitedSessions()
        pass(targets.roster.reload)
    }

    /// True until the loop has stopped.
    public var isRunning: Bool { state != .stopped }

    /// True while the next turn will not wait: there is work, or a timer, that exceeded its share of the last turn.
    public var hasMoreToDo: Bool {
        core.hasMoreToDo || sessions.hasMoreToDo || admission.waitingCount > 0 || targets.hasOffers
    }

    /// There is a later version of the roster than the loop's.
    var isRosterNew: Bool { shared.roster.version != targets.roster.version }

    /// The addresses that clients can connect to, with their actual ports; empty once the loop drains.
    public var listenerAddresses: [SocketAddress] { admission.addresses.map(\.address) }

    /// A snapshot of the session table; for display, not for the data path.
    public func sessionTable() -> [SessionRow] { sessions.table(targets) }

    /// Lets a parent poller watch this loop, for events and timers; of work that is left over ask ``hasMoreToDo``.
    public func add(to parent: borrowing Poller, _ token: Token) -> Errno? {
        parent.add(core.poller, token)
    }

    /// Runs until a signal or ``stop()`` ends the loop.
    public mutating func run() throws(SystemCallError) {
        let facts = facts
        duties?.steward.notifyState(facts.service, seat, &core)
        publishNews()
        core.endTurn()
        do throws(SystemCallError) { while isRunning { try turn() } } catch {
            _ = cutSessions()
            if seat == nil { journal.log.finish() }
            throw error
        }
    }

    // MARK: a turn

    /// Waits for events once, and handles them.
    public mutating func turn(_ timeout: Poller.Timeout = .never) throws(SystemCallError) {
        guard isRunning else { return }
        // The wake-up for a new roster may have come and gone with the one before it.
        let hasMore = hasMoreToDo || isRosterNew
        let mayWait = !hasMore && configuration.latency.busyPoll != .always
        try core.beginTurn(mayWait ? timeout : .immediately)
        // Busy polling makes a million turns a second in which nothing happens.
        let isCounted = hasMore || mayWait || core.hadEvents
        if core.stall > 0 { handleStall() }
        if isRosterNew { adoptRoster() }
        sessions.beginTurn()
        admission.beginTurn()
        if sessions.sweep.isOn { sweepSessions() }
        if !sessions.late.isEmpty { serve(.late) }
        if !sessions.connects.isEmpty { serve(.connects) }
        repeat {
            for index in 0..<core.events.count where isRunning { handle(core.events[index]) }
        } while isRunning ? try core.looksAgain() : false
        while isRunning, let token = core.popDue() { expire(token) }
        if targets.hasOffers { serveQueues() }
        while admission.waitingCount > 0, isRunning, let index = admission.nextWaiting() { accept(index) }
        for _ in 0..<core.ready.count where isRunning {
            if core.ready.popFirst() != nil { perform(.rest) }
        }
        if !sessions.bulk.isEmpty { serve(.bulk) }
        if isRunning { endTurn(isCounted: isCounted) }
    }

    /// Lets sessions of a queue go on, in their order, while the turn has a share for them.
    @inline(never) private mutating func serve(_ queue: Sessions.Queue) {
        if queue == .bulk { core.sleepNext() }
        for _ in 0..<sessions.waiting(in: queue) {
            guard isRunning, let index = sessions.next(in: queue) else { return }
            settle(sessions.goOn(index, &targets, &core, &journal))
        }
    }

    /// Connects clients that have waited for a place, in their order, before new ones are accepted.
    @inline(never) private mutating func serveQueues() {
        for pool in targets.roomy {
            while isRunning, let index = sessions.popWaiting(pool, &targets) {
                sessions.countWait(index, &targets, core.now)
                settle(sessions.connectNext(index, &targets, &core, &journal))
            }
            // The turn's connects are used up: it goes on in the next one.
            guard sessions.connectsLeft > 0 else { continue }
            targets.roomy.remove(pool)
            targets.passPlaceOn(of: pool)
        }
    }

    /// Takes over a new revision of the roster: pools, backends or their health have changed.
    @inline(never) mutating func adoptRoster() {
        let reloaded = targets.adopt(&core, &journal)
        if let reloaded { adopt(reloaded) }
        if duties?.adopt(targets.roster, &core, &journal) ?? false, state == .running {
            let facts = facts
            duties?.steward.notifyState(facts.service, seat, &core)
        }
        if listenerSteers != targets.roster.listenerSteers {
            listenerSteers = targets.roster.listenerSteers
            admission.hold(targets.roster.listeners, core.now)
        }
        let hasNewTimeouts = targets.takeNewTimeouts()
        if targets.takeClosing() || hasNewTimeouts { sessions.beginSweep(hasNewTimeouts: hasNewTimeouts) }
        guard reloaded != nil else { return }
        endReload()
        carryOutRequests()
    }

    /// Goes on with the walk past all sessions; ends those whose backend is down or was removed, and whose pool wants that.
    @inline(never) private mutating func sweepSessions() {
        sessions.sweep.beginTurn()
        while isRunning, let next = sessions.nextToClose(&targets, &core) {
            settle(sessions.end(next.index, next.reason, &targets, &core, &journal))
        }
    }

    /// Prepares for the next wait: publishes findings, sets the timer and writes the log.
    private mutating func endTurn(isCounted: Bool) {
        if mayHaveNews || journal.hasChange { publishNews() }
        if targets.hasOffers { wakeForPlaces() }
        core.endTurn()
        journal.endTurn()
        if isCounted { journal.countTurn(nanoseconds: core.elapsedNanoseconds()) }
        assert(Audit(self).isSound, Audit(self).description)
    }

    /// Wakes the loops whose clients some of this loop's places are for.
    @inline(never) mutating func wakeForPlaces() {
        let loops = targets.takeLoopsWithRoom()
        seat?.wake(all: loops)
    }

    /// Publishes findings of the prober, and changes of the state: by way of the loop with the duties.
    @inline(never) private mutating func publishNews() {
        mayHaveNews = false
        if journal.takeChange(), duties == nil { seat?.wake(0) }
        let isDraining = state != .running
        if duties?.publish(shared, seat, isDraining: isDraining, &core, &journal) ?? false { seat?.wakeOthers() }
    }

    @inline(never) private mutating func handleStall() {
        journal.countStall(core.stall)
        drainTimer.catchUp(&core)
        reversions.catchUp(&core)
        duties?.catchUp(seat, &core)
    }

    private mutating func handle(_ event: Event) {
        let token = event.token
        switch TokenOwner(of: token) {
        case .client:
            guard let index = sessions.index(of: token) else { return journal.countStale() }
            settle(sessions.clientReady(index, event.readiness, &targets, &core, &journal))
        case .backend:
            guard let index = sessions.index(ofBackend: token) else { return journal.countStale() }
            settle(sessions.backendReady(index, event.readiness, &targets, &core, &journal))
        case .acceptor: admission.listenerReady(token, &core, &journal)
        case .probe, .resolver: perform(.event(event))
        case .signals: handleSignals()
        case .log: journal.log.flush()
        case .waker where ControlChannel.isToken(token): handleRequests()
        case .waker where Mailbox.isToken(token): answerQuestions()
        case .waker: handleWake()
        // Nothing to do: each turn reads the clock, which shows the timers that are due.
        case .clock: break
        case .session, .probeTimer, .drainTimer, .warmTimer, .pauseTimer, .watchdogTimer:
            assertionFailure("a token of the loop's own came from the kernel")
        }
    }

    /// Not inlined: few turns have a due timer, but all would save the registers that its branches need.
    @inline(never) private mutating func expire(_ token: Token) {
        switch TokenOwner(of: token) {
        case .session:
            guard let index = sessions.index(of: token) else { return }
            settle(sessions.expired(index, &targets, &core, &journal))
        case .drainTimer where Removals.isToken(token):
            targets.removalsExpired(&core)
            if targets.takeClosing() { sessions.beginSweep() }
        case .drainTimer where SlowStarts.isToken(token): targets.growSlowStarts(&core)
        case .drainTimer where Targets.isCrowdToken(token): targets.endCrowds(&core, &journal)
        case .drainTimer where Targets.isRebalanceToken(token):
            if targets.rebalance(&core) { sessions.beginSweep() }
        case .drainTimer where Reversions.isToken(token): revert()
        case .drainTimer: stop()
        case .warmTimer: targets.warmExpired(&core)
        case .pauseTimer: admission.expired(&core, &journal)
        case .probeTimer, .resolver, .watchdogTimer: perform(.timer(token))
        case .clock, .signals, .log, .waker, .acceptor, .client, .backend, .probe:
            assertionFailure("a token of the kernel's came from a timer")
        }
    }

    /// Work of the steward or the prober, after which there may be news.
    @inline(never) private mutating func perform(_ work: Duties.Work) {
        let facts = facts
        mayHaveNews = true
        if duties?.perform(work, facts, seat, &core, &journal) == false { journal.countStale() }
    }

    /// Accepts the waiting clients of a listener, up to its share of the turn. Not inlined: see ``expire(_:)``.
    @inline(never) mutating func accept(_ listener: Int, _ share: Admission.Share = .ofTurn) {
        var share = share
        while isRunning {
            guard sessions.makeRoom(&core) else { return admission.turnAway(listener, .outOfMemory, &core, &journal) }
            switch admission.next(listener, &share, &core, &journal) {
            case .none: return
            case .shortage(let errno):
                // The descriptors that this closes may suffice for the client.
                if targets.dropAllWarm() { continue }
                return admission.turnAway(listener, errno, &core, &journal)
            case .client(let stream, let address, let pool, let hasWaited):
                guard let index = sessions.open(stream, address, pool: pool, &core) else {
                    return admission.refused(listener)
                }
                if sessions.keepsOrigins {
                    let origin = admission.origin(of: listener, &sessions.listenerNames, &sessions.localAddresses)
                    sessions.origins.set(origin, at: index)
                    sessions.slab[index].isCounted = admission.entrances[listener].isLimited
                    if sessions.isTraced { sessions.beginTrace(index, admission.entrances[listener].counters) }
                }
                admission.admitted(listener)
                journal.cells.add(.accepted)
                if admission.entrances[listener].hasRules {
                    beginPreface(index, listener, hasWaited: hasWaited)
                    continue
                }
                settle(sessions.begin(index, hasWaited: hasWaited, &targets, &core, &journal))
            }
        }
    }

    /// Completes a call to `sessions`: if the session has ended, logs its record and frees its place.
    @inline(__always) mutating func settle(_ step: Sessions.Step) {
        guard step == .ended else { return }
        if let number = sessions.lastLimited { freePlace(ofListener: number) }
        if sessions.lastTrouble != nil { noteTrouble() }
        admission.sessionEnded(&sessions.lastRecord, isRunning: state == .running, &journal)
        stopIfDrained()
    }

    /// Begins a session with what its listener asks for.
    @inline(never) private mutating func beginPreface(_ index: Int, _ listener: Int, hasWaited: Bool) {
        if admission.entrances[listener].door == nil {
            admission.entrances[listener].door = admission.entrances[listener].rules.flatMap { sessions.door(of: $0) }
        }
        guard let door = admission.entrances[listener].door else {
            // 65,535 listeners with rules have come and gone.
            targets.hold(pool: Int(sessions.slab[index].pool))
            return settle(sessions.end(index, .shortage, &targets, &core, &journal))
        }
        settle(
            sessions.beginPreface(
                index, door: door, admission.admittance, hasWaited: hasWaited, &targets, &core, &journal))
    }

    /// The session that has ended was closed before its first byte.
    @inline(never) private mutating func noteTrouble() {
        guard let (trouble, door, client, cause) = sessions.lastTrouble else { return }
        sessions.lastTrouble = nil
        admission.note(trouble, client, cause, sessions.rules[Int(door)], &core, &journal)
    }

    /// The session that has ended counted for the limit of its listener.
    @inline(never) private mutating func freePlace(ofListener number: UInt16) {
        sessions.lastLimited = nil
        admission.placeFreed(ofListener: number)
    }
}
