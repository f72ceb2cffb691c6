import CEpoll
import Glibc

/// A signal that a program here reacts to.
public enum Signal: CInt, Sendable {
    /// SIGHUP.
    case hangup = 1
    /// SIGINT.
    case interrupt = 2
    /// SIGTERM.
    case terminate = 15
    /// SIGWINCH: the terminal has another size.
    case windowChange = 28
}

/// Signals as events: signalfd(2).
public struct Signals: ~Copyable {
    private let descriptor: FileDescriptor

    /// Blocks the signals for this thread (and those it starts later) and reports them from now on. To be called
    /// before any thread is started: a thread with a signal unblocked would take it the old way.
    public init(_ signals: [Signal]) throws(SystemCallError) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal.rawValue) }
        try check(LinuxKernel.signalMask(block: true, &set), "pthread_sigmask")
        descriptor = FileDescriptor(owning: try check(LinuxKernel.signalCreate(&set), "signalfd"))
    }

    /// Adds the descriptor to a poller.
    public func add(to poller: borrowing Poller, _ token: Token) -> Errno? {
        poller.add(descriptor, token, .arrivals)
    }

    /// One signal that has arrived, nil when there is none left.
    public func next() -> Signal? {
        var info = signalfd_siginfo()
        while true {
            let count = unsafe withUnsafeMutableBytes(of: &info) { unsafe kernel.read(descriptor.rawValue, $0) }
            guard count == MemoryLayout<signalfd_siginfo>.size else { return nil }
            if let signal = Signal(rawValue: CInt(info.ssi_signo)) { return signal }
        }
    }

    /// Lets a signal wait for a ``Signals`` that reports it.
    public static func hold(_ signal: Signal) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, signal.rawValue)
        _ = LinuxKernel.signalMask(block: true, &set)
    }

    /// Gives process 1 the default that others have: the kernel drops signals for which it has no handler. Until a
    /// ``Signals`` reports them, SIGTERM and SIGINT then end it, while a name is looked up at the start, say.
    public static func endProcessOne() {
        guard getpid() == 1 else { return }
        for signal in [Signal.terminate, .interrupt] { cepoll_exit_on(signal.rawValue) }
    }

    /// Lets a write to a pipe or socket without reader fail with EPIPE instead of ending the process.
    public static func ignoreBrokenPipes() {
        cepoll_ignore_sigpipe()
    }
}
