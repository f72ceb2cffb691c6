import Glibc
import Reactor

/// The chat server: what one client sends goes, byte for byte, to every connected client, including the sender. A line
/// goes to everybody whole; the beginning of one waits for its end at most ``unfinishedLineMilliseconds``.
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
/// angle brackets; `n` is the number of the descriptor). A connection that ends with a RST before it has sent anything
/// and before ``graceMilliseconds`` have passed is a health probe, and leaves no line.
///
/// A turn follows the order of ``LoopCore``, with the reads before the timers: whether a silent client was a probe is
/// known only once its end has been read. So after a stall of the process (SIGSTOP, a frozen container) what has
/// already happened decides, not a timer that expired meanwhile.
///
/// Limits: ``backlogBytesMax`` for each slow reader, ``backlogsBytesMax`` for all, ``unfinishedBytesMax``, ``receiveBytesPerTurn`` for each sender, ``acceptsPerTurn``, and
/// `clientsMax`. SIGPIPE must be ignored for the sake of the logs, see `Signals.ignoreFailedWrites()`.
public struct ChatServer: ~Copyable {
    /// How long a silent new connection counts as a probe, unless it ends with a FIN: far longer than a probe lives,
    /// too short for a person to miss the line.
    public static let graceMilliseconds = 200
    /// How much may wait for a client that reads too slowly; beyond it the client is disconnected.
    public static let backlogBytesMax = 1024 * 1024
    /// How much memory may wait for all clients that read too slowly; beyond it those furthest behind are disconnected.
    public static let backlogsBytesMax = 64 * 1024 * 1024
    /// How long the beginning of a line waits for its end before it is sent alone: longer than a retransmission takes,
    /// short for a person whose client sends no line ends.
    public static let unfinishedLineMilliseconds = 500
    /// How long it waits if the client has sent more, which is not read because it does not read itself.
    public static let unreadLineSeconds = 5
    /// How much memory the beginnings of lines may take in all; beyond it they do not wait.
    public static let unfinishedBytesMax = 16 * 1024 * 1024
    /// How much is read from one client in a turn, so that the others have theirs.
    public static let receiveBytesPerTurn = 64 * 1024
    /// How many connections are accepted in a turn, so that the clients have theirs.
    public static let acceptsPerTurn = 64
    /// How many events are taken from the kernel at a time.
    public static let eventsPerTurn = 256
    /// How many clients a server takes unless told otherwise; further ones are closed at once.
    public static let standardClientsMax = 65_536
    /// How many clients memory is reserved for at the start.
    public static let clientsReserved = 4096
    /// How long a client that has ended its direction may take to read what is queued for it.
    public static let drainSeconds = 5
    /// How long ``run()`` waits at its end for a slow reader of its lines.
    public static let lastLinesMilliseconds: CInt = 500

    enum ServerToken: UInt8, TokenKind {
        /// The timerfd.
        case clock
        /// The listener, its place in the queue, and the end of a pause.
        case acceptor
        /// A client's socket, its place in the queue, and its timer.
        case client
        /// Room on the output.
        case output
        /// Room on the error output.
        case errors
        /// The signalfd.
        case signals
        /// The eventfd for a nested server's unfinished work.
        case leftover
    }

    var core: LoopCore
    private let signals: Signals?
    /// Makes the poller readable for a parent while there is work that no descriptor will report again.
    private let leftover: Waker

    var acceptor: Acceptor
    var reserve: ReserveDescriptor
    /// Ends a pause of the acceptor.
    let pauseTimer: TimerID

    var clients: Slab<ServerClient>
    let buffer: ByteBuffer
    var backlogs = Backlogs()
    /// The memory of the unfinished lines.
    var unfinishedBytes = 0
    /// Unfinished lines of those who have left in this turn.
    var lastWords: [[UInt8]] = []

    var output: LineLog
    var errors: LineLog

    /// The address it listens on; with port 0 asked for, the port that the kernel chose.
    public var address: SocketAddress { acceptor.listener.address }
    /// How many clients are connected.
    public var clientCount: Int { clients.count }
    /// True after SIGTERM or SIGINT.
    public private(set) var isStopping = false

    /// Listens.
    ///
    /// - Parameters:
    ///   - port: The port; 0 lets the kernel choose one.
    ///   - bind: The address to listen on, its port ignored; nil for all addresses of the machine, IPv6 and IPv4.
    ///   - output: Receives the lines for people, standard output as a rule.
    ///   - errors: Receives a line for each client disconnected for slowness, standard error as a rule.
    ///   - signals: SIGTERM and SIGINT if they shall end ``run()``.
    ///   - clientsMax: How many clients may be connected at a time.
    /// - Throws: the system call that failed, with the address.
    public init(
        port: UInt16, bind: SocketAddress? = nil, output: consuming LineLog, errors: consuming LineLog,
        signals: consuming Signals? = nil, clock: Clock = .monotonic,
        clientsMax: Int = ChatServer.standardClientsMax
    ) throws(SystemCallError) {
        let listener = try Self.listen(port: port, bind: bind)
        let leftover = try Waker()
        // A timer and a place in the queue for each client, and for the acceptor.
        let reserved = min(clientsMax, Self.clientsReserved) + 1
        var core = try LoopCore(
            clock: clock, timers: reserved, ready: reserved, eventsPerTurn: Self.eventsPerTurn,
            clockToken: Token(ServerToken.clock))
        let errno =
            listener.add(to: core.poller, Token(ServerToken.acceptor))
            ?? leftover.add(to: core.poller, Token(ServerToken.leftover))
            ?? signals?.add(to: core.poller, Token(ServerToken.signals)) ?? nil
        if let errno { throw SystemCallError(call: "epoll_ctl", errno: errno) }
        output.add(to: core.poller, Token(ServerToken.output))
        errors.add(to: core.poller, Token(ServerToken.errors))
        pauseTimer = core.timers.add(Token(ServerToken.acceptor))
        self.core = core
        acceptor = Acceptor(listener)
        self.leftover = leftover
        self.output = output
        self.errors = errors
        self.signals = signals
        clients = Slab(capacity: clientsMax, reserving: Self.clientsReserved)
        reserve = ReserveDescriptor()
        buffer = ByteBuffer(count: Self.receiveBytesPerTurn)
    }

    private static func listen(port: UInt16, bind: SocketAddress?) throws(SystemCallError) -> Listener {
        if let bind { return try Listener(bind.with(port: port)) }
        do {
            return try Listener(.ipv6(high: 0, low: 0, scope: 0, port: port))
        } catch {
            // Kernels without IPv6, and containers in which it is switched off.
            guard [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.errno.rawValue) else { throw error }
            return try Listener(.ipv4(0, port: port))
        }
    }

    /// Adds the server to the poller of another loop: while the server has something to do, the parent reports `token`
    /// (level-triggered), and ``turn(_:)`` is to be called with `.immediately`.
    public func add(to parent: borrowing Poller, _ token: Token) -> Errno? {
        parent.add(core.poller, token)
    }

    /// Serves until SIGTERM or SIGINT; without signals, until a system call fails that can fail only by a mistake.
    public mutating func run() throws(SystemCallError) {
        while !isStopping { try turn(.never) }
        errors.finish(milliseconds: Self.lastLinesMilliseconds)
        output.finish(milliseconds: Self.lastLinesMilliseconds)
    }

    /// Waits for events, at most so long, and handles them. A turn is bounded: a busy client cannot keep the others
    /// waiting. It never waits anywhere else.
    public mutating func turn(_ timeout: Poller.Timeout) throws(SystemCallError) {
        try core.beginTurn(timeout)
        repeat {
            for index in 0..<core.events.count { handle(core.events[index]) }
        } while try core.looksAgain()
        serveQueue()
        while let token = core.popDue() { expire(token) }
        sendLastWords()
        flushLines()
        core.endTurn()
        // The parent may be about to wait in a poller of its own, which does not know what is left here.
        if !core.ready.isEmpty, case .immediately = timeout { leftover.wake() }
    }

    /// Writes the lines of the turn. When the output begins to fail, the error output says so.
    private mutating func flushLines() {
        errors.flush()
        output.flush()
        guard let errno = output.takeFailure() else { return }
        errors.record {
            $0.append("standard output cannot be written: ")
            $0.append(errno.description)
            $0.append(": its lines are dropped until it can be\n")
        }
        errors.flush()
    }

    private mutating func handle(_ event: Event) {
        switch ServerToken(of: event.token) {
        case .clock: break
        case .acceptor:
            acceptor.markReadable()
            queueAcceptor()
        case .client: handleClient(event)
        case .output: output.flush()
        case .errors: errors.flush()
        case .signals: while signals?.next() != nil { isStopping = true }
        case .leftover: leftover.drain()
        }
    }

    /// Serves everything that was in the queue when the turn came to it, each once.
    private mutating func serveQueue() {
        for _ in 0..<core.ready.count {
            guard let token = core.ready.popFirst() else { return }
            switch ServerToken(of: token) {
            case .acceptor: acceptClients()
            case .client: if clients.contains(token.key) { receive(from: token.key) }
            case .clock, .output, .errors, .signals, .leftover:
                preconditionFailure("only the acceptor and clients stand in the queue")
            }
        }
    }

    private mutating func expire(_ token: Token) {
        switch ServerToken(of: token) {
        case .acceptor: resumeAccepting()
        case .client: if clients.contains(token.key) { expire(client: Int(token.key.index)) }
        case .clock, .output, .errors, .signals, .leftover:
            preconditionFailure("only the acceptor and clients have timers")
        }
    }
}
