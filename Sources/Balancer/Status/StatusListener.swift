import Glibc
import Reactor

/// The socket at which the balancer tells its state.
struct StatusListener: ~Copyable {
    private let listener: Listener
    /// None for a socket that the service manager has made.
    private let file: SocketFile?
    /// Without descriptors there is all the more reason to ask.
    private var reserve = ReserveDescriptor()
    /// It stands in the loop's ready queue.
    var isQueued = false

    private init(_ listener: consuming Listener, _ file: consuming SocketFile?) {
        self.listener = listener
        self.file = file
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
                let listener = try Listener(address, keepalive: nil)
                return StatusListener(listener, try SocketFile(moving: address, to: path))
            } catch {
                // Not the temporary path, which nobody knows.
                throw SystemCallError(call: error.call, subject: "unix:\(path)", errno: error.errno)
            }
        }
    }

    /// Whether somebody answers there who is to stay. A balancer that is about to end leaves its path to the next one.
    private static func isInUse(_ path: String) -> Bool {
        do throws(StatusQuestion.Failure) {
            return !StatusReport.saysDraining(try StatusQuestion.ask(path, within: patience))
        } catch {
            // Somebody is there who takes his time, or has other things to say; or nobody.
            return error.errno == nil || error.errno == .timedOut
        }
    }

    /// How long who has the path may take to answer, on a machine that has just started everything at once.
    private static let patience: Duration = .seconds(5)

    func add(to poller: borrowing Poller, _ token: Token) throws(SystemCallError) {
        if let errno = listener.add(to: poller, token) {
            throw SystemCallError(call: "epoll_ctl", subject: listener.address.description, errno: errno)
        }
    }

    /// Gives `text` to one who asks. False when nobody does.
    ///
    /// It is written and the socket closed: what lies in the buffer of a socket still arrives. Who asks and does not
    /// read costs nothing.
    mutating func answer(_ text: String) -> Bool {
        switch listener.accept() {
        case .accepted(let stream, _):
            Self.tell(text, stream)
            return true
        case .aborted:
            return true
        case .wouldBlock:
            return false
        case .exhausted:
            return reserve.accept(at: listener) { Self.tell(text, $0) }
        }
    }

    private static func tell(_ text: String, _ stream: borrowing Stream) {
        _ = unsafe text.utf8.withContiguousStorageIfAvailable { unsafe stream.send(UnsafeRawBufferPointer($0)) }
    }
}
