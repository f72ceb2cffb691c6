import CEpoll
import Glibc
import Reactor

/// Runs child processes to their end while it watches for the signals that end the run.
struct Worker: ~Copyable {
    private let signals: Signals
    private let poller: Poller
    private var events = EventBuffer(capacity: 8)

    private enum Kind: UInt8 {
        case signals
        case output
    }

    init() throws(SystemCallError) {
        let signals = try Signals([.terminate, .interrupt, .hangup])
        let poller = try Poller()
        if let errno = signals.add(to: poller, Token(kind: Kind.signals.rawValue, index: 0)) {
            throw SystemCallError(call: "epoll_ctl", subject: "signals", errno: errno)
        }
        self.signals = signals
        self.poller = poller
    }

    /// Throws when a signal has arrived.
    func check() throws(RunError) {
        if let signal = signals.next() { throw .interrupted(signal.rawValue) }
    }

    /// Waits, and throws when a signal arrives meanwhile.
    mutating func pause(_ duration: Duration) throws(RunError) {
        let clock = Clock.monotonic
        let end = clock.now() + duration
        while clock.now() < end {
            try poll((end - clock.now()))
            try check()
        }
    }

    private mutating func poll(_ duration: Duration) throws(RunError) {
        let milliseconds = CInt(clamping: duration.wholeNanoseconds / 1_000_000 + 1)
        do throws(SystemCallError) {
            try poller.poll(into: &events, timeout: .milliseconds(milliseconds))
        } catch {
            throw .failed(.init(description: error.description))
        }
    }

    /// Starts a child and returns its standard output once it has ended; nil when it does not end before the timeout.
    /// The child is then ended, as it is when a signal arrives.
    mutating func output(
        of arguments: [String], errors: String, timeout: Duration
    ) throws(RunError) -> String? {
        var ends: InlineArray<2, CInt> = [-1, -1]
        var span = ends.mutableSpan
        let result = unsafe span.withUnsafeMutableBufferPointer { unsafe cepoll_pipe($0.baseAddress) }
        guard result == 0 else { throw .failed(.init(description: "pipe: \(Errno(rawValue: -result))")) }
        let reader = FileDescriptor(owning: ends[0])
        var writer = FileDescriptor(owning: ends[1])
        let child: Child
        do throws(SystemCallError) {
            child = try Child(arguments, .init(stream: writer.rawValue, output: errors))
        } catch {
            throw .failed(.init(description: error.description))
        }
        writer = .empty
        defer { child.end() }
        _ = poller.add(reader, Token(kind: Kind.output.rawValue, index: 0), .input)

        let clock = Clock.monotonic
        let deadline = clock.now() + timeout
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16 * 1024)
        while clock.now() < deadline {
            try poll(deadline - clock.now())
            try check()
            let count = unsafe piece.withUnsafeMutableBytes { unsafe read(reader.rawValue, $0.baseAddress, $0.count) }
            if count > 0 { text += piece[..<count] }
            if count == 0 {
                return child.wait(.seconds(2)) && child.status == 0 ? String(decoding: text, as: UTF8.self) : nil
            }
        }
        return nil
    }
}
