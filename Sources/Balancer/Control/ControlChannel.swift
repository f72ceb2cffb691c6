import AdministrationAPI
import Reactor

/// What another thread of the process asks of the loops.
public enum ControlRequest: Sendable {
    /// Takes a configuration over, or nothing of it; `answer` is called by a loop, and must not wait. So many SIGHUPs have
    /// asked for it.
    case configuration(
        Configuration, hangups: Int = 0, answer: (@Sendable (Result<ReloadSummary, ReloadError>) -> Void)? = nil)
    /// A new configuration could not be read, for this reason of one or several lines: nothing changes. So many SIGHUPs
    /// have asked for it.
    case noConfiguration(reason: String, hangups: Int = 0)
    /// A discovered pool has these backends now. Those that it had before stay what they are; the others leave as its
    /// `whenRemoved` says.
    case backends([Configuration.Backend], pool: String)
    /// The backends of a discovered pool could not be found out, for this reason: those that it has stay.
    case undiscovered(pool: String, reason: String)
    /// An operator wants something else: carried out, or only looked at. `answer` is called by a loop, and must not wait.
    case order(Order, by: String, isDryRun: Bool, answer: @Sendable (Result<Change, Refusal>) -> Void)
    /// An operator has ended sessions.
    case killed(Int, subject: String, by: String)
    /// An operator wants the configuration to be read again.
    case reloadAsked(by: String)
    /// The operator is to know this about how the backends of a discovered pool were found out.
    case remark(String, pool: String)
}

/// Requests of other threads to the loops: the loop with the ``Duties`` takes them at the start of a turn, in their order.
///
/// A request is stored with a lock held, and then the loop is woken by an eventfd, so that a loop that sleeps misses none.
public final class ControlChannel: Sendable {
    private let waker: Waker
    private let lock = Lock()
    /// Accessed only with the lock held.
    nonisolated(unsafe) private var requests: [ControlRequest] = []
    /// Begins to read the configuration again, without waiting for it: SIGHUP. What comes of it is posted as
    /// ``ControlRequest/configuration(_:hangups:answer:)`` or ``ControlRequest/noConfiguration(reason:hangups:)``. nil where there is
    /// nothing to be read again.
    let readAgain: (@Sendable (ControlChannel) -> Void)?

    /// A channel without requests. `readAgain` is called at SIGHUP; it must not wait.
    public init(readAgain: (@Sendable (ControlChannel) -> Void)? = nil) throws(SystemCallError) {
        waker = try Waker()
        self.readAgain = readAgain
    }

    /// Adds a request, from any thread.
    public func post(_ request: ControlRequest) {
        lock.lock()
        unsafe requests.append(request)
        lock.unlock()
        waker.wake()
    }

    /// Lets a poller report new requests.
    func add(to poller: borrowing Poller) throws(SystemCallError) {
        guard let errno = waker.add(to: poller, Self.token) else { return }
        throw SystemCallError(call: "epoll_ctl", subject: "requests", errno: errno)
    }

    /// Shares a kind with the wake-ups of other loops.
    private static var token: Token { Token(.waker, SlabKey(index: 1, generation: 0)) }

    /// True of the token with which a poller reports new requests.
    static func isToken(_ token: Token) -> Bool { token.index == 1 }

    /// Takes all requests.
    func take() -> [ControlRequest] {
        waker.drain()
        lock.lock()
        defer { lock.unlock() }
        return unsafe exchange(&requests, with: [])
    }
}
