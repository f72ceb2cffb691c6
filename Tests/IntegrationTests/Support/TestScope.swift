import Dispatch
import Foundation
import Glibc
import Synchronization
import Testing

/// The programs, sockets and threads that a test has started and that must not outlive it.
///
/// These register themselves. So they live until the end of the test even if the test drops its reference (to an idle
/// client, or a server without clients), and are ended after it whether it passed or not.
final class TestScope: Sendable {
    @TaskLocal static var current: TestScope?

    private struct Contents {
        var programs: [RunningProgram] = []
        var sockets: [TCPSocket] = []
        var stops: [@Sendable () -> Void] = []
    }

    private let contents = Mutex(Contents())

    static func keep(_ program: RunningProgram) {
        current?.contents.withLock { $0.programs.append(program) }
    }

    static func keep(_ socket: TCPSocket) {
        current?.contents.withLock { $0.sockets.append(socket) }
    }

    /// Registers `stop`, which must end a thread and return when it has ended.
    static func atEnd(_ stop: @escaping @Sendable () -> Void) {
        current?.contents.withLock { $0.stops.append(stop) }
    }

    /// Ends the programs, then both directions of every socket, so that every thread that waits for one wakes up.
    /// Descriptors are closed only after the threads have ended, so that no thread uses a descriptor number that was
    /// reused.
    func end() {
        let ending = contents.withLock { contents in
            defer { contents = Contents() }
            return contents
        }
        for program in ending.programs { program.destroy() }
        for socket in ending.sockets { socket.shutDown() }
        for stop in ending.stops { stop() }
        for socket in ending.sockets { socket.close() }
    }
}

/// Runs each test of a suite on its own thread, inside a ``TestScope``, and only a few tests at a time.
///
/// These tests block while they wait for programs and sockets, which keeps them readable. The threads of Swift
/// concurrency, one per core, must not be blocked. The limit keeps a small machine responsive, because each test runs
/// up to ten processes.
struct OwnThread: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }
    var isCounted = true

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        if isCounted { await Slots.shared.take() }
        let thread = ThreadExecutor(name: test.name)
        let scope = TestScope()
        let result: Result<Void, any Error>
        do {
            try await TestScope.$current.withValue(scope) {
                try await withTaskExecutorPreference(thread) { try await function() }
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await withTaskExecutorPreference(thread) { await scope.endOnThisExecutor() }
        thread.stop()
        if isCounted { await Slots.shared.giveBack() }
        try result.get()
    }
}

extension Trait where Self == OwnThread {
    static var ownThread: OwnThread { OwnThread() }

    /// For the one long test that mostly waits: it starts at once and does not count towards the limit.
    static var ownThreadAtOnce: OwnThread { OwnThread(isCounted: false) }
}

extension TestScope {
    /// Asynchronous only so that it runs on the caller's preferred executor: it waits until processes and threads have
    /// ended.
    fileprivate func endOnThisExecutor() async {
        end()
    }
}

/// Limits the number of tests that run at the same time.
private actor Slots {
    static let shared = Slots(free: 4)

    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(free: Int) {
        self.free = free
    }

    func take() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func giveBack() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}

/// A thread that runs the jobs of one test in order.
private final class ThreadExecutor: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    private let arrivals = DispatchSemaphore(value: 0)

    init(name: String) {
        startThread(name: name) { [self] in run() }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
        arrivals.signal()
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        arrivals.signal()
    }

    private func run() {
        while true {
            arrivals.wait()
            let (job, isStopped) = state.withLock { state in
                (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isStopped)
            }
            if let job {
                unsafe job.runSynchronously(on: asUnownedTaskExecutor())
            } else if isStopped {
                return
            }
        }
    }
}

/// Starts a thread that blocks SIGPIPE, so that writing to a closed pipe is an error of `write` and does not end the
/// tests.
func startThread(name: String, _ body: @escaping @Sendable () -> Void) {
    let thread = Thread {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGPIPE)
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
        Thread.current.name = name
        body()
    }
    thread.start()
}

/// Work on its own thread, whose result is fetched later.
final class Background<Value: Sendable>: Sendable {
    private let outcome = Mutex<Result<Value, any Error>?>(nil)

    init(_ body: @escaping @Sendable () throws -> Value) {
        startThread(name: "background") { [self] in
            let result = Result(catching: body)
            outcome.withLock { $0 = result }
        }
        TestScope.atEnd { [self] in
            try? eventually("a background thread ends", within: .seconds(60)) { isFinished }
        }
    }

    var isFinished: Bool { outcome.withLock { $0 != nil } }

    func value(within limit: Duration, at location: SourceLocation = #_sourceLocation) throws -> Value {
        try eventually("the background work is done", within: limit, at: location) { outcome.withLock { $0 } }.get()
    }
}

/// A counter that one thread increases and another reads.
final class Progress: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add(_ more: Int) {
        count.add(more, ordering: .relaxed)
    }
}
