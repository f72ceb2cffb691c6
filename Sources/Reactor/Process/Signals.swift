import CEpoll
import Glibc

/// A signal that a program here reacts to. Without a reaction most of them would end the process at once.
public enum Signal: CInt, Sendable, CaseIterable {
    /// SIGHUP.
    case hangup = 1
    /// SIGINT.
    case interrupt = 2
    /// SIGUSR1: a load balancer is expected to finish its sessions and to end.
    case userFirst = 10
    /// SIGUSR2.
    case userSecond = 12
    /// SIGALRM: a time limit that the parent set before it started this program, see alarm(2).
    case alarm = 14
    /// SIGTERM.
    case terminate = 15
    /// SIGSTKFLT.
    case stackFault = 16
    /// SIGXCPU: the soft limit of processor time is reached; at the hard one the kernel kills the process.
    case processorTime = 24
    /// SIGVTALRM.
    case virtualAlarm = 26
    /// SIGPROF.
    case profiling = 27
    /// SIGWINCH: the terminal has another size.
    case windowChange = 28
    /// SIGIO.
    case inputOutput = 29
    /// SIGPWR: the power fails, or a container's manager asks its first process to end.
    case powerFailure = 30

    /// The signals that ask a process to end: at once a second time, for the two that come from people and managers.
    public static let endings: [Signal] = [
        .terminate, .interrupt, .userFirst, .alarm, .processorTime, .virtualAlarm, .profiling, .powerFailure,
    ]
    /// Signals without a meaning for the programs here, which nevertheless end a process that does not expect them.
    public static let meaningless: [Signal] = [.userSecond, .stackFault, .inputOutput]

    /// `SIGTERM`
    public var name: StaticString {
        switch self {
        case .hangup: "SIGHUP"
        case .interrupt: "SIGINT"
        case .userFirst: "SIGUSR1"
        case .userSecond: "SIGUSR2"
        case .alarm: "SIGALRM"
        case .terminate: "SIGTERM"
        case .stackFault: "SIGSTKFLT"
        case .processorTime: "SIGXCPU"
        case .virtualAlarm: "SIGVTALRM"
        case .profiling: "SIGPROF"
        case .windowChange: "SIGWINCH"
        case .inputOutput: "SIGIO"
        case .powerFailure: "SIGPWR"
        }
    }
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

    /// Blocks signals until a ``Signals`` reports them: the kernel keeps them pending.
    public static func hold(_ signals: [Signal]) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal.rawValue) }
        _ = LinuxKernel.signalMask(block: true, &set)
    }

    /// Blocks all signals while `body` runs: threads that it starts take none.
    public static func withAllBlocked<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var (all, before) = (sigset_t(), sigset_t())
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
        return try body()
    }

    /// Makes signals have no effect, in all threads.
    public static func ignore(_ signals: [Signal]) {
        for signal in signals { cepoll_ignore(signal.rawValue) }
    }

    /// Gives process 1 the default action that other processes have: for it, the kernel drops signals without a
    /// handler. The signals that ask for the end then end it until a ``Signals`` reports them, for example while a name
    /// is looked up at the start.
    public static func endProcessOne() {
        guard getpid() == 1 else { return }
        for signal in Signal.endings { cepoll_exit_on(signal.rawValue) }
    }

    /// Makes writes fail with an error instead of ending the process: with EPIPE at a pipe or socket without a reader
    /// (SIGPIPE), with EFBIG at a file that has reached its size limit (SIGXFSZ).
    ///
    /// A ``Signals`` could not report them: the line about it would be such a write.
    public static func ignoreFailedWrites() {
        cepoll_ignore(SIGPIPE)
        cepoll_ignore(SIGXFSZ)
    }

    /// Lets the kernel remove children when they end: those that have ended already, and all later ones.
    ///
    /// For programs that start no others. They get children all the same: process 1 of a container inherits what was
    /// started there and lost its parent, and a shell that ends with `exec` leaves its background jobs. Nobody waits for
    /// these, so they would stay as zombies and use up the limit on processes.
    public static func leaveChildrenToKernel() {
        cepoll_ignore(SIGCHLD)
        while waitpid(-1, nil, WNOHANG) > 0 {}
    }
}
