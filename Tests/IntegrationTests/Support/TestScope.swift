import Dispatch
import Foundation
import Glibc
import Synchronization
import Testing

/// What a test has started and must not leave behind: programs, sockets, threads.
///
/// They register themselves, so a test may drop its own reference (an idle client, a server nobody talks to) and they
/// still live until the end of the test, and are gone after it whether it passed or not.
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

    /// `stop` has to end a thread and return when it has ended.
    static func atEnd(_ stop: @escaping @Sendable () -> Void) {
        current?.contents.withLock { $0.stops.append(stop) }
    }

    /// Programs first, then both directions of every socket: whatever thread still waits for either wakes up. Only
    /// when the threads are gone are the descriptors closed, so that none of them ever touches a reused number.
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

/// Runs each test of a suite on a thread of its own, inside a ``TestScope``, and only a few of them at a time.
///
/// These tests wait for programs and sockets by blocking, which keeps them readable; the threads of Swift concurrency,
/// one per core, must not be blocked by that. The limit keeps a small machine responsive: each test runs up to ten
/// processes.
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

    /// For the one long test that mostly waits: it starts at once and takes no other test's place.
    static var ownThreadAtOnce: OwnThread { OwnThread(isCounted: false) }
}

extension TestScope {
    /// Asynchronous only so that it runs where the caller prefers: it waits for processes and threads to be gone.
    fileprivate func endOnThisExecutor() async {
        end()
    }
}

/// How many tests may run at the same time.
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

/// One thread that runs the jobs of one test in order.
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

/// Starts a thread on which writing to a pipe nobody reads is an error of `write`, not the end of all tests.
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

/// Work on a thread of its own whose outcome is asked for later.
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

/// A number that one thread moves and another looks at.
final class Progress: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add(_ more: Int) {
        count.add(more, ordering: .relaxed)
    }
}
