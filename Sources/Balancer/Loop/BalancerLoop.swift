import Reactor

/// The balancer: one loop that multiplexes listeners, sessions and probes on one thread.
///
/// A turn takes the events of one wait and lets each do what it may: accept clients, relay bytes, judge backends. Then
/// the timers whose time has come, then those that had more to do than their share. What a turn has to say leaves with
/// one write before the next wait. See ARCHITECTURE.md for the life of an event and of a session.
///
/// SIGPIPE is ignored from then on, in the whole process: splice(2) has no other way to fail with EPIPE.
///
/// Everything is owned here, by value; nothing is called back, and no two turns overlap. To run several loops side by
/// side on one thread, add them to a parent poller and call `turn(.immediately)`. For several threads see
/// ``LoopGroup``.
public struct BalancerLoop: ~Copyable {
    /// What it was made of.
    public let configuration: Configuration

    let patience: Patience
    /// The lowest port that the kernel chooses for our connections.
    let ephemeralPortMin = EphemeralPorts.lowest()
    let poller: Poller
    let clock: Clock
    var events: EventBuffer
    var timers: Timers
    let signals: Signals?
    var service: ServiceManager?
    /// When it was made.
    let started: Instant
    /// The instant of this turn.
    var now: Instant

    var acceptors: Slab<Acceptor>
    var admission: Admission
    var pools: [Pool]
    var backends: Slab<Backend>
    var sessions: Slab<Session>
    /// The addresses of those clients that have one of IPv6, at the places of their sessions.
    var ipv6Hosts: Column<IPv6Host>
    var relay: Relay
    /// What could go on at once, but has had its share of the last turn.
    var ready: TokenQueue
    var words: LoopLog
    var state = State.running
    /// No descriptor, port or memory for a connection to a backend: the attempts it cost.
    var connectShortage = Episode()
    /// No descriptor or memory for a probe.
    var probeShortage = Episode()
    let drainTimer: TimerID
    /// When to make up for warm connections that were taken.
    let refillTimer: TimerID
    var isRefillDue = false
    let namesTimer: TimerID
    let watchdogTimer: TimerID
    /// Looks up where backends are; nil where none has a name, and in all loops but the one that probes.
    let resolver: BackgroundResolver?
    /// The service manager waits for the end of a reload.
    var isReloading = false
    var status: StatusListener?
    /// Which of the board's changes of addresses it has taken in.
    var addressesSeen: UInt64 = 0
    /// What it shares with the other loops of a group; nil when it is alone.
    let board: Board?
    /// Its number in the group. Loop 0 probes, and has the signals.
    let number: Int

    /// Where it is in its life.
    enum State: Equatable {
        case running
        /// No new clients; the present ones finish.
        case draining
        case stopped
    }

    /// What a loop has around it, beside the network. Of several loops number 0 has it.
    struct Surroundings: ~Copyable {
        var signals: Signals?
        var service: ServiceManager?
        var lookUp = BackgroundResolver.system
    }

    /// Binds the listeners and starts the first probes.
    ///
    /// `signals`, when given, must report SIGTERM, SIGINT and SIGHUP, and are handled by the loop; `service` is told
    /// how it does; `lookUp` finds the backends that have names. Throws when a system call fails: a port in use, a
    /// permission missing, no descriptors.
    public init(
        _ configuration: Configuration, clock: Clock = .monotonic, signals: consuming Signals? = nil,
        service: consuming ServiceManager? = nil,
        lookUp: @escaping BackgroundResolver.Lookup = BackgroundResolver.system,
        output: consuming EventLog
    ) throws(SystemCallError) {
        let acceptors = try Self.bind(configuration.listeners)
        try self.init(
            configuration, clock: clock, Surroundings(signals: signals, service: service, lookUp: lookUp),
            words: LoopLog(output), acceptors: acceptors)
    }

    /// A loop alone, or number `number` of those that share `board`.
    init(
        _ configuration: Configuration, clock: Clock, _ surroundings: consuming Surroundings,
        words: consuming LoopLog, acceptors: consuming Slab<Acceptor>, board: Board? = nil, number: Int = 0
    ) throws(SystemCallError) {
        // splice(2) has no MSG_NOSIGNAL.
        Signals.ignoreBrokenPipes()
        let now = clock.now()
        let poller = try Poller()
        let sessionsMax = configuration.limits.sessionsMax
        // A session and a backend have one timer each; draining, the pause after a shortage, warm connections, names
        // and the watchdog have the other five.
        var timers = try Timers(
            capacity: sessionsMax + configuration.backendCount + 5, now: now, poller: poller, token: Token(.clock))
        if let errno = surroundings.signals?.add(to: poller, Token(.signals)) {
            throw SystemCallError(call: "epoll_ctl", subject: "signals", errno: errno)
        }
        let resolver = try Self.makeResolver(configuration, surroundings.lookUp, loop: number)
        if let errno = resolver?.add(to: poller, Token(.resolver)) {
            throw SystemCallError(call: "epoll_ctl", subject: "resolver", errno: errno)
        }
        let status = try Self.makeStatus(configuration.status, loop: number, poller)
        if let errno = board?.addWaker(of: number, to: poller, Token(.waker)) {
            throw SystemCallError(call: "epoll_ctl", subject: "waker", errno: errno)
        }
        try Self.add(acceptors, to: poller)
        if number == 0 {
            words.log.add(to: poller, Token(.log))
            words.log.started(configuration)
        }
        words.endTurn()
        drainTimer = timers.wheel.add(Token(.drainTimer))
        refillTimer = timers.wheel.add(Token(.refillTimer))
        admission = Admission(timer: timers.wheel.add(Token(.pauseTimer)))
        watchdogTimer = timers.wheel.add(Token(.watchdogTimer))
        namesTimer = timers.wheel.add(Token(.resolver))
        if resolver != nil { timers.wheel.arm(namesTimer, at: now + configuration.timeouts.names) }
        let backends = Self.makeBackends(
            configuration.pools, warm: configuration.latency.warmConnections, now, &timers, probed: number == 0)
        pools = Self.makePools(configuration.pools, backends, loop: number, of: configuration.threads)
        self.backends = backends
        self.acceptors = acceptors
        self.configuration = configuration
        patience = Patience(configuration.timeouts)
        self.clock = clock
        self.now = now
        started = now
        sessions = Slab(capacity: sessionsMax)
        ipv6Hosts = Column(capacity: sessionsMax)
        events = EventBuffer(capacity: Limits.eventsPerTurn)
        relay = Relay(limits: configuration.limits.share(of: configuration.threads))
        // Between two looks at the queue, each event and each accept may add one; sessions already in it stay. And the
        // status socket, once.
        let listeners = configuration.listeners.count
        ready = TokenQueue(
            capacity: sessionsMax + Limits.eventsPerTurn + listeners * (2 + 2 * Limits.acceptsPerTurn) + 1)
        self.words = words
        self.board = board
        self.number = number
        signals = surroundings.signals
        service = surroundings.service
        self.resolver = resolver
        self.status = status
        timers.prepare()
        self.timers = timers
        self.poller = poller
    }

    /// What it tells its operator.
    var log: EventLog {
        _read { yield words.log }
        _modify { yield &words.log }
    }

    /// True until the loop has stopped.
    public var isRunning: Bool { state != .stopped }

    /// True while the next turn will not wait: somebody has more to do than the share of one turn.
    public var hasMoreToDo: Bool { !ready.isEmpty }

    /// Lets a parent poller watch this loop: it is readable while `turn(.immediately)` has something to do.
    public func add(to parent: borrowing Poller, _ token: Token) -> Errno? {
        parent.add(poller, token)
    }

    /// Runs until a signal, or `stop`, has ended it.
    public mutating func run() throws(SystemCallError) {
        tellReady()
        timers.prepare()
        do throws(SystemCallError) {
            while isRunning { try turn() }
        } catch {
            _ = cutSessions()
            if board == nil { log.finish() }
            throw error
        }
    }

    /// Waits for events and handles them: once.
    public mutating func turn(_ timeout: Poller.Timeout = .never) throws(SystemCallError) {
        guard isRunning else { return }
        let mayWait = ready.isEmpty && !configuration.latency.busyPoll
        try poller.poll(into: &events, timeout: mayWait ? timeout : .immediately)
        now = clock.now()
        relay.beginTurn(withMoreToDo: ready.count)
        for index in 0..<events.count { handle(events[index]) }
        // After the events: what they say of a socket must be heard before a timer replaces the socket.
        while isRunning, let token = timers.wheel.popDue(now: now) { expire(token) }
        goOn()
        finishTurn()
    }

    /// Prepares for the next wait: the timer is set and the log written.
    private mutating func finishTurn() {
        guard isRunning else { return }
        timers.prepare()
        words.endTurn()
    }

    /// Gives those their turn that had more to do than their last share; who is queued meanwhile waits for the next.
    private mutating func goOn() {
        for _ in 0..<ready.count {
            guard isRunning, let token = ready.popFirst() else { return }
            switch TokenKind(rawValue: token.kind) {
            case .session where sessions.contains(token.key):
                sessions[token.index].isQueued = false
                service(token.index)
            case .acceptor where acceptors.contains(token.key):
                acceptors[token.index].isQueued = false
                accept(token.index)
            case .status:
                status?.isQueued = false
                answerStatus()
            default:
                // It has ended while it waited.
                break
            }
        }
    }

    // MARK: events

    private mutating func handle(_ event: Event) {
        let token = event.token
        switch TokenKind(rawValue: token.kind) {
        case .clock:
            timers.expired()
        case .signals:
            handleSignals()
        case .log:
            log.flush()
        case .waker:
            hearOthers()
        case .resolver:
            namesAnswered()
        case .status:
            answerStatus()
        case .acceptor:
            guard acceptors.contains(token.key) else { return }
            acceptors[token.index].hasArrivals = true
            if acceptors[token.index].isPaused { noteWaiting(token.index) } else { accept(token.index) }
        case .client:
            guard sessions.contains(token.key) else { return }
            clientReady(token.index, event.readiness)
        case .backend:
            guard sessions.contains(token.key), sessions[token.index].lap & 0xF == token.lap else { return }
            backendReady(token.index, event.readiness)
        case .probe:
            guard backends.contains(token.key), backends[token.index].probe.isUnderWay(token.lap) else { return }
            probeReady(token.index, event.readiness)
        case .session, .probeTimer, .drainTimer, .refillTimer, .pauseTimer, .watchdogTimer, nil:
            assertionFailure("a token of the loop's own came from the kernel")
        }
    }

    /// Not inlined: few turns have a timer, and all would save the registers that its branches want.
    @inline(never) private mutating func expire(_ token: Token) {
        switch TokenKind(rawValue: token.kind) {
        case .session:
            guard sessions.contains(token.key) else { return }
            sessionExpired(token.index)
        case .probeTimer:
            guard backends.contains(token.key) else { return }
            probeExpired(token.index)
        case .drainTimer:
            stop()
        case .refillTimer:
            refillExpired()
        case .pauseTimer:
            resumeAcceptors()
            endEpisodes()
        case .resolver:
            namesExpired()
        case .watchdogTimer:
            heartbeat()
        case .clock, .signals, .log, .waker, .status, .acceptor, .client, .backend, .probe, nil:
            assertionFailure("a token of the kernel's came from a timer")
        }
    }
}
