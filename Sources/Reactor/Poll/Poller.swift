import CEpoll

/// What epoll(7) reported of a descriptor.
@frozen public struct Readiness: OptionSet, Sendable {
    /// The bits as epoll reports them.
    public let rawValue: UInt32

    /// Wraps epoll's bits.
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    // Computed, so that other modules see numbers instead of globals; PollerTests compares them with epoll's.

    /// There is something to read, or the end.
    @inlinable public static var readable: Readiness { Readiness(rawValue: 0x001) }
    /// There is room to write.
    @inlinable public static var writable: Readiness { Readiness(rawValue: 0x004) }
    /// The peer has ended its direction; what it sent before may still be unread.
    @inlinable public static var readHangup: Readiness { Readiness(rawValue: 0x2000) }
    /// Both directions have ended. Cannot be masked.
    @inlinable public static var hangup: Readiness { Readiness(rawValue: 0x010) }
    /// An error is pending. Cannot be masked.
    @inlinable public static var error: Readiness { Readiness(rawValue: 0x008) }

    /// TCP urgent data has come. A read stops short at its mark, see tcp(7).
    @inlinable public static var urgent: Readiness { Readiness(rawValue: 0x002) }

    /// Any sign that the stream is about to end.
    @inlinable public static var ending: Readiness { [.readHangup, .hangup, .error] }
    /// Any sign after which a short read no longer proves that nothing is left.
    @inlinable public static var unsettled: Readiness { [.ending, .urgent] }
}

/// What is wanted of a descriptor.
@frozen public struct Interest: Sendable {
    @usableFromInline let bits: UInt32

    /// Everything about a stream, each change once (edge-triggered), with one registration for as long as it is open.
    /// The owner keeps what was reported until a call returns EAGAIN. Level-triggered epoll with its re-registrations
    /// cost 1.1 to 1.2 times as much on ping-pong, measured.
    public static var stream: Interest {
        Interest(bits: CEPOLL_IN | CEPOLL_OUT | CEPOLL_PRI | CEPOLL_RDHUP | CEPOLL_ET)
    }
    /// Input, each arrival once (edge-triggered): listeners, timers, signals, wakers.
    public static var arrivals: Interest { Interest(bits: CEPOLL_IN | CEPOLL_ET) }
    /// Input for as long as there is any (level-triggered): another poller, a terminal.
    public static var input: Interest { Interest(bits: CEPOLL_IN) }
    /// Room to write, each time it appears (edge-triggered): a log that has stalled.
    public static var room: Interest { Interest(bits: CEPOLL_OUT | CEPOLL_ET) }
}

/// One event: the token of the descriptor, and its readiness.
@frozen public struct Event: Sendable {
    /// The token that the descriptor was added with. It may be of something that has ended in the meantime.
    public let token: Token
    /// What was reported. It may be out of date (a spurious event): a call that then returns EAGAIN is no error.
    public let readiness: Readiness

    @inlinable init(token: Token, readiness: Readiness) {
        self.token = token
        self.readiness = readiness
    }
}

/// A fixed block that `poll` writes events to.
@safe public struct EventBuffer: ~Copyable {
    @usableFromInline let events: UnsafeMutablePointer<epoll_event>
    private let capacity: Int
    /// How many events the last poll delivered.
    public internal(set) var count = 0
    /// The last poll was interrupted by a signal before it could look.
    public internal(set) var wasInterrupted = false

    /// True when the last poll delivered all that had happened before it began: it was not interrupted, and there was
    /// room for more.
    public var isComplete: Bool { !wasInterrupted && count < capacity }

    /// Room for `capacity` events per poll; what does not fit comes with the next.
    public init(capacity: Int) {
        self.capacity = max(capacity, 1)
        unsafe events = .allocate(capacity: self.capacity)
        unsafe events.initialize(repeating: epoll_event(), count: self.capacity)
    }

    deinit { unsafe events.deallocate() }

    var storage: UnsafeMutableBufferPointer<epoll_event> {
        unsafe UnsafeMutableBufferPointer(start: events, count: capacity)
    }

    /// The event at `index`, below `count`.
    @inlinable public subscript(index: Int) -> Event {
        precondition(index >= 0 && index < count, "no such event in this batch")
        return unsafe Event(
            token: Token(rawValue: cepoll_event_data(events + index)),
            readiness: Readiness(rawValue: cepoll_event_readiness(events + index)))
    }
}

/// epoll(7). The caller's loop takes the events and matches on their tokens; nothing is called back.
///
/// - A descriptor is added once and leaves by being closed. There is no way to change an interest: none is needed when
///   readiness is kept by its owner.
/// - Events may be spurious, and may be of a descriptor closed earlier in the same batch: check the token.
public struct Poller: ~Copyable {
    private let descriptor: FileDescriptor

    /// How long a poll may wait.
    public struct Timeout: Equatable, Sendable {
        /// Milliseconds; -1 for no limit: epoll_wait(2).
        let rawValue: CInt

        /// Look and return.
        public static var immediately: Timeout { Timeout(rawValue: 0) }
        /// Until something happens. Time is an event as well: see ``LoopCore``.
        public static var never: Timeout { Timeout(rawValue: -1) }
        /// At most so many milliseconds.
        public static func milliseconds(_ count: CInt) -> Timeout { Timeout(rawValue: max(0, count)) }
    }

    /// Opens an epoll instance.
    public init() throws(SystemCallError) {
        descriptor = FileDescriptor(owning: try check(kernel.epollCreate(), "epoll_create1"))
    }

    /// Adds a descriptor, which leaves the poller when it is closed; returns the error, or nil.
    ///
    /// ENOSPC (`fs.epoll.max_user_watches`) and ENOMEM are possible; EPERM for a regular file.
    public func add(_ descriptor: borrowing FileDescriptor, _ token: Token, _ interest: Interest) -> Errno? {
        add(number: descriptor.rawValue, token, interest)
    }

    /// Adds a descriptor that this process was started with (0, 1, 2).
    public func add(number: CInt, _ token: Token, _ interest: Interest) -> Errno? {
        let result = kernel.epollAdd(descriptor.rawValue, number, interest: interest.bits, data: token.rawValue)
        return result < 0 ? Errno(rawValue: -result) : nil
    }

    /// Adds another poller, which is readable while it has events: so one thread can drive several loops.
    public func add(_ other: borrowing Poller, _ token: Token) -> Errno? {
        add(other.descriptor, token, .input)
    }

    /// Removes a descriptor that the process was started with, and that stays open.
    public func remove(number: CInt) {
        _ = kernel.epollRemove(descriptor.rawValue, number)
    }

    /// Waits for events and writes them to `events`. A signal, a debugger or a cgroup freezer that interrupts the wait
    /// (EINTR) makes an empty batch, which says nothing about the descriptors.
    public func poll(into events: inout EventBuffer, timeout: Timeout) throws(SystemCallError) {
        let result = unsafe kernel.epollWait(descriptor.rawValue, events.storage, milliseconds: timeout.rawValue)
        events.count = max(0, Int(result))
        events.wasInterrupted = false
        if result < 0 {
            let errno = Errno(rawValue: -result)
            if !errno.isInterruption { throw SystemCallError(call: "epoll_wait", errno: errno) }
            events.wasInterrupted = true
        }
    }
}
