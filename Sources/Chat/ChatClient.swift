import Glibc
import Reactor

/// No address of the server could be connected to.
public struct ChatConnectError: Error, CustomStringConvertible {
    /// The address tried last.
    public let address: SocketAddress
    /// Why it failed.
    public let errno: Errno

    /// `127.0.0.1:20000: Connection refused`
    public var description: String { "\(address): \(errno)" }
}

/// The chat client: sends typed lines as `[name] text`, prints what it receives and nothing of its own.
///
/// Between a pipe and a socket it copies byte for byte. At a terminal it edits the line itself, so that what is being
/// typed stays whole when messages arrive, and it shows the control characters in messages instead of sending them to
/// the terminal.
///
/// Limits: it stops reading its input while ``outgoingBytesMax`` wait for the server, and stops reading from the server
/// while its own output is full. Leaving takes at most ``leaveSeconds``.
public struct ChatClient: ~Copyable {
    /// How much may wait for the server before no more input is read, in bytes.
    public static let outgoingBytesMax = 64 * 1024
    /// How much input is read at a time: each of its bytes may be a line that becomes one with a name.
    public static let inputBytesPerTurn = 4 * 1024
    /// How long an attempt to connect to one address may take.
    public static let connectSeconds = 10
    /// How long leaving may take: sending what was typed, and reading until the server closes. Closing with unread
    /// input would reset the connection, and so discard what was sent last.
    public static let leaveSeconds = 3
    /// At a terminal: how long the beginning of a line waits for its end before it is shown alone.
    public static let unfinishedLineMilliseconds: CInt = 200

    /// How a chat ended.
    public enum End: Equatable, Sendable {
        /// `q`, the end of the input, or the reader of the output has gone.
        case left
        /// The server went away.
        case serverDisconnected
        /// A signal, or Ctrl-C.
        case signal(Signal)
        /// The output cannot be written to.
        case outputFailed(Errno)
    }

    /// What is known of the input.
    enum Input {
        /// The poller reports the input.
        case watched
        /// Nothing is read until the server has taken what waits for it.
        case paused
        /// A regular file or /dev/null, which epoll refuses: always ready.
        case direct
    }

    enum ClientToken: UInt8, TokenKind {
        /// The connection to the server; the index is the number of the attempt.
        case server
        /// The descriptor that is typed at.
        case input
        /// The signalfd.
        case signals
    }

    /// How many events are taken from the kernel at a time: one per kind, and those of failed attempts to connect.
    private static let eventsPerTurn = 16
    /// How much is read from the server at a time.
    private static let receiveBytesPerTurn = 64 * 1024

    let poller: Poller
    var events: EventBuffer
    let stream: Stream
    let receiveBuffer: ByteBuffer
    let inputBuffer: ByteBuffer
    let inputNumber: CInt
    let output: OutputStream
    var encoder: LineEncoder

    var input = Input.watched
    var isInputReady = false
    var isReceivable = true
    var isSendable = true
    /// False once what is received is discarded: the reader of the output has gone, or the user wants to leave at once.
    var isPrinting = true
    /// What the server has not taken yet, from `sent` on.
    var outgoing: [UInt8] = []
    var sent = 0

    let terminal: Terminal
    let signals: Signals?
    var editor = LineEditor()
    /// At a terminal: the beginning of a line whose end has not arrived.
    var unfinished: [UInt8] = []
    /// That beginning was shown on a row of its own.
    var wasSplit = false

    /// Connects to the first of `addresses` that answers; waits at most ``connectSeconds`` for each.
    ///
    /// - Parameters:
    ///   - addresses: Where the server may be; at least one.
    ///   - name: The name before each line.
    ///   - input: The descriptor that lines are typed at.
    ///   - output: The descriptor that messages are printed on. When both are terminals, SIGINT, SIGTERM, SIGHUP and
    ///     SIGWINCH are blocked and handled here, to leave the terminal as it was.
    /// - Throws: `ChatConnectError`, or the `SystemCallError` of the set-up.
    public init(to addresses: [SocketAddress], name: ChatName, input: CInt = 0, output: CInt = 1) throws {
        let poller = try Poller()
        var events = EventBuffer(capacity: Self.eventsPerTurn)
        let stream = try Self.connect(to: addresses, poller, &events)
        let terminal = Terminal(input: input, output: output)
        var signals: Signals?
        if terminal.isActive { signals = try Signals(Signal.endings + [.hangup, .windowChange]) }
        if let errno = signals?.add(to: poller, Token(ClientToken.signals)) ?? nil {
            throw SystemCallError(call: "epoll_ctl", errno: errno)
        }
        self.poller = poller
        self.events = events
        self.stream = stream
        self.terminal = terminal
        self.signals = signals
        inputNumber = input
        self.output = OutputStream(number: output)
        encoder = LineEncoder(name: name)
        receiveBuffer = ByteBuffer(count: Self.receiveBytesPerTurn)
        inputBuffer = ByteBuffer(count: Self.inputBytesPerTurn)
    }

    private static func connect(
        to addresses: [SocketAddress], _ poller: borrowing Poller, _ events: inout EventBuffer
    ) throws -> Stream {
        var failure = ChatConnectError(address: addresses.first ?? .unix(path: ""), errno: Errno(rawValue: EINVAL))
        for (attempt, address) in addresses.enumerated() {
            do throws(Errno) {
                let stream = try Stream(for: address, from: nil)
                // The attempt's number tells its events from those of a socket that failed before.
                let token = Token(ClientToken.server, SlabKey(index: attempt, generation: 0))
                if let errno = stream.add(to: poller, token) { throw errno }
                if let errno = Self.establish(stream, address, poller, &events, token) { throw errno }
                stream.setNoDelay()
                return stream
            } catch {
                failure = ChatConnectError(address: address, errno: error)
            }
        }
        throw failure
    }

    /// Waits for the connection; why it failed, or nil when it stands.
    private static func establish(
        _ stream: borrowing Stream, _ address: SocketAddress, _ poller: borrowing Poller,
        _ events: inout EventBuffer, _ token: Token
    ) -> Errno? {
        switch stream.connect(to: address) {
        case .connected: return nil
        case .failed(let errno): return errno
        case .inProgress: break
        }
        let deadline = Clock.monotonic.now() + .seconds(connectSeconds)
        while true {
            let left = deadline - Clock.monotonic.now()
            guard left > .zero else { return Errno(rawValue: ETIMEDOUT) }
            do throws(SystemCallError) {
                try poller.poll(into: &events, timeout: .milliseconds(CInt(left.milliseconds) + 1))
            } catch {
                return error.errno
            }
            for index in 0..<events.count where events[index].token == token { return stream.takeError() }
        }
    }
}
