import CEpoll
import Glibc
import Reactor
import Testing

private let token = Token(kind: 5, index: 0)

private func set(of signals: [Signal]) -> sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for signal in signals { unsafe sigaddset(&set, signal.rawValue) }
    return set
}

private func isBlocked(_ signal: Signal) -> Bool {
    var mask = sigset_t()
    unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
    return unsafe sigismember(&mask, signal.rawValue) == 1
}

/// Runs `body` with `signals` unblocked (threads of a pool block them all), then gives the thread its signal mask back,
/// with none of `signals` left pending.
private func withSignalMaskRestored(_ signals: [Signal], _ body: () throws -> Void) rethrows {
    var signals = set(of: signals)
    var before = sigset_t()
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, &before)
    defer {
        let queue = FileDescriptor(owning: unsafe cepoll_signal_create(&signals))
        var taken = [UInt8](repeating: 0, count: 1024)
        while unsafe read(queue.rawValue, &taken, taken.count) > 0 {}
        unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
    }
    try body()
}

/// To this thread alone: the process and the other tests do not notice.
private func raise(_ signal: Signal) { pthread_kill(pthread_self(), signal.rawValue) }

@Suite struct SignalsTests {
    @Test func numbersAreThoseOfTheSystem() {
        #expect(Signal.hangup.rawValue == SIGHUP)
        #expect(Signal.interrupt.rawValue == SIGINT)
        #expect(Signal.terminate.rawValue == SIGTERM)
        #expect(Signal.windowChange.rawValue == SIGWINCH)
        let numbers = [
            SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO,
            SIGPWR,
        ]
        #expect(Signal.allCases.map(\.rawValue) == numbers)
    }

    /// Their default action is the end of the process; those that report a fault of the program keep it, as does
    /// SIGQUIT, which asks for a core.
    @Test func everySignalThatEndsAProcessHasAMeaningOrHasNone() {
        let kept = [
            SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGSEGV, SIGSYS,
            // Not events of a descriptor: see `ignoreFailedWrites`.
            SIGPIPE, SIGXFSZ,
            // Their default action is another one.
            SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG,
        ]
        let known = kept + Signal.allCases.map(\.rawValue)
        #expect(Set(known) == Set(1...31))
        let used = Signal.endings + Signal.meaningless + [.hangup, .windowChange]
        #expect(Set(used) == Set(Signal.allCases) && used.count == Signal.allCases.count)
    }

    @Test func aSignalIsAnEvent() throws {
        let signals: [Signal] = [.hangup, .windowChange]
        try withSignalMaskRestored(signals) {
            let poller = try Poller()
            let queue = try Signals(signals)
            #expect(queue.add(to: poller, token) == nil)
            #expect(queue.next() == nil)
            var events = EventBuffer(capacity: 4)
            try poller.poll(into: &events, timeout: .immediately)
            #expect(events.count == 0)

            raise(.windowChange)
            raise(.hangup)
            try poller.poll(into: &events, timeout: .immediately)
            try #require(events.count == 1)
            #expect(events[0].token == token)
            // The kernel hands the lower number out first.
            #expect(queue.next() == .hangup)
            #expect(queue.next() == .windowChange)
            #expect(queue.next() == nil)
        }
    }

    @Test func onlyWhatWasAskedForIsTaken() throws {
        try withSignalMaskRestored([.windowChange, .hangup]) {
            let queue = try Signals([.windowChange])
            #expect(isBlocked(.windowChange))
            #expect(!isBlocked(.hangup))
            raise(.windowChange)
            #expect(queue.next() == .windowChange)
        }
    }

    @Test func aBrokenPipeDoesNotEndTheProcess() async {
        await #expect(processExitsWith: .success) {
            Signals.ignoreFailedWrites()
            let pipe = try Pipe()
            close(pipe.reader.release())
            var byte: UInt8 = 0
            let result = unsafe write(pipe.writer.rawValue, &byte, 1)
            guard result == -1, errno == EPIPE else { exit(1) }
        }
    }

    @Test func aFileAtItsSizeLimitDoesNotEndTheProcess() async {
        await #expect(processExitsWith: .success) { exit(writeBeyondTheLimit()) }
    }

    @Test func childrenOfOthersDoNotStayAsZombies() async {
        await #expect(processExitsWith: .success) { exit(leaveTwoChildren()) }
    }
}

/// The exit code of a process that writes to a file that has reached the size limit.
private func writeBeyondTheLimit() -> CInt {
    Signals.ignoreFailedWrites()
    var limit = rlimit(rlim_cur: 1, rlim_max: 1)
    guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { return 2 }
    let path = "/tmp/balancer-tests-\(getpid())-limit"
    let file = FileDescriptor(owning: unsafe creat(path, 0o600))
    unsafe unlink(path)
    var bytes: [UInt8] = [1, 2]
    guard unsafe write(file.rawValue, &bytes, 2) == 1 else { return 3 }
    let result = unsafe write(file.rawValue, &bytes, 2)
    return result == -1 && errno == EFBIG ? 0 : 1
}

/// The exit code of a process that has a child that has ended before, and one that ends later.
private func leaveTwoChildren() -> CInt {
    let first = startTrue()
    var info = unsafe siginfo_t()
    // Waits for the end and leaves the zombie.
    guard unsafe waitid(P_PID, id_t(first), &info, WEXITED | WNOWAIT) == 0 else { return 2 }
    Signals.leaveChildrenToKernel()
    guard waitpid(first, nil, 0) == -1, errno == ECHILD else { return 3 }
    // Blocks until the child has ended, and finds none.
    return waitpid(startTrue(), nil, 0) == -1 && errno == ECHILD ? 0 : 4
}

private func startTrue() -> pid_t {
    var child: pid_t = -1
    let name = unsafe strdup("/bin/true")
    defer { unsafe free(name) }
    let arguments = unsafe [name, nil]
    return unsafe posix_spawn(&child, "/bin/true", nil, nil, arguments, nil) == 0 ? child : -1
}
