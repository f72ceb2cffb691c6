import Reactor

/// What another thread of the process asks of the loops.
public enum ControlRequest: Sendable {
    /// A discovered pool has these backends now. Those that it had before stay what they are; the others leave as its
    /// `whenRemoved` says.
    case backends([Configuration.Backend], pool: String)
    /// The backends of a discovered pool could not be found out, for this reason: those that it has stay.
    case undiscovered(pool: String, reason: String)
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

    /// A channel without requests.
    public init() throws(SystemCallError) {
        waker = try Waker()
    }

    /// Adds a request, from any thread.
    public func post(_ request: ControlRequest) {
        lock.lock()
        unsafe requests.append(request)
        lock.unlock()
        waker.wake()
    }

    /// Lets a poller report new requests.
    func add(to poller: borrowing Poller, _ token: Token) -> Errno? { waker.add(to: poller, token) }

    /// Takes all requests.
    func take() -> [ControlRequest] {
        waker.drain()
        lock.lock()
        defer { lock.unlock() }
        return unsafe exchange(&requests, with: [])
    }
}
