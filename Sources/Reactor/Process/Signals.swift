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

    /// Blocks the signals for this thread (and those it starts later) and reports them from now on. To be called before
    /// any thread is started: in a thread that has not blocked a signal, its default action would end the process.
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

    /// Blocks a signal until a ``Signals`` reports it: the kernel keeps it pending.
    public static func hold(_ signal: Signal) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, signal.rawValue)
        _ = LinuxKernel.signalMask(block: true, &set)
    }

    /// Gives process 1 the default action that other processes have: for it, the kernel drops signals without a
    /// handler. SIGTERM and SIGINT then end it until a ``Signals`` reports them, for example while a name is looked up
    /// at the start.
    public static func endProcessOne() {
        guard getpid() == 1 else { return }
        for signal in [Signal.terminate, .interrupt] { cepoll_exit_on(signal.rawValue) }
    }

    /// Makes a write to a pipe or socket without a reader fail with EPIPE instead of ending the process.
    public static func ignoreBrokenPipes() {
        cepoll_ignore_sigpipe()
    }
}
