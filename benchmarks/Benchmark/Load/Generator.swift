import CEpoll
import Reactor

/// The load generator: one loop that keeps the connections of a plan busy and counts what comes of it.
///
/// It always ends a connection first, with a FIN once an exchange is complete, so that TIME_WAIT stays on the
/// connecting side of both connections of a session. Every byte that comes back is compared with what was sent.
///
/// Stages and pauses are in the time of the loop. Latencies, and the arrivals of an open loop, are in the time of the
/// clock, which runs on while the process does not: what a client would have waited counts.
public struct Generator: ~Copyable {
    /// Connections that are being set up at the same time, so that no backlog overflows.
    static let connectingMax = 256
    /// Source addresses of short connections: one would run out of ports in seconds.
    static let sources: UInt32 = 16
    /// Failures after which a run is given up: something is wrong, and a longer run shows nothing more.
    static let errorsMax = 1000
    /// How long setting up may take, and how long unfinished work may take at the end.
    static let stageLimit = Duration.seconds(10)
    /// What a slow reader takes, and how often.
    static let slowBytes = 16 * 1024
    static let slowPause = Duration.milliseconds(10)
    /// What a bulk connection moves in a turn. Less beside exchanges, whose latency would otherwise be the generator's.
    static let shareBytes = Pattern.chunkBytes
    static let shareBytesBeside = 64 * 1024
    /// The receive buffer of many downloads beside the work: hundreds of them, with buffers as large as the kernel allows,
    /// would leave it without memory for TCP.
    static let receiveBytesBeside = 256 * 1024
    /// Events taken from the kernel at a time.
    static let eventsPerTurn = 512

    enum Kind: UInt8, TokenKind {
        /// The timerfd of the loop.
        case clock
        /// A connection's socket, and its place in the queue.
        case connection
        /// The timerfd for the next request or short connection that is due at an instant of its own, which the loop's wheel of milliseconds is too coarse for.
        case pacer
        /// The end of a stage.
        case stageTimer
        /// The end of a pause of slow readers.
        case slowTimer
        /// When a herd is to be gathered or released.
        case herdTimer
    }

    let plan: LoadPlan
    var core: LoopCore
    let target: SocketAddress
    let pattern = Pattern()
    let buffer = ByteBuffer(count: Generator.shareBytes, alignment: ByteBuffer.pageBytes)
    let pacer: FileDescriptor
    let stageTimer: TimerID
    let slowTimer: TimerID
    let herdTimer: TimerID
    let clock = Clock.monotonic
    var connections: Slab<Connection>

    var stage = Stage.connecting
    /// When the stage ends, or is given up.
    var deadline = Instant(nanoseconds: 0)
    /// Connections begun in all; gives each its place in the pattern and its source address.
    var begun = 0
    var wanted = 0
    var connecting = 0
    /// Connections of this stage that have done what the stage waits for.
    var arrived = 0
    var arrivals: Arrivals?
    /// Connections of an open loop that wait for an arrival.
    var free: [Int] = []
    /// The instants of the short connections beside the work; nil while there are none.
    var visits: Arrivals?
    /// How many of those stand or are being set up.
    private(set) var visiting = 0
    var herd = Herd.resting
    /// The thread that reads the downloads beside the work, once it has been started.
    var reader: SeparateReader?
    /// What that had read when the window began.
    var bytesApartBefore: UInt64 = 0
    /// Where this generator, in such a thread, tells what it has read.
    let readingFor: SeparateReader?

    var isCounting = false
    var units: UInt64 = 0
    /// Bytes of the downloads beside the work.
    var bulkBytes: UInt64 = 0
    var latencies = LatencyRecorder()
    var visitLatencies = LatencyRecorder()
    var meter: Meter
    var sample = Sample()
    var errorCount = 0

    /// A generator for a plan that has no fault.
    public init(_ plan: LoadPlan) throws(SystemCallError) {
        try self.init(plan, readingFor: nil)
    }

    init(_ plan: LoadPlan, readingFor: SeparateReader?) throws(SystemCallError) {
        let capacity = plan.connections + plan.disturbers + (plan.visitRate > 0 ? LoadPlan.visitsMax : 0)
        // Three timers: of the stage, of slow readers, and of the herd.
        var core = try LoopCore(
            clock: clock, timers: 3, ready: capacity, eventsPerTurn: Self.eventsPerTurn,
            clockToken: Token(Kind.clock))
        let pacer = FileDescriptor(owning: cepoll_timer_create())
        if let errno = core.poller.add(pacer, Token(Kind.pacer), .arrivals) {
            throw SystemCallError(call: "epoll_ctl", subject: "timer", errno: errno)
        }
        stageTimer = core.timers.add(Token(Kind.stageTimer))
        slowTimer = core.timers.add(Token(Kind.slowTimer))
        herdTimer = core.timers.add(Token(Kind.herdTimer))
        self.core = core
        self.pacer = pacer
        self.plan = plan
        self.readingFor = readingFor
        target = .ipv4(0x7F00_0001, port: plan.port)
        connections = Slab(capacity: capacity)
        meter = Meter(subject: plan.subject, origin: plan.origin)
    }

    /// Carries the plan out.
    public mutating func run() throws(SystemCallError) -> Sample {
        defer { if plan.work == .herd { setOrigin(running: true) } }
        begin()
        core.endTurn()
        while stage != .done { try turn() }
        return sample
    }

    private mutating func turn() throws(SystemCallError) {
        try core.beginTurn(.never)
        if readingFor?.isOver == true { return finish() }
        // Before the events, so that a window ends on time.
        advance()
        repeat {
            for index in 0..<core.events.count { handle(core.events[index]) }
        } while try core.looksAgain()
        while let token = core.popDue() { expire(token) }
        serveQueue()
        openMore()
        // After the events as well: they may be what a stage waits for.
        advance()
        issue()
        core.endTurn()
    }

    private mutating func handle(_ event: Event) {
        switch Kind(of: event.token) {
        case .connection:
            guard connections.contains(event.token.key) else { return }
            connections[event.token.index].note(event.readiness)
            serve(event.token.index)
        // They only end the wait: ``issue()`` and `popDue` look at the time.
        case .clock, .pacer: break
        case .stageTimer, .slowTimer, .herdTimer: preconditionFailure("timers of the wheel are no events")
        }
    }

    private mutating func expire(_ token: Token) {
        switch Kind(of: token) {
        case .slowTimer: readSlowly()
        case .herdTimer: driveHerd()
        // It only ends the wait: ``advance()`` looks at the time.
        case .stageTimer: break
        case .clock, .connection, .pacer: preconditionFailure("only stages, slow readers and herds have timers")
        }
    }

    /// Serves every connection that was in the queue when the turn came to it, each once.
    private mutating func serveQueue() {
        for _ in 0..<core.ready.count {
            guard let token = core.ready.popFirst() else { return }
            guard connections.contains(token.key) else { continue }
            connections[token.index].isQueued = false
            serve(token.index)
        }
    }

    // MARK: opening

    /// The role of the `place`th connection wanted: those of the work come first.
    private func role(_ place: Int) -> Connection.Role {
        guard place < plan.connections else {
            switch plan.disturbance {
            case .downloads: return .metered
            case .storm: return .visit
            case .idlers: return .rest
            case .slowReaders, nil: return .slow
            }
        }
        switch plan.work {
        case .short: return .visit
        case .pingPong: return .talk
        case .openLoop: return .paced
        case .down: return plan.isBeside ? .metered : .down
        case .up: return .up
        case .both: return .both
        case .idle: return .rest
        case .herd: return .herd
        }
    }

    /// Opens connections until there are as many as are wanted.
    mutating func openMore() {
        guard stage.isOpening else { return }
        while connections.count - visiting < wanted, connecting < Self.connectingMax, stage != .done {
            let place = min(begun, wanted - 1)
            guard open(role(place), isMeasured: place < plan.connections) else { return }
        }
    }

    /// Begins a connection, whose latency counts from `due` or else from now. False when that failed.
    mutating func open(_ role: Connection.Role, isMeasured: Bool, due: UInt64? = nil) -> Bool {
        let number = begun
        begun += 1
        let source = role == .visit ? SocketAddress.ipv4(0x7F00_0002 + UInt32(number) % Self.sources, port: 0) : nil
        do throws(Errno) {
            let stream = try Stream(for: target, from: source)
            if role == .metered, max(plan.disturbers, plan.isBeside ? plan.connections : 0) > LoadPlan.fewDownloads {
                stream.limitReceiveBuffer(bytes: Self.receiveBytesBeside)
            }
            let began = due ?? clock.now().nanoseconds
            if case .failed(let errno) = stream.connect(to: target) { throw errno }
            let start = pattern.start(of: role.wish, number: role.wish == .echo ? number : 0)
            guard
                let key = connections.insert(
                    Connection(stream, role, isMeasured: isMeasured, start: start, began: began))
            else { return false }
            connecting += 1
            if role == .visit, !isMeasured { visiting += 1 }
            let index = Int(key.index)
            if let errno = connections[index].stream.add(to: core.poller, Token(Kind.connection, key)) {
                close(index)
                throw errno
            }
            return true
        } catch {
            note("connect: \(error)")
            return false
        }
    }

    /// Ends a connection: the only way to.
    mutating func close(_ index: Int) {
        if !connections[index].isConnected { connecting -= 1 }
        if connections[index].isVisitBeside { visiting -= 1 }
        _ = connections.remove(at: index)
    }

    // MARK: failures

    /// Ends a connection that failed, and counts it.
    mutating func fail(_ index: Int, _ reason: String) {
        // An open loop that has lost a connection is another loop.
        let isFatal = connections[index].role == .paced
        close(index)
        note(reason)
        if isFatal { finish() }
    }

    mutating func note(_ reason: String) {
        sample.errors[reason, default: 0] += 1
        errorCount += 1
        readingFor?.noteFailure()
        let isHopeless = connections.count == 0 && plan.work != .short
        if errorCount >= Self.errorsMax || isHopeless { finish() }
    }

    /// What came back is not what was sent.
    mutating func mismatch(_ index: Int) {
        close(index)
        sample.mismatches += 1
        readingFor?.noteMismatch()
        finish()
    }
}
