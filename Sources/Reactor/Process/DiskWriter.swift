import Glibc

/// Writes the lines of a ``LineLog`` to a file on a thread of its own, because write(2) to a file waits for the disk.
///
/// ```
///   LineLog of the loop  -- take -->  [ at most `capacity` bytes ]  -->  LineLog of the thread  -- write(2) -->  file
///                        <- event --  room, a failure, idle
/// ```
///
/// - ``take(_:missing:)`` never waits: the thread holds the lock only while it copies.
/// - The thread starts with the first lines, so that it inherits the signals that the program has blocked by then, and
///   an output without lines has none. Where no thread can be started, the loop writes itself.
/// - While lines are missing that no line tells of, the thread tries each second to write that line.
/// - What the process has not written when it is killed is lost: as a rule the lines of the last few milliseconds.
final class DiskWriter {
    private let desk: Desk
    private var hasStarted = false

    /// How long lines that are missing wait for the next attempt to tell of them, if no other line comes.
    fileprivate static let retryMilliseconds: CInt = 1000
    /// How long the thread lets lines gather after it was woken: a wake-up and a write for each turn of the loop would cost
    /// a tenth of the time of a short session (measured).
    fileprivate static let gatherMilliseconds: CInt = 5
    /// How long the end of a log may wait for the disk.
    private static let endMilliseconds: CInt = 500

    /// Writes to descriptor `number`, which is that of `file`, or of the process, and stays open; nil when there are no
    /// descriptors left.
    init?(number: CInt, of file: LogFile? = nil, capacity: Int, gap: LineLog.GapLine? = nil) {
        do throws(SystemCallError) {
            desk = try Desk(number: number, of: file, capacity: capacity, gap: gap)
        } catch {
            return nil
        }
    }

    func add(to poller: borrowing Poller, _ token: Token) {
        _ = desk.news.add(to: poller, token)
    }

    /// True when the thread runs; starts it on the first call.
    var isWorking: Bool {
        if !hasStarted {
            hasStarted = true
            desk.start()
        }
        return desk.isWorking
    }

    /// Takes `lines`, after which `missing` lines are missing, or nothing at all when they do not fit; then an event
    /// follows when they do.
    func take(_ lines: UnsafeRawBufferPointer, missing: Int) -> Bool {
        unsafe desk.put(lines, missing: missing)
    }

    /// True when everything taken is written, or known to be missing; otherwise an event follows when it is.
    func isIdle() -> Bool { !hasStarted || desk.isIdle() }

    /// Waits at most so long for an event; false when there was none.
    func wait(milliseconds: CInt) -> Bool { desk.news.wait(milliseconds: milliseconds) }

    /// Why writes fail, once for each time that they begin to.
    func takeFailure() -> Errno? { desk.takeFailure() }

    /// Lets the thread open its file anew after what it has by now; an event follows when that fails.
    func reopen() { desk.reopen() }

    /// Why the file could not be opened anew, once for each attempt.
    func takeReopenFailure() -> Errno? { desk.takeReopenFailure() }

    /// How many of the lines taken are missing although no line says so.
    func missingLines() -> Int { desk.missingLines() }

    /// How many of the lines taken were lost since the start.
    func lostLines() -> Int { desk.lostLines() }

    /// Lets the thread end after what it has, and waits for it at most ``endMilliseconds``.
    func end() {
        guard hasStarted, desk.isWorking else { return }
        desk.end()
        let start = Instant(nanoseconds: kernel.monotonicNanoseconds())
        while desk.isWorking {
            let passed = Instant(nanoseconds: kernel.monotonicNanoseconds()) - start
            let left = CInt(clamping: Int64(Self.endMilliseconds) - Int64(passed.milliseconds))
            guard left > 0, wait(milliseconds: left) else { return }
        }
    }
}

/// What the loop and the thread share. It outlives the loop for as long as the thread waits for the disk.
///
/// Unchecked `Sendable`: the properties that change are only accessed with the lock held.
private final class Desk: @unchecked Sendable {
    /// An event for the loop.
    let news: Waker
    /// Ends the wait of the thread.
    private let work: Waker
    private let number: CInt
    /// Keeps `number` open for as long as the thread may write to it.
    private let file: LogFile?
    private let capacity: Int
    private let gap: LineLog.GapLine?
    private let lock = Lock()
    private var lines: ByteQueue
    /// Lines that the thread has lost.
    private var lost = 0
    /// Lines that are missing after `lines`: nothing can be appended before the thread has taken this over.
    private var missing = 0
    private var state = State.none
    /// The loop waits for room or for the thread to be idle.
    private var isAwaited = false
    private var isEnding = false
    /// A failure that the loop does not know of yet.
    private var failure: Errno?
    private var isFailing = false
    /// Lines that the thread could not write, and has not told of.
    private var unreported = 0
    /// Lines that it is writing.
    private var inHand = 0
    private var reopening = Reopening.no
    private var reopenFailure: Errno?

    private enum Reopening {
        case no
        /// After the lines that wait.
        case afterLines
        case now
    }

    private enum State {
        case none
        case busy
        /// It was woken, and lets more lines gather.
        case gathering
        /// It waits for `work`.
        case asleep
    }

    init(number: CInt, of file: LogFile?, capacity: Int, gap: LineLog.GapLine?) throws(SystemCallError) {
        news = try Waker()
        work = try Waker()
        self.number = number
        self.file = file
        self.gap = gap
        self.capacity = capacity
        lines = ByteQueue(reserving: capacity)
    }

    // MARK: the loop

    func start() {
        state = .busy
        do throws(SystemCallError) {
            _ = try LoopThread(name: "log") { self.run() }
        } catch {
            state = .none
        }
    }

    var isWorking: Bool { locked { state != .none } }

    func put(_ added: UnsafeRawBufferPointer, missing more: Int) -> Bool {
        lock.lock()
        // What comes after the request to open the file anew is not for the old one.
        guard missing == 0, reopening != .afterLines, unsafe lines.append(added) else {
            isAwaited = true
            lock.unlock()
            return false
        }
        missing = more
        wakeThread()
        return true
    }

    func isIdle() -> Bool {
        locked {
            let isIdle = state != .busy && lines.isEmpty && missing == 0 && reopening == .no
            isAwaited = !isIdle
            return isIdle
        }
    }

    func takeFailure() -> Errno? {
        locked {
            defer { failure = nil }
            return failure
        }
    }

    func lostLines() -> Int { locked { lost } }

    func missingLines() -> Int {
        locked { unreported + inHand + missing + (unsafe LineLog.Record.lines(in: lines.bytes)) }
    }

    func end() {
        lock.lock()
        isEnding = true
        wakeThread()
    }

    func reopen() {
        lock.lock()
        if reopening == .no { reopening = lines.isEmpty && missing == 0 ? .now : .afterLines }
        wakeThread()
    }

    func takeReopenFailure() -> Errno? {
        locked {
            defer { reopenFailure = nil }
            return reopenFailure
        }
    }

    /// Frees the lock, and ends the wait of the thread if it waits without a limit, or there is too much for it to go on
    /// waiting.
    private func wakeThread() {
        let isAsleep = state == .asleep
        let isDue = isEnding || reopening != .no || lines.count > capacity / 2
        let wakes = isAsleep || state == .gathering && isDue
        if wakes { state = isDue ? .busy : .gathering }
        lock.unlock()
        if wakes { work.wake() }
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body()
    }

    // MARK: the thread

    private func run() {
        let stream = if let file { OutputStream(file) } else { OutputStream(number: number) }
        var log = LineLog(waitingFor: stream, capacity: capacity, gap: gap)
        while true {
            // This is where the disk is waited for.
            log.flush()
            switch next(&log) {
            case .write: break
            case .reopen: openAnew()
            case .wait: wait(retrying: log.missingLines > 0)
            case .end: return
            }
        }
    }

    private func wait(retrying: Bool) {
        _ = work.wait(milliseconds: retrying ? DiskWriter.retryMilliseconds : CInt(-1))
        if locked({ state == .gathering }) { _ = work.wait(milliseconds: DiskWriter.gatherMilliseconds) }
        locked { state = .busy }
    }

    private func openAnew() {
        guard let errno = file?.reopen() else { return }
        locked { reopenFailure = errno }
        news.wake()
    }

    private enum Step {
        case write, reopen, wait, end
    }

    /// Publishes what became of the last lines, and takes over the next ones.
    private func next(_ log: inout LineLog) -> Step {
        lock.lock()
        defer { lock.unlock() }
        unreported = log.missingLines
        lost = log.lostLines()
        inHand = 0
        var isNews = isAwaited
        if log.failure != nil, !isFailing {
            failure = log.failure
            isNews = true
        }
        isFailing = log.failure != nil
        let step: Step
        if reopening == .now {
            reopening = .no
            state = .busy
            step = .reopen
        } else if !lines.isEmpty || missing > 0 {
            inHand = unsafe LineLog.Record.lines(in: lines.bytes) + missing
            unsafe log.append(lines.bytes, missing: missing)
            lines.removeFirst(lines.count)
            missing = 0
            if reopening == .afterLines { reopening = .now }
            state = .busy
            step = .write
        } else {
            state = isEnding ? .none : .asleep
            step = isEnding ? .end : .wait
        }
        isAwaited = false
        // Inside the lock: afterwards the loop may close the descriptor.
        if isNews || isEnding { news.wake() }
        return step
    }
}
