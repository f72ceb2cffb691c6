import Benchmark
import Glibc
import Reactor

/// Both ends of all sessions, in one loop: the clients, the backend, and between them the subject, a process of its own.
struct Run: ~Copyable {
    private enum Kind: UInt8, TokenKind {
        /// The timerfd of the loop.
        case clock
        /// The backend's listener, its place in the queue, and the end of a pause.
        case acceptor
        /// A peer's socket, its timer, and its place in the queue.
        case peer
        /// Deadlines and the end of the run.
        case ticker
        /// SIGINT and SIGTERM.
        case signals
    }

    static let peersMax = 1024
    private static let eventsPerTurn = 512
    private static let acceptsPerTurn = 64
    private static let tick = Duration.milliseconds(100)
    private static let progressTicks = 600

    private var core: LoopCore
    private var acceptor: Acceptor
    private let ticker: TimerID
    private let pauseTimer: TimerID
    private let signals: Signals
    private var peers = Slab<Peer>(capacity: Run.peersMax)
    private let tape = Tape()
    private let buffer = ByteBuffer(count: Tape.runMax, alignment: ByteBuffer.pageBytes)

    private var plan: Plan
    private let subject: RunningSubject
    private let target: SocketAddress
    private var sessions: [Int: Session] = [:]
    /// Of each kind, how many there are, and what they have to send.
    private var active = [(count: Int, bytes: Int)](repeating: (0, 0), count: Script.Kind.allCases.count)
    /// Sessions whose backend has not been connected yet, by the first bytes of their clients.
    private var awaited: [UInt64: Session] = [:]
    private var ticks = 0
    private(set) var tally = Tally()
    /// The signal that ended the run early.
    private(set) var interruption: Signal?

    init(_ plan: Plan, listener: consuming Listener, subject: RunningSubject) throws(SystemCallError) {
        var core = try LoopCore(
            clock: .monotonic, timers: Self.peersMax + 2, ready: Self.peersMax + 1, eventsPerTurn: Self.eventsPerTurn,
            clockToken: Token(Kind.clock))
        let signals = try Signals([.interrupt, .terminate])
        if let errno = signals.add(to: core.poller, Token(Kind.signals)) {
            throw SystemCallError(call: "epoll_ctl", subject: "signals", errno: errno)
        }
        if let errno = listener.add(to: core.poller, Token(Kind.acceptor)) {
            throw SystemCallError(call: "epoll_ctl", subject: "listener", errno: errno)
        }
        ticker = core.timers.add(Token(Kind.ticker))
        pauseTimer = core.timers.add(Token(Kind.acceptor))
        self.core = core
        self.signals = signals
        self.plan = plan
        self.subject = subject
        target = .ipv4(0x7F00_0001, port: subject.port)
        acceptor = Acceptor(listener)
    }

    /// Runs the plan to its end.
    mutating func run() throws(SystemCallError) {
        plan.start(now: core.now)
        core.timers.arm(ticker, at: core.now + Self.tick)
        core.endTurn()
        while !isOver { try turn() }
    }

    private var isOver: Bool {
        interruption != nil || tally.isSubjectGone
            || sessions.isEmpty && (plan.isOver(now: core.now) || plan.kinds.allSatisfy(tally.isGivenUp))
    }

    private mutating func turn() throws(SystemCallError) {
        try core.beginTurn(.never)
        repeat {
            for index in 0..<core.events.count { handle(core.events[index]) }
        } while try core.looksAgain()
        while let token = core.popDue() { expire(token) }
        serveQueue()
        openMore()
        core.endTurn()
    }

    private mutating func handle(_ event: Event) {
        switch Kind(of: event.token) {
        case .clock, .ticker: break
        case .acceptor:
            acceptor.markReadable()
            queueAcceptor()
        case .peer:
            guard peers.contains(event.token.key) else { return }
            peers[event.token.index].note(event.readiness)
            serve(event.token.index, event.readiness)
        case .signals:
            while let signal = signals.next() { interruption = signal }
        }
    }

    private mutating func expire(_ token: Token) {
        switch Kind(of: token) {
        case .peer: if peers.contains(token.key) { serve(token.index) }
        case .ticker: lookAround()
        case .acceptor: if acceptor.resume() { queueAcceptor() }
        case .clock, .signals: preconditionFailure("these have no timers")
        }
    }

    private mutating func serveQueue() {
        for _ in 0..<core.ready.count {
            guard let token = core.ready.popFirst() else { return }
            switch Kind(of: token) {
            case .acceptor: accept()
            case .peer:
                guard peers.contains(token.key) else { continue }
                peers[token.index].isQueued = false
                serve(token.index)
            case .clock, .ticker, .signals: preconditionFailure("these do not stand in the queue")
            }
        }
    }

    /// Ends sessions that hang, and the run when the subject has ended.
    private mutating func lookAround() {
        core.timers.arm(ticker, at: core.now + Self.tick)
        ticks += 1
        if !subject.child.isRunning { tally.isSubjectGone = true }
        for session in sessions.values where session.deadline < core.now { finish(session, isLate: true) }
        if ticks % Self.progressTicks == 0 { say("\(tally)") }
    }

    // MARK: opening and accepting

    private mutating func openMore() {
        for kind in plan.kinds where !tally.isGivenUp(kind) {
            while peers.count < Self.peersMax / 2,
                let (number, script) = plan.take(kind, active: active[kind.rawValue], now: core.now)
            {
                guard open(number, script) else { return }
            }
        }
    }

    /// Begins a session. False when that failed, which is counted.
    private mutating func open(_ number: Int, _ script: Script) -> Bool {
        let mark = tape.mark(start: script.client.start)
        // Two clients that begin alike cannot be told apart: this happens once in a million sessions.
        guard awaited[mark] == nil, sessions[number] == nil else { return true }
        do throws(Errno) {
            let stream = try Stream(for: target, from: nil)
            guard let index = insert(stream, isConnected: false) else { return false }
            let session = Session(number, script, client: peers[index], now: core.now)
            peers[index].join(session, asClient: true)
            sessions[number] = session
            count(session, 1)
            awaited[mark] = session
            if case .failed(let errno) = peers[index].stream.connect(to: target) { throw errno }
            // The poller would report a socket that has not begun to connect as hung up.
            if let errno = peers[index].stream.add(to: core.poller, Token(Kind.peer, peers.key(at: index))) {
                throw errno
            }
            return true
        } catch {
            tally.note(failure: "session \(number): connect: \(error)", script.kind)
            if let session = sessions[number] { forget(session) }
            return false
        }
    }

    private mutating func insert(_ stream: consuming Stream, isConnected: Bool) -> Int? {
        let timer = core.timers.add(Token(Kind.peer))
        guard let key = peers.insert(Peer(stream, timer: timer, isConnected: isConnected)) else {
            core.timers.remove(timer)
            return nil
        }
        core.timers.set(timer, Token(Kind.peer, key))
        return Int(key.index)
    }

    private mutating func queueAcceptor() {
        guard acceptor.mayAccept, !acceptor.isQueued else { return }
        acceptor.isQueued = true
        core.ready.append(Token(Kind.acceptor))
    }

    private mutating func accept() {
        acceptor.isQueued = false
        guard acceptor.mayAccept else { return }
        for _ in 0..<Self.acceptsPerTurn {
            switch acceptor.accept() {
            case .accepted(let stream, _):
                guard let index = insert(stream, isConnected: true) else { continue }
                if peers[index].stream.add(to: core.poller, Token(Kind.peer, peers.key(at: index))) != nil {
                    remove(index)
                }
            case .aborted: continue
            case .wouldBlock: return
            case .exhausted:
                if acceptor.pause() { core.timers.arm(pauseTimer, at: core.now + Acceptor.pauseAfterShortage) }
                return
            }
        }
        queueAcceptor()
    }

    // MARK: peers

    private mutating func serve(_ index: Int, _ readiness: Readiness = []) {
        let peer = peers[index]
        guard peer.session != nil || identify(index) else { return }
        if !peer.isConnected {
            guard !readiness.isDisjoint(with: [.writable, .error, .hangup]) else { return }
            if let errno = peer.stream.takeError() { return refuse(peer, errno) }
            peer.isConnected = true
        }
        switch peer.serve(core.now, tape, buffer) {
        case .waits: core.timers.disarm(peer.timer)
        case .waitsUntil(let instant): core.timers.arm(peer.timer, at: instant)
        case .more:
            guard !peer.isQueued else { return }
            peer.isQueued = true
            core.ready.append(Token(Kind.peer, peers.key(at: index)))
        case .left:
            let session = peer.session
            tally.bytes += peer.outcome.received
            remove(index)
            if let session, session.isOver { finish(session, isLate: false) }
        }
    }

    /// The subject has not accepted the client: it is there, so it must.
    private mutating func refuse(_ peer: Peer, _ errno: Errno) {
        guard let session = peer.session else { return }
        tally.note(failure: "session \(session.number): connect: \(errno)", session.script.kind)
        forget(session)
    }

    /// Finds the session of a connection to the backend by its first bytes. False when they have not come yet, or when
    /// it has ended without them: a probe, or a client that left at once.
    private mutating func identify(_ index: Int) -> Bool {
        let (mark, hasEnded) = peers[index].readMark(buffer)
        guard let mark else {
            if hasEnded { remove(index) }
            return false
        }
        guard let session = awaited.removeValue(forKey: mark) else {
            // The session has been given up meanwhile.
            remove(index)
            return false
        }
        session.backend = peers[index]
        peers[index].join(session, asClient: false)
        return true
    }

    private mutating func remove(_ index: Int) {
        core.timers.remove(peers[index].timer)
        peers[index].close()
        _ = peers.remove(at: index)
    }

    private mutating func count(_ session: Session, _ change: Int) {
        let kind = session.script.kind.rawValue
        active[kind].count += change
        active[kind].bytes += change * (session.script.client.bytesToSend + session.script.backend.bytesToSend)
    }

    // MARK: the end of a session

    private mutating func finish(_ session: Session, isLate: Bool) {
        let verdict = Verdict(
            session.script, client: session.client.outcome, backend: session.backend?.outcome, isLate: isLate,
            subject.promise)
        tally.note(session, verdict)
        if !verdict.faults.isEmpty {
            tally.note(
                failure: """
                    session \(session.number): \(verdict.faults.joined(separator: "; "))
                    \(session)
                      again    SEED=\(plan.seed) SESSION=\(session.number) \(subject.command)
                    """, session.script.kind)
        }
        forget(session)
    }

    /// Closes what is left of a session.
    private mutating func forget(_ session: Session) {
        for index in peers.indexRange where peers.isTaken(index) && peers[index].session === session {
            remove(index)
        }
        sessions[session.number] = nil
        count(session, -1)
        let mark = tape.mark(start: session.script.client.start)
        if awaited[mark] === session { awaited[mark] = nil }
        session.client.forgetSession()
        session.backend?.forgetSession()
    }
}
