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
            Signals.ignoreBrokenPipes()
            let pipe = try Pipe()
            close(pipe.reader.release())
            var byte: UInt8 = 0
            let result = unsafe write(pipe.writer.rawValue, &byte, 1)
            guard result == -1, errno == EPIPE else { exit(1) }
        }
    }
}
