import CEpoll
import CommandSupport
import Glibc
import Reactor

/// The signals of a program that has taken over a terminal, as events: all that would end it, stop it, or tell it of
/// another size. Blocked for this thread and those that it starts, from the beginning of this value.
struct TopSignals: ~Copyable {
    private let descriptor: FileDescriptor

    /// What a signal asks for.
    enum Meaning: Equatable {
        /// The end of the program.
        case end(CInt)
        /// To stop until the shell continues it.
        case stop
        /// It was stopped, and goes on: a shell may have changed the terminal.
        case goOn
        /// The terminal may have another size.
        case resize
    }

    private static let ending = Signal.endings.map(\.rawValue) + [SIGHUP, SIGQUIT]

    init() throws(SystemCallError) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for number in Self.ending + [SIGTSTP, SIGCONT, SIGWINCH] { unsafe sigaddset(&set, number) }
        let blocked = unsafe cepoll_signal_mask(1, &set)
        guard blocked == 0 else { throw SystemCallError(call: "pthread_sigmask", errno: Errno(rawValue: -blocked)) }
        let number = unsafe cepoll_signal_create(&set)
        guard number >= 0 else { throw SystemCallError(call: "signalfd", errno: Errno(rawValue: -number)) }
        descriptor = FileDescriptor(owning: number)
    }

    func add(to poller: borrowing Poller, _ token: Token) -> Errno? { poller.add(descriptor, token, .arrivals) }

    /// What a signal that has arrived asks for; nil when there is none left.
    func next() -> Meaning? {
        var info = signalfd_siginfo()
        let count = unsafe withUnsafeMutableBytes(of: &info) { buffer in
            unsafe read(descriptor.rawValue, buffer.baseAddress, buffer.count)
        }
        guard count == MemoryLayout<signalfd_siginfo>.size else { return nil }
        let number = CInt(info.ssi_signo)
        switch number {
        case SIGTSTP: return .stop
        case SIGCONT: return .goOn
        case SIGWINCH: return .resize
        default: return .end(number)
        }
    }

    /// Stops this process, and with `wholeJob` all of its group, as the terminal does for Ctrl-Z; returns when it goes
    /// on. At once where no shell could continue it: the kernel does not stop an orphaned group.
    static func stop(wholeJob: Bool) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGTSTP)
        // It stays pending until it is let through, so that this thread stops within the next call.
        kill(wholeJob ? 0 : getpid(), SIGTSTP)
        _ = unsafe cepoll_signal_mask(0, &set)
        _ = unsafe cepoll_signal_mask(1, &set)
    }
}
