import Reactor
import Synchronization

/// What the loops of a process share: nothing that a byte passes, only what holds for all of them.
///
/// | what | written by | read by |
/// |---|---|---|
/// | verdicts | loop 0, which probes | the others, at each pick |
/// | places for sessions | all, at accept and at a session's end | all |
/// | the log | all, with its lock | |
/// | the command | loop 0, which has the signals | the others, when woken |
/// | where the backends are | loop 0, which looks names up | the others, when woken |
/// | who has ended, and how | all | loop 0, when woken |
/// | who turns | all, when woken | loop 0, for the service manager |
///
/// What is not looked at by itself is followed by a wake: the write comes first, then the eventfd's (a system call,
/// which orders the two), and the woken loop empties the eventfd before it reads.
final class Board: Sendable {
    /// What loop 0 wants of the others.
    enum Command: UInt8, AtomicRepresentable {
        case run, drain, stop
    }

    let loopCount: Int
    let verdicts: SharedVerdicts
    let addresses: SharedAddresses
    let places: SharedPlaces
    let log: SharedLog

    private let seats: [Seat]
    private let latest = Atomic(Command.run)
    private let draining = Atomic(0)
    private let ended = Atomic(0)
    private let cutSessions = Atomic(0)
    /// One bit per loop that has turned since it was last asked.
    private let alive = Atomic(UInt64.max)
    /// One bit per loop that has ended, and will not answer any more.
    private let gone = Atomic<UInt64>(0)
    private let lock = Lock()
    /// Only touched by who holds the lock.
    nonisolated(unsafe) private var firstFailure: LoopFailure?

    private final class Seat: Sendable {
        let waker: Waker
        init() throws(SystemCallError) { waker = try Waker() }
    }

    init(_ configuration: Configuration, log: consuming EventLog) throws(SystemCallError) {
        var seats: [Seat] = []
        for _ in 0..<configuration.threads { seats.append(try Seat()) }
        self.seats = seats
        loopCount = configuration.threads
        verdicts = SharedVerdicts(count: configuration.backendCount)
        addresses = SharedAddresses(configuration)
        places = SharedPlaces(max: configuration.limits.sessionsMax)
        self.log = SharedLog(log)
    }

    // MARK: wakes

    /// Makes an event in a loop, also in one that is not made yet.
    func wake(_ loop: Int) { seats[loop].waker.wake() }

    func wakeOthers(than loop: Int) {
        for other in 0..<loopCount where other != loop { wake(other) }
    }

    func addWaker(of loop: Int, to poller: borrowing Poller, _ token: Token) -> Errno? {
        seats[loop].waker.add(to: poller, token)
    }

    /// To be called before the board is read.
    func drainWaker(of loop: Int) { seats[loop].waker.drain() }

    // MARK: health

    /// The prober's verdict. The others are woken when a backend is up or down since: an outage may be over.
    func judge(_ backend: Int, _ verdict: Verdict) {
        if verdicts.set(backend, verdict) { wakeOthers(than: 0) }
    }

    // MARK: the watchdog

    /// Loop 0 asks the others whether they still turn.
    func askWhoIsAlive() {
        alive.store(1, ordering: .releasing)
        wakeOthers(than: 0)
    }

    /// A loop turns.
    func noteAlive(_ loop: Int) { alive.bitwiseOr(1 << UInt64(loop), ordering: .releasing) }

    /// True when all have answered since they were asked last, or have not been asked yet.
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

    /// A loop takes no clients any more; true of the last, which knows how many sessions there are.
    func beginDraining() -> Bool {
        draining.add(1, ordering: .acquiringAndReleasing).newValue == loopCount
    }

    /// Loop `number` has stopped and cut so many sessions.
    func end(_ number: Int, cut: Int) {
        gone.bitwiseOr(1 << UInt64(number), ordering: .releasing)
        cutSessions.add(cut, ordering: .relaxed)
        ended.add(1, ordering: .acquiringAndReleasing)
        wake(0)
    }

    var hasOnlyLoop0: Bool { ended.load(ordering: .acquiring) == loopCount - 1 }

    var sessionsCut: Int { cutSessions.load(ordering: .relaxed) }

    /// A loop cannot go on: all must end.
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
