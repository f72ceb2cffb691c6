import Glibc
import Reactor

/// The chat server: what one client sends goes, byte for byte, to every connected client, the sender included.
///
/// ```
///   var server = try ChatServer(port: 8090, output: LineLog(OutputStream(number: 1)),
///                               errors: LineLog(OutputStream(number: 2)))
///   try server.run()                                   // alone on its thread, or
///   server.add(to: parent, token)                      // beside others, in the loop of another:
///   try server.turn(.immediately)                      // whenever the parent reports `token`
/// ```
///
/// Dropping it closes everything. It prints `Connected client IP: <address>` and `client <n> terminated` (without the
/// angle brackets; `n` is the number of the descriptor). A connection that ends with a RST before it has said anything
/// and before ``graceMilliseconds`` have passed is a health probe, and leaves no line.
///
/// Limits: ``backlogBytesMax`` for each slow reader, ``receiveBytesPerTurn`` for each sender, ``acceptsPerTurn``, and
/// `clientsMax`. SIGPIPE must be ignored for the logs' sake, see `Signals.ignoreBrokenPipes()`.
public struct ChatServer: ~Copyable {
    /// How long a silent new connection counts as a probe, unless it ends with a FIN: far longer than a probe lives,
    /// too short for a person to miss the line.
    public static let graceMilliseconds = 200
    /// How much may wait for a client that reads too slowly; beyond it the client is disconnected.
    public static let backlogBytesMax = 1024 * 1024
    /// How much is read from one client before the others have their turn.
    public static let receiveBytesPerTurn = 64 * 1024
    /// How many connections are accepted before the clients have their turn.
    public static let acceptsPerTurn = 64
    /// How many clients a server takes unless told otherwise; further ones are closed at once.
    public static let standardClientsMax = 65_536
    /// How long a client that has ended its direction may take for what is queued for it.
    public static let drainSeconds = 5
    /// How long no client is accepted when descriptors or memory have run out.
    public static let shortagePauseMilliseconds = 100
    /// How long ``run()`` waits at its end for a slow reader of its lines.
    public static let lastWordsMilliseconds: CInt = 500

    enum Kind {
        static let listener: UInt8 = 0
        static let client: UInt8 = 1
        static let timers: UInt8 = 2
        static let output: UInt8 = 3
        static let errors: UInt8 = 4
        static let signals: UInt8 = 5
        static let leftover: UInt8 = 6
    }

    let poller: Poller
    private var events: EventBuffer
    private let clock: Clock
    private let signals: Signals?
    /// Wakes the parent of a nested poller for work that no descriptor will report again.
    private let leftover: Waker

    let listener: Listener
    var reserve: ReserveDescriptor
    var isAcceptable = false
    let shortagePause: TimerID
    var timers: Timers
    var now: Instant

    var clients: Slab<ServerClient>
    let receiveBuffer: ReceiveBuffer
    /// Clients with input to be read, each once; the second array is the one being worked through.
    var ready: [SlabKey] = []
    private var serving: [SlabKey] = []

    var output: LineLog
    var errors: LineLog

    /// The address it listens on; with port 0 asked for, the port that the kernel chose.
    public var address: SocketAddress { listener.address }
    /// How many clients are connected.
    public var clientCount: Int { clients.count }
    /// True after SIGTERM or SIGINT.
    public private(set) var isStopping = false

    /// Listens.
    ///
    /// - Parameters:
    ///   - port: The port; 0 lets the kernel choose one.
    ///   - bind: The address to listen on, its port ignored; nil for all addresses of the machine, IPv6 and IPv4.
    ///   - output: Where the lines for people go, standard output as a rule.
    ///   - errors: Where disconnections for slowness are reported, standard error as a rule.
    ///   - signals: SIGTERM and SIGINT if they shall end ``run()``.
    ///   - clientsMax: How many clients may be connected at a time.
    /// - Throws: the system call that failed, with the address.
    public init(
        port: UInt16, bind: SocketAddress? = nil, output: consuming LineLog, errors: consuming LineLog,
        signals: consuming Signals? = nil, clock: Clock = .monotonic,
        clientsMax: Int = ChatServer.standardClientsMax
    ) throws(SystemCallError) {
        let listener = try Self.listen(port: port, bind: bind)
        let poller = try Poller()
        let leftover = try Waker()
        let now = clock.now()
        var timers = try Timers(
            capacity: clientsMax + 1, now: now, poller: poller, token: Token(kind: Kind.timers, index: 0))
        let shortagePause = timers.wheel.add(Token(kind: Kind.listener, index: 0))
        let errno =
            listener.add(to: poller, Token(kind: Kind.listener, index: 0))
            ?? leftover.add(to: poller, Token(kind: Kind.leftover, index: 0))
            ?? signals?.add(to: poller, Token(kind: Kind.signals, index: 0)) ?? nil
        if let errno { throw SystemCallError(call: "epoll_ctl", errno: errno) }
        output.add(to: poller, Token(kind: Kind.output, index: 0))
        errors.add(to: poller, Token(kind: Kind.errors, index: 0))
        self.listener = listener
        self.poller = poller
        self.leftover = leftover
        self.now = now
        self.timers = timers
        self.shortagePause = shortagePause
        self.output = output
        self.errors = errors
        self.signals = signals
        self.clock = clock
        clients = Slab(capacity: clientsMax)
        events = EventBuffer(capacity: 256)
        reserve = ReserveDescriptor()
        receiveBuffer = ReceiveBuffer(bytes: Self.receiveBytesPerTurn)
    }

    private static func listen(port: UInt16, bind: SocketAddress?) throws(SystemCallError) -> Listener {
        if let bind { return try Listener(bind.with(port: port)) }
        do {
            return try Listener(.ipv6(high: 0, low: 0, scope: 0, port: port))
        } catch {
            // Kernels without IPv6, and containers where it is switched off.
            guard [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.errno.rawValue) else { throw error }
            return try Listener(.ipv4(0, port: port))
        }
    }

    /// Adds the server to the poller of another loop: while the server has something to do, the parent reports `token`
    /// (level-triggered), and ``turn(_:)`` is to be called with `.immediately`.
    public func add(to parent: borrowing Poller, _ token: Token) -> Errno? {
        parent.add(poller, token)
    }

    /// Serves until SIGTERM or SIGINT; without signals, until a call fails that cannot.
    public mutating func run() throws(SystemCallError) {
        while !isStopping { try turn(.never) }
        errors.finish(milliseconds: Self.lastWordsMilliseconds)
        output.finish(milliseconds: Self.lastWordsMilliseconds)
    }

    /// Waits for events, at most so long, and handles them. A turn is bounded: a busy client cannot keep the others
    /// waiting. It never waits anywhere else.
    public mutating func turn(_ timeout: Poller.Timeout) throws(SystemCallError) {
        timers.prepare()
        try poller.poll(into: &events, timeout: hasWork ? .immediately : timeout)
        now = clock.now()
        for index in 0..<events.count { handle(events[index]) }
        while let token = timers.wheel.popDue(now: now) { handleTimer(token) }
        if isAcceptable { acceptClients() }
        serveReadyClients()
        errors.flush()
        output.flush()
        timers.prepare()
        // Its owner may be about to wait in a poller of its own, which knows nothing of what is left here.
        if hasWork, case .immediately = timeout { leftover.wake() }
    }

    private var hasWork: Bool { isAcceptable || !ready.isEmpty }

    private mutating func handle(_ event: Event) {
        switch event.token.kind {
        case Kind.listener: isAcceptable = true
        case Kind.client: handleClient(event)
        case Kind.timers: timers.expired()
        case Kind.output: output.flush()
        case Kind.errors: errors.flush()
        case Kind.signals: while signals?.next() != nil { isStopping = true }
        case Kind.leftover: leftover.drain()
        default: preconditionFailure("a token of a kind that the chat server never gave")
        }
    }

    private mutating func handleTimer(_ token: Token) {
        if token.kind == Kind.listener {
            isAcceptable = true
        } else if clients.contains(token.key) {
            timeHasCome(for: Int(token.key.index))
        }
    }

    private mutating func serveReadyClients() {
        swap(&ready, &serving)
        for index in serving.indices where clients.contains(serving[index]) {
            receive(from: serving[index])
        }
        serving.removeAll(keepingCapacity: true)
    }
}
