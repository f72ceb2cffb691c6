/// What every loop is made of: a poller, a clock, timers and the queue of those that have more to do, and the order in
/// which a turn uses them.
///
/// ```
///   try core.beginTurn(timeout)                          poll, then read the clock
///   repeat { handle the events of core.events } while try core.looksAgain()
///   while let token = core.popDue() { expire(token) }    timers
///   for _ in 0..<core.ready.count { ... core.ready.popFirst() ... }
///   core.endTurn()                                       set the timerfd for the next wait
/// ```
///
/// ## Events win over timers
///
/// A timer runs only after a poll that began after its deadline and that delivered everything there was. A poll that
/// was interrupted (EINTR: SIGSTOP, a debugger, the cgroup freezer) or that filled its buffer may have left behind the
/// very event that a timer would overrule: a connect that stands, bytes of a session that looks idle. So when a timer
/// is due, ``looksAgain()`` polls once more without waiting. When that poll was incomplete too, the timers wait for the
/// next turn, which does not wait, and so on for at most ``putOffMax`` turns. Turns in which nothing is due pay for none
/// of this but a comparison.
///
/// ## Timers have a share of a turn
///
/// At most ``timersPerTurn`` timers run in a turn, so that thousands that are due at once keep no event waiting. The
/// others stay due: the next turn does not wait, and looks at the poller before it goes on with them, in the wheel's
/// order, which passes none of them over.
///
/// ## A stall is not paid for by deadlines
///
/// The loop sleeps until the earliest deadline at the latest. When the clock is found more than ``stallMin`` past that,
/// the process did not run: it was stopped, frozen, or starved of the processor. ``now`` then advances by what was
/// planned only, so every deadline moves by the length of the stall. When the stall began is not known, only that it
/// lasted at least as long as the overshoot; so what is left of the earliest deadline is given back as well, as far as
/// the overshoot could have taken it. That happens once for each deadline: a process that is late at every wake-up
/// still gets to its timers. ``stall`` is the length left out, for what has to keep to the clock of the outside world.
///
/// ``now`` is therefore CLOCK_MONOTONIC less the time in which this process stood still, as CLOCK_MONOTONIC itself
/// leaves out the time in which the machine was suspended (clock_gettime(2)).
public struct LoopCore: ~Copyable {
    /// How far past the planned wake-up the clock must be for a stall. On a busy machine a process is some tens of
    /// milliseconds late; a probe, a retransmission and a person take longer than this.
    public static let stallMin: Duration = .milliseconds(200)
    /// For how many turns in a row timers that are due are put off because no poll was complete. A turn takes a
    /// millisecond or less, so a timer is late by some tens of milliseconds at most.
    public static let putOffMax = 31
    /// How many timers run in one turn, unless the owner wants another number.
    public static let timersPerTurn = 64

    /// The poller of the loop.
    public let poller: Poller
    /// What the last poll reported.
    public private(set) var events: EventBuffer
    /// Deadlines, in the time of ``now``.
    public var timers: TimerWheel
    /// What could go on at once, but has had its share of a turn. While it is not empty, ``beginTurn(_:)`` does not
    /// wait.
    public var ready: TokenQueue
    /// The instant of this turn.
    public private(set) var now: Instant
    /// The instant of the turn before: what happened since then is new in this turn.
    public private(set) var previous: Instant
    /// How long the process stood still before this turn, in nanoseconds; 0 in all but a few turns.
    public private(set) var stall: UInt64 = 0

    private let clock: Clock
    private let timer: FileDescriptor
    /// What the timerfd is set for, in the time of `now`; it has expired when that has passed.
    private var armed = Instant(nanoseconds: 0)
    /// CLOCK_MONOTONIC less `now`.
    private var skipped: UInt64 = 0
    /// A clock beyond this means a stall.
    private var stallFrom = Instant(nanoseconds: .max)
    /// The latest deadline before which time was given back.
    private var sparedUntil: UInt64 = 0
    private var lookOn: LookOn
    /// The next turn waits without a look.
    private var sleepsNext = false
    /// The first poll of this turn found something.
    public private(set) var hadEvents = false
    private var hasLooked = false
    /// For how many turns timers that are due have been put off.
    private var putOff = 0

    /// A timer was due when the turn began.
    @usableFromInline var isDue = false
    /// A complete poll began after that.
    @usableFromInline var mayExpire = false
    private let timersPerTurn: Int
    /// What is left of ``timersPerTurn`` in this turn.
    private var timersLeft = 0
    /// A timer was due when the last turn ended.
    private var isBehind = false
    /// `stallMin`, converted once: `Duration` counts in 128 bits.
    private let stallNanoseconds = stallMin.wholeNanoseconds

    /// Opens a poller and a timer. The timer's events carry `clockToken` and need no answer.
    ///
    /// - Parameters:
    ///   - timers: Timers that memory is reserved for.
    ///   - ready: Tokens that memory is reserved for in the queue.
    ///   - eventsPerTurn: Events taken from the kernel in one poll; what does not fit comes with the next.
    ///   - timersPerTurn: Timers that run in one turn; the others that are due run in the next.
    ///   - lookOn: For how long at most a turn looks on for events before it sleeps, while that pays.
    /// - Throws: epoll_create1(2), timerfd_create(2) and epoll_ctl(2) where descriptors or memory run out; "malloc"
    ///   where there is no memory for the timers or the queue.
    public init(
        clock: Clock, timers: Int, ready: Int, eventsPerTurn: Int, timersPerTurn: Int = timersPerTurn,
        lookOn: Duration = .zero, clockToken: Token
    ) throws(SystemCallError) {
        let poller = try Poller()
        let timer = FileDescriptor(owning: try check(kernel.timerCreate(), "timerfd_create"))
        if let errno = poller.add(timer, clockToken, .arrivals) {
            throw SystemCallError(call: "epoll_ctl", subject: "timer", errno: errno)
        }
        let now = clock.now()
        let wheel = TimerWheel(capacity: timers, now: now)
        var queue = TokenQueue(capacity: ready)
        guard wheel.hasRoom, queue.reserve(ready) else {
            throw SystemCallError(call: "malloc", subject: "timers and queue", errno: .outOfMemory)
        }
        self.timersPerTurn = timersPerTurn
        self.lookOn = LookOn(nanoseconds: lookOn.wholeNanoseconds)
        self.timers = wheel
        self.ready = queue
        self.now = now
        previous = now
        self.clock = clock
        self.poller = poller
        self.timer = timer
        events = EventBuffer(capacity: eventsPerTurn)
    }

    /// CLOCK_MONOTONIC at ``now``, for other processes: sd_notify(3) requires it with RELOADING.
    public var monotonicNow: Instant { Instant(nanoseconds: now.nanoseconds &+ skipped) }

    /// How many descriptors it has open: those of the poller and of the timer.
    public var openDescriptors: Int { 2 }

    /// True while ``beginTurn(_:)`` does not wait: ``ready`` holds something, or a timer is due.
    public var hasMoreToDo: Bool { isBehind || !ready.isEmpty }

    /// Waits for events and reads the clock; it does not wait while there is more to do.
    public mutating func beginTurn(_ timeout: Poller.Timeout) throws(SystemCallError) {
        hasLooked = false
        mayExpire = false
        stall = 0
        let timeout = hasMoreToDo ? .immediately : timeout
        if timeout == .immediately || sleepsNext || !lookOn.nextWaitLooks(kernel.threadProcessorNanoseconds()) {
            try poller.poll(into: &events, timeout: timeout)
        } else {
            try lookOnAndWait(timeout)
        }
        sleepsNext = false
        hadEvents = events.count > 0
        lookOn.took(events.count)
        previous = now
        now = Instant(nanoseconds: clock.now().nanoseconds &- skipped)
        if now > stallFrom { leaveOutStall(since: previous) }
        isDue = timers.hasDue(now: now)
        if isDue { timersLeft = timersPerTurn } else { putOff = 0 }
    }

    /// Has the next turn wait without a look, if it waits: for bulk transfers, of which a sleep gathers more bytes per
    /// event.
    public mutating func sleepNext() { sleepsNext = true }

    /// Looks on for a moment, then sleeps. Not inlined, since most loops sleep at once.
    @inline(never) private mutating func lookOnAndWait(_ timeout: Poller.Timeout) throws(SystemCallError) {
        let start = clock.now().nanoseconds
        for _ in 0..<lookOn.looksMax where clock.now().nanoseconds &- start < lookOn.nanoseconds {
            try poller.poll(into: &events, timeout: .immediately)
            if events.count > 0 { return lookOn.found() }
            if events.wasInterrupted { return }
        }
        lookOn.foundNothing()
        try poller.poll(into: &events, timeout: timeout)
    }

    /// True when the events have to be handled once more before timers may run: a timer is due, and the last poll began
    /// before that was known, or was incomplete.
    @inlinable public mutating func looksAgain() throws(SystemCallError) -> Bool {
        isDue ? try look() : false
    }

    @usableFromInline mutating func look() throws(SystemCallError) -> Bool {
        guard hasLooked else {
            hasLooked = true
            try poller.poll(into: &events, timeout: .immediately)
            return true
        }
        mayExpire = events.isComplete || putOff == Self.putOffMax
        putOff = mayExpire ? 0 : putOff + 1
        return false
    }

    /// The token of a timer whose time has come, which is then no longer armed; nil when there is none left, or the
    /// turn's share is used up. A timer that was armed in this turn waits for the next, unless others are due already.
    @inlinable public mutating func popDue() -> Token? {
        mayExpire ? popNext() : nil
    }

    @usableFromInline mutating func popNext() -> Token? {
        guard timersLeft > 0 else { return nil }
        timersLeft -= 1
        return timers.popDue(now: now)
    }

    /// Sets the timerfd for the earliest deadline, if that is earlier than what it is set for: once a turn, before the
    /// wait; also for one that has passed, for those who watch the loop's poller. When the earliest deadline has moved
    /// back, the old expiry passes as one idle wake-up.
    public mutating func endTurn() {
        isBehind = false
        guard let next = timers.nextDeadline else {
            stallFrom = Instant(nanoseconds: .max)
            return
        }
        isBehind = next <= now
        stallFrom = max(next, now).advanced(nanoseconds: stallNanoseconds)
        guard armed <= now || armed > next else { return }
        armed = next
        // A deadline of 0 would disarm the descriptor.
        _ = kernel.timerSet(timer.rawValue, nanoseconds: max(1, next.nanoseconds &+ skipped))
    }

    /// How long this turn has lasted, without its wait: one read of the clock. (Mutating, since Swift 6.3 would copy the
    /// core for a call that is not.)
    public mutating func elapsedNanoseconds() -> UInt64 { clock.now().nanoseconds &- skipped &- now.nanoseconds }

    @inline(never) private mutating func leaveOutStall(since last: Instant) {
        let planned = stallFrom.nanoseconds - stallNanoseconds
        let overshoot = now.nanoseconds - planned
        stall = overshoot
        if planned > sparedUntil {
            stall += min(overshoot, planned - last.nanoseconds)
            sparedUntil = planned
        }
        skipped += stall
        now = Instant(nanoseconds: now.nanoseconds - stall)
        // The timerfd has expired meanwhile, or is set for an instant that is no longer a deadline.
        armed = Instant(nanoseconds: 0)
    }
}
