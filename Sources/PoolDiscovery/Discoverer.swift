import Balancer
import ConfigurationFile
import Discovery
import Glibc
import Reactor

/// Finds the backends of discovered pools out, for as long as it exists, and posts them to the loops.
///
/// ```
///  pools --> Schedule --> question --> a thread asks: name servers, a file --> SourceAnswer --> Schedule --> ControlChannel
///               ^
///               +-- time, a change in a folder (FolderWatch), wake(), update(_:)
/// ```
///
/// One thread waits, for time and for changes of files; it never asks. Up to ``Schedule/questionsMax`` others ask, and
/// exist only while there are questions. One thread for everything would let a name server that does not answer, or a file
/// system that does not, hold all pools for 10 s and more; one thread per pool would be a thousand of them. Pools that failed
/// the last time have at most three of the four, so that one is free for the others.
///
/// The threads have all signals blocked, so that these stay with the loops, and end with the process or this value.
public final class Discoverer: Sendable {
    private let desk: Desk

    /// Where name servers are found; a test names its own.
    typealias Servers = @Sendable () -> NameServerSettings

    /// Starts the thread that waits. It has no pools yet.
    public convenience init(_ channel: ControlChannel) throws(SystemCallError) {
        try self.init(channel, servers: { .system() })
    }

    init(
        _ channel: ControlChannel, servers: @escaping Servers, watch: FolderWatch? = try? FolderWatch()
    ) throws(SystemCallError) {
        desk = try Desk(channel, servers, watch)
        let desk = desk
        let poller = Handed(try desk.makePoller())
        try LoopThread.startWithoutSignals(name: "discovery") { desk.wait(poller.value) }
    }

    deinit { desk.stop() }

    /// Sets the pools, and the addresses that the balancer itself listens on, which are no backends. Each pool is asked for
    /// at once, and posted even if it is as before. To be called once the loops have the pools, or after posting them to the
    /// same channel.
    public func update(_ pools: [DiscoveredPool], besides own: [OwnAddress]) {
        desk.update(pools, own)
    }

    /// Asks for all pools at once.
    public func wake() { desk.wake() }

    /// Waits until each pool has had its first answer, good or bad, but no longer than `time`.
    public func waitForFirstAnswers(atMost time: Duration) {
        desk.waitForFirstAnswers(until: Clock.monotonic.now() + time)
    }
}

/// What the threads share.
///
/// Unchecked `Sendable`: the properties that change are only accessed with the lock held.
private final class Desk: @unchecked Sendable {
    private let channel: ControlChannel
    private let servers: Discoverer.Servers
    private let watch: FolderWatch?
    private let files: FileSource
    /// Ends the wait of the thread that waits.
    private let waker: Waker
    /// Ends the wait for the first answers.
    private let answered: Waker
    private let lock = Lock()
    private var schedule = Schedule()
    private var own: [OwnAddress] = []
    /// How many threads ask.
    private var threads = 0
    private var isStopped = false

    init(
        _ channel: ControlChannel, _ servers: @escaping Discoverer.Servers, _ watch: FolderWatch?
    ) throws(SystemCallError) {
        self.channel = channel
        self.servers = servers
        self.watch = watch
        files = FileSource(watch)
        waker = try Waker()
        answered = try Waker()
    }

    func makePoller() throws(SystemCallError) -> Poller {
        let poller = try Poller()
        var failure = waker.add(to: poller, Token(kind: 0, index: 0))
        if let watch { failure = failure ?? poller.add(watch.descriptor, Token(kind: 0, index: 1), .input) }
        if let failure { throw SystemCallError(call: "epoll_ctl", subject: "discovery", errno: failure) }
        return poller
    }

    // MARK: from other threads

    func update(_ pools: [DiscoveredPool], _ own: [OwnAddress]) {
        let files = pools.compactMap { pool -> String? in
            if case .file(let path) = pool.source { path } else { nil }
        }
        watch?.keep(Set(files))
        self.files.keep(pools)
        locked {
            self.own = own
            schedule.update(pools, now: Clock.monotonic.now())
        }
        waker.wake()
    }

    func wake() {
        locked { schedule.wake(now: Clock.monotonic.now()) }
        waker.wake()
    }

    func stop() {
        locked { isStopped = true }
        waker.wake()
    }

    func waitForFirstAnswers(until deadline: Instant) {
        while !locked({ schedule.isComplete }) {
            let left = deadline - Clock.monotonic.now()
            guard left > .zero else { return }
            _ = answered.wait(milliseconds: left.pollMilliseconds)
        }
    }

    // MARK: the thread that waits

    func wait(_ poller: borrowing Poller) {
        var events = EventBuffer(capacity: 2)
        while let timeout = beginQuestions() {
            do throws(SystemCallError) {
                try poller.poll(into: &events, timeout: timeout)
            } catch {
                // Only wrong arguments make epoll_wait(2) fail; then looking every second is better than not at all.
                _ = poll(nil, 0, 1000)
            }
            waker.drain()
            if let watch, (0..<events.count).contains(where: { events[$0].token.index == 1 }) {
                watch.drain()
                locked { schedule.filesHaveChanged(now: Clock.monotonic.now()) }
            }
        }
    }

    /// Starts as many threads as there are questions, up to the most; returns how long to wait then, and nil to end.
    private func beginQuestions() -> Poller.Timeout? {
        while true {
            let now = Clock.monotonic.now()
            let state = locked { () -> (isOver: Bool, needsThread: Bool, deadline: Instant?) in
                let needsThread = !isStopped && threads < Schedule.questionsMax && schedule.hasQuestion(now: now)
                if needsThread { threads += 1 }
                return (isStopped, needsThread, schedule.deadline(after: now))
            }
            guard !state.isOver else { return nil }
            guard state.needsThread else {
                return state.deadline.map { .milliseconds(($0 - now).pollMilliseconds) } ?? .never
            }
            guard let question = take() else { continue }
            do throws(SystemCallError) {
                _ = try LoopThread(name: "discovery/ask") { self.work(question) }
            } catch {
                // No thread can be made: this one asks instead, and the others wait.
                work(question)
            }
        }
    }

    // MARK: the threads that ask

    private func work(_ first: Schedule.Question) {
        var question: Schedule.Question? = first
        while let current = question {
            let own = locked { self.own }
            let answer = ask(current, own)
            locked {
                for request in schedule.finish(current, answer, now: Clock.monotonic.now()) { channel.post(request) }
            }
            answered.wake()
            question = take()
        }
        waker.wake()
    }

    /// The next question; without one the thread is no longer counted.
    private func take() -> Schedule.Question? {
        locked {
            let question = isStopped ? nil : schedule.next(now: Clock.monotonic.now())
            if question == nil { threads -= 1 }
            return question
        }
    }

    private func ask(_ question: Schedule.Question, _ own: [OwnAddress]) -> SourceAnswer {
        guard case .file(let path) = question.pool.source else { return question.pool.ask(servers(), besides: own) }
        return files.answer(question, path: path, besides: own)
    }

    // MARK: helpers

    private func locked<Result>(_ body: () -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body()
    }
}

extension Duration {
    /// For poll(2): rounded up, so that what is waited for is due afterwards.
    var pollMilliseconds: CInt {
        CInt(clamping: (wholeNanoseconds + 999_999) / 1_000_000)
    }
}
