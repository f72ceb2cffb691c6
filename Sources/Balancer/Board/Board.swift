import Reactor
import Synchronization

/// What the loops of a process share: no relayed byte passes through it, only state of the whole process.
///
/// | what | written by | read by |
/// |---|---|---|
/// | places for sessions | all, at accept and at a session's end | all |
/// | the log | all, with its lock | |
/// | the command | loop 0, which has the signals | the others, when woken |
/// | which loops have ended, and how | all | loop 0, when woken |
/// | which loops are alive | all, when woken | loop 0, for the service manager |
///
/// What a loop reads only when woken is followed by a wake: the writer stores it first and then writes the eventfd (a
/// system call, which orders the two), and the woken loop drains the eventfd before it reads.
final class Board: Sendable {
    /// The command of loop 0 to the others.
    enum Command: UInt8, AtomicRepresentable {
        case run, drain, stop
    }

    let loopCount: Int
    let places: SharedPlaces
    let log: SharedLog

    private let wakers: [SharedWaker]
    private let latest = Atomic(Command.run)
    private let draining = Atomic(0)
    private let ended = Atomic(0)
    private let cutSessions = Atomic(0)
    /// One bit per loop that has run since the last ``requestHeartbeats()``.
    private let alive = Atomic(UInt64.max)
    /// One bit per loop that has ended, and will not set its bit in `alive` again.
    private let gone = Atomic<UInt64>(0)
    private let lock = Lock()
    /// Accessed only with the lock held.
    nonisolated(unsafe) private var firstFailure: LoopFailure?

    private final class SharedWaker: Sendable {
        let waker: Waker
        init() throws(SystemCallError) { waker = try Waker() }
    }

    init(_ configuration: Configuration, log: consuming EventLog) throws(SystemCallError) {
        var wakers: [SharedWaker] = []
        for _ in 0..<configuration.threads { wakers.append(try SharedWaker()) }
        self.wakers = wakers
        loopCount = configuration.threads
        places = SharedPlaces(max: configuration.limits.sessionsMax)
        self.log = SharedLog(log)
    }

    // MARK: wakes

    /// Causes an event in a loop, even in one that does not exist yet.
    func wake(_ loop: Int) { wakers[loop].waker.wake() }

    func wakeOthers(than loop: Int) {
        for other in 0..<loopCount where other != loop { wake(other) }
    }

    func addWaker(of loop: Int, to poller: borrowing Poller, _ token: Token) -> Errno? {
        wakers[loop].waker.add(to: poller, token)
    }

    /// Must be called before the board is read.
    func drainWaker(of loop: Int) { wakers[loop].waker.drain() }

    // MARK: the watchdog

    /// Loop 0 wakes the others, so that each marks itself alive.
    func requestHeartbeats() {
        alive.store(1, ordering: .releasing)
        wakeOthers(than: 0)
    }

    /// Records that a loop has run since the last request.
    func markAlive(_ loop: Int) { alive.bitwiseOr(1 << UInt64(loop), ordering: .releasing) }

    /// True when all loops have run, or ended, since the last request, or when there was none yet.
    var areAllAlive: Bool {
        let present = alive.load(ordering: .acquiring) | gone.load(ordering: .acquiring)
        let all = loopCount == UInt64.bitWidth ? UInt64.max : 1 << UInt64(loopCount) - 1
        return present & all == all
    }

    // MARK: the end

    var command: Command { latest.load(ordering: .acquiring) }

    func give(_ command: Command) {
        latest.store(command, ordering: .releasing)
        wakeOthers(than: 0)
    }

    /// Counts a loop that accepts no more clients; true for the last one, after which no session is added.
    func beginDraining() -> Bool {
        draining.add(1, ordering: .acquiringAndReleasing).newValue == loopCount
    }

    /// `loop` has stopped and cut `cut` sessions.
    func end(_ loop: Int, cut: Int) {
        gone.bitwiseOr(1 << UInt64(loop), ordering: .releasing)
        cutSessions.add(cut, ordering: .relaxed)
        ended.add(1, ordering: .acquiringAndReleasing)
        wake(0)
    }

    /// All loops but one have ended.
    var hasOnlyOneLoop: Bool { ended.load(ordering: .acquiring) == loopCount - 1 }

    var sessionsCut: Int { cutSessions.load(ordering: .relaxed) }

    /// A loop has failed: all loops must stop.
    func fail(_ failure: LoopFailure) {
        lock.lock()
        if unsafe firstFailure == nil { unsafe firstFailure = failure }
        lock.unlock()
        latest.store(.stop, ordering: .releasing)
        for loop in 0..<loopCount { wake(loop) }
    }

    var failure: LoopFailure? {
        lock.lock()
        defer { lock.unlock() }
        return unsafe firstFailure
    }
}
