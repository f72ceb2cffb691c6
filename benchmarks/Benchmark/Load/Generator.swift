import CEpoll
import Reactor

/// The load generator: one loop that keeps the connections of a plan busy and counts what comes of it.
///
/// It always ends a connection first, with a FIN once an exchange is complete, so that TIME_WAIT stays on the
/// connecting side of both connections of a session. Every byte that comes back is compared with what was sent.
@safe public struct Generator: ~Copyable {
    /// Connections that are being set up at the same time, so that no backlog overflows.
    static let connectingMax = 256
    /// Source addresses of short connections: one would run out of ports in seconds.
    static let sources: UInt32 = 16
    /// Failures after which a run is given up: something is wrong, and more of it tells nothing.
    static let errorsMax = 1000
    /// How long setting up may take, and how long what is left may take at the end.
    static let patience = Duration.seconds(10)
    /// What a slow reader takes, and how often.
    static let slowBytes = 16 * 1024
    static let slowPause = Duration.milliseconds(10)
    /// What a bulk connection moves in a turn. Less beside exchanges, whose latency would otherwise be the generator's.
    static let shareBytes = Pattern.chunkBytes
    static let shareBytesBeside = 64 * 1024

    enum Kind: UInt8 {
        case connection
        case pacer
    }

    let plan: LoadPlan
    let poller: Poller
    let target: SocketAddress
    let pattern = Pattern()
    let scratch: UnsafeMutableRawBufferPointer
    let pacer: FileDescriptor
    let clock = Clock.monotonic
    var events = EventBuffer(capacity: 512)
    var connections: Slab<Connection>
    var queue: TokenQueue

    var stage = Stage.connecting
    /// When the stage ends, or is given up.
    var deadline = Instant(nanoseconds: 0)
    var nextSlowRead = Instant(nanoseconds: 0)
    /// Connections begun in all; gives each its place in the pattern and its source address.
    var begun = 0
    var wanted = 0
    var connecting = 0
    /// Connections of this stage that have done what the stage waits for.
    var arrived = 0
    var arrivals: Arrivals?
    /// Connections of an open loop that wait for an arrival.
    var free: [Int] = []

    var isCounting = false
    var units: UInt64 = 0
    var latencies = LatencyRecorder()
    var meter: Meter
    var sample = Sample()
    var errorCount = 0

    /// A generator for a plan that has no fault.
    public init(_ plan: LoadPlan) throws(SystemCallError) {
        let poller = try Poller()
        let pacer = FileDescriptor(owning: cepoll_timer_create())
        let token = Token(kind: Kind.pacer.rawValue, index: 0)
        if let errno = poller.add(pacer, token, .arrivals) {
            throw SystemCallError(call: "epoll_ctl", subject: "timer", errno: errno)
        }
        self.poller = poller
        self.pacer = pacer
        self.plan = plan
        target = .ipv4(0x7F00_0001, port: plan.port)
        let capacity = plan.connections + plan.disturbers
        connections = Slab(capacity: capacity)
        // Each turn may queue every connection once; those that ended meanwhile leave their tokens behind.
        queue = TokenQueue(capacity: 2 * capacity + 1024)
        meter = Meter(subject: plan.subject, origin: plan.origin)
        unsafe scratch = .allocate(byteCount: Self.shareBytes, alignment: 4096)
    }

    deinit { unsafe scratch.deallocate() }

    /// Carries the plan out.
    public mutating func run() throws(SystemCallError) -> Sample {
        begin()
        while stage != .done {
            try poller.poll(into: &events, timeout: timeout())
            let now = clock.now()
            // Before the events, so that windows end on time, and after them, for they may be what a stage waits for.
            advance(now)
            for index in 0..<events.count {
                let event = events[index]
                guard event.token.kind == Kind.connection.rawValue, connections.contains(event.token.key) else {
                    continue
                }
                connections[event.token.index].note(event.readiness)
                serve(event.token.index)
            }
            goOn()
            readSlowly(now)
            openMore()
            advance(clock.now())
            issue()
        }
        return sample
    }

    private mutating func goOn() {
        for _ in 0..<queue.count {
            guard let token = queue.popFirst() else { return }
            guard connections.contains(token.key) else { continue }
            connections[token.index].isQueued = false
            serve(token.index)
        }
    }

    /// Until the stage ends or a slow reader's pause does, but not at all while somebody has more to do.
    private func timeout() -> Poller.Timeout {
        guard queue.isEmpty else { return .immediately }
        let until = plan.disturbance == .slowReaders ? min(deadline, nextSlowRead) : deadline
        let left = (until - clock.now()).wholeNanoseconds
        return .milliseconds(CInt(clamping: (left + 999_999) / 1_000_000))
    }

    // MARK: opening

    /// The role of the `place`th connection wanted: those of the work come first.
    private func role(_ place: Int) -> Connection.Role {
        guard place < plan.connections else {
            switch plan.disturbance {
            case .downloads: return .down
            case .storm: return .visit
            case .slowReaders, nil: return .slow
            }
        }
        switch plan.work {
        case .short: return .visit
        case .pingPong: return .talk
        case .openLoop: return .paced
        case .down: return .down
        case .up: return .up
        case .both: return .both
        case .idle: return .rest
        }
    }

    /// Opens connections until there are as many as are wanted.
    mutating func openMore() {
        guard stage.isOpening else { return }
        while connections.count < wanted, connecting < Self.connectingMax, stage != .done {
            // Places are taken in order, and visits are replaced by their like.
            let place = plan.disturbance == .storm && stage.isBeside ? connections.count : min(begun, wanted - 1)
            guard open(role(place), isMeasured: place < plan.connections) else { return }
        }
    }

    /// Begins a connection. False when that failed.
    private mutating func open(_ role: Connection.Role, isMeasured: Bool) -> Bool {
        let number = begun
        begun += 1
        let source = role == .visit ? SocketAddress.ipv4(0x7F00_0002 + UInt32(number) % Self.sources, port: 0) : nil
        do throws(Errno) {
            let stream = try Stream(for: target, from: source)
            let began = clock.now().nanoseconds
            if case .failed(let errno) = stream.connect(to: target) { throw errno }
            let start = pattern.start(of: role.wish, number: role.wish == .echo ? number : 0)
            guard
                let key = connections.insert(
                    Connection(stream, role, isMeasured: isMeasured, start: start, began: began))
            else { return false }
            connecting += 1
            let token = Token(kind: Kind.connection.rawValue, index: Int(key.index), generation: key.generation)
            if let errno = connections[token.index].stream.add(to: poller, token) {
                close(token.index)
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
        let isHopeless = connections.count == 0 && plan.work != .short
        if errorCount >= Self.errorsMax || isHopeless { finish() }
    }

    /// What came back is not what was sent.
    mutating func mismatch(_ index: Int) {
        close(index)
        sample.mismatches += 1
        finish()
    }
}
