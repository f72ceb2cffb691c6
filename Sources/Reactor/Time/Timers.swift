/// All deadlines of a loop on one timerfd(2).
///
/// The descriptor is set only when the earliest deadline moves forward; when it moves back, the old expiry is let pass
/// as one idle wake-up. Arming and disarming themselves make no system call, and a turn in which nothing is due looks
/// at one number.
public struct Timers: ~Copyable {
    /// The deadlines.
    public var wheel: TimerWheel
    private let descriptor: FileDescriptor
    private var armed: Instant?

    /// Opens a timer and adds it to `poller`; its events carry `token`.
    public init(
        capacity: Int, now: Instant, poller: borrowing Poller, token: Token
    ) throws(SystemCallError) {
        let descriptor = FileDescriptor(owning: try check(kernel.timerCreate(), "timerfd_create"))
        if let errno = poller.add(descriptor, token, .arrivals) {
            throw SystemCallError(call: "epoll_ctl", subject: "timer", errno: errno)
        }
        self.descriptor = descriptor
        wheel = TimerWheel(capacity: capacity, now: now)
    }

    /// To be called when the timer's event arrives. The expiry need not be read: with edge triggering the next one is
    /// a new edge.
    public mutating func expired() {
        armed = nil
    }

    /// Sets the descriptor for the earliest deadline, if that has become earlier: once a turn, before the wait.
    public mutating func prepare() {
        guard let next = wheel.nextDeadline else { return }
        if let armed, armed <= next { return }
        // A deadline of 0 would disarm the descriptor.
        _ = kernel.timerSet(descriptor.rawValue, nanoseconds: max(1, next.nanoseconds))
        armed = next
    }
}
