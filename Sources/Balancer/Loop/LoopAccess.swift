import Reactor

/// The way of other threads to the loops of a process: questions, the log of events, and what the loops share.
///
/// Made before the loops, which take their mailboxes when they are made; what they share is there from then on.
public final class LoopAccess: Sendable {
    /// One for each loop, by its index.
    let mailboxes: [Mailbox]
    /// The last events.
    public let recorder = EventRecorder()
    /// Requests to the loop with the duties.
    let control: ControlChannel
    private let lock = Lock()
    /// Accessed only with the lock held.
    nonisolated(unsafe) private var present: Running?

    /// What there is once the loops run.
    struct Running: Sendable {
        let shared: SharedState
        let configuration: Configuration
        /// When they were made: CLOCK_MONOTONIC, and the wall clock in nanoseconds.
        let started: Instant
        let startTime: UInt64
    }

    /// The way to so many loops. Throws where there is no descriptor for it.
    public init(loops: Int, control: ControlChannel) throws(SystemCallError) {
        var mailboxes: [Mailbox] = []
        for _ in 0..<loops { mailboxes.append(try Mailbox()) }
        self.mailboxes = mailboxes
        self.control = control
    }

    /// The loops are about to be made.
    func open(_ shared: SharedState, _ configuration: Configuration) {
        lock.lock()
        defer { lock.unlock() }
        unsafe present = Running(
            shared: shared, configuration: configuration, started: Clock.monotonic.now(),
            startTime: WallClock.system.nanoseconds())
    }

    /// What there is; nil before the loops are made.
    var running: Running? {
        lock.lock()
        defer { lock.unlock() }
        return unsafe present
    }
}
