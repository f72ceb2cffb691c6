import Glibc
import Reactor

/// The socket at which the balancer reports its state.
struct StatusListener: ~Copyable {
    private var acceptor: Acceptor
    /// nil for a socket that the service manager has made.
    private let file: SocketFile?
    /// Answers peers when descriptors have run out, which is when the state matters most.
    private var reserve = ReserveDescriptor()

    private init(_ listener: consuming Listener, _ file: consuming SocketFile?) {
        acceptor = Acceptor(listener)
        self.file = file
    }

    /// It is in the loop's ready queue.
    var isQueued: Bool {
        get { acceptor.isQueued }
        set { acceptor.isQueued = newValue }
    }

    static func open(_ socket: Configuration.StatusSocket) throws(SystemCallError) -> StatusListener {
        switch socket {
        case .inherited(let socket):
            return StatusListener(try Listener(sharing: socket, keepalive: nil), nil)
        case .path(let path):
            do throws(SystemCallError) {
                guard !isInUse(path) else {
                    throw SystemCallError(call: "bind", errno: Errno(rawValue: EADDRINUSE))
                }
                guard let address = SocketFile.temporaryAddress(for: path) else {
                    throw SystemCallError(call: "bind", errno: .nameTooLong)
                }
                let listener = try Listener(address, keepalive: nil, mode: Self.mode)
                return StatusListener(listener, try SocketFile(moving: address, to: path))
            } catch {
                // Not the temporary path, which means nothing to the operator.
                throw SystemCallError(call: error.call, subject: "unix:\(path)", errno: error.errno)
            }
        }
    }

    /// Only this user and root may ask. Not left to the umask, which belongs to whoever starts the process.
    private static let mode: mode_t = 0o600

    /// True when a process listens there that is not about to end. A draining balancer leaves its path to the next one.
    private static func isInUse(_ path: String) -> Bool {
        do throws(StatusQuestion.Failure) {
            return !StatusReport.saysDraining(try StatusQuestion.ask(path, within: answerTimeout))
        } catch {
            // A timeout, or an empty answer, means that a process listens there; any other error means that none does.
            return error.errno == nil || error.errno == .timedOut
        }
    }

    /// How long a process at the path may take to answer, on a machine that has just started everything at once.
    private static let answerTimeout: Duration = .seconds(5)

    func add(to poller: borrowing Poller, _ token: Token) throws(SystemCallError) {
        if let errno = acceptor.listener.add(to: poller, token) {
            throw SystemCallError(call: "epoll_ctl", subject: acceptor.listener.address.description, errno: errno)
        }
    }

    /// The result of one attempt to answer a peer.
    enum AnswerResult {
        /// One peer was answered, or had left; there may be more.
        case given
        /// No peer waits.
        case quiet
        /// A peer may wait, and there is no descriptor to answer it with, not even the reserve: another thread took it.
        case exhausted
    }

    /// Gives `text`, which is made when there is one, to one peer that has connected.
    ///
    /// The text is written and the socket closed: the kernel still delivers what is in the socket's buffer. A peer that
    /// connects and does not read costs nothing.
    mutating func answer(_ text: () -> String) -> AnswerResult {
        switch acceptor.accept() {
        case .accepted(let stream, _):
            Self.send(text(), stream)
            return .given
        case .aborted:
            return .given
        case .wouldBlock:
            return .quiet
        case .exhausted:
            if reserve.accept(at: acceptor.listener, { Self.send(text(), $0) }) { return .given }
            return acceptor.listener.hasWaiting ? .exhausted : .quiet
        }
    }

    /// Open descriptors: the socket, and the reserve unless that is lost.
    func openDescriptors() -> Int { reserve.isOpen ? 2 : 1 }

    private static func send(_ text: String, _ stream: borrowing Stream) {
        _ = unsafe text.utf8.withContiguousStorageIfAvailable { unsafe stream.send(UnsafeRawBufferPointer($0)) }
    }
}
