import Glibc
import Reactor

/// What one loop does for the process: signals, the service manager, and its watchdog.
///
/// It exists once, in the loop with the ``Duties``. It decides nothing about sessions: it returns what a signal
/// requests, and the loop carries that out.
struct Steward: ~Copyable {
    private let signals: Signals?
    private var service: ServiceManager?
    /// The state that the manager was told last, and the version of the conditions that it is of.
    private var told = ""
    private var version: UInt64 = 0
    private let watchdogTimer: TimerID
    /// The service manager has not been told that the process is ready.
    private var isAwaited = true
    /// The service manager awaits the end of a reload.
    private(set) var isReloading = false

    /// Notifications per watchdog timeout: a single late one does no harm.
    private static let watchdogBeats = 3
    /// The delay before a message for which the manager's socket had no room is sent again.
    private static let retryAfter: Duration = .milliseconds(50)

    init(
        signals: consuming Signals?, service: consuming ServiceManager?,
        _ core: inout LoopCore
    ) throws(SystemCallError) {
        if let errno = signals?.add(to: core.poller, Token(.signals)) {
            throw SystemCallError(call: "epoll_ctl", subject: "signals", errno: errno)
        }
        self.signals = signals
        self.service = service
        watchdogTimer = core.timers.add(Token(.watchdogTimer))
    }

    /// What a signal requests of the process.
    enum Request {
        /// SIGTERM, SIGINT: drain, or stop a drain.
        case end
        /// Another signal that asks for the end: drain. Once more means nothing: SIGXCPU comes every second.
        case drain(Signal)
        /// SIGHUP.
        case reload
        /// A signal without a meaning.
        case nothing(Signal)
    }

    /// The next request; nil when there is none left. (Mutating, since Swift 6.3 would copy the whole loop for a call
    /// that is not.)
    mutating func nextRequest() -> Request? {
        while let signal = signals?.next() {
            switch signal {
            case .terminate, .interrupt: return .end
            case .hangup: return .reload
            case .userFirst, .alarm, .processorTime, .virtualAlarm, .profiling, .powerFailure: return .drain(signal)
            case .userSecond, .stackFault, .inputOutput: return .nothing(signal)
            case .windowChange: continue
            }
        }
        return nil
    }

    // MARK: service manager: sd_notify(3)

    /// The listeners are bound, and the first round of probes has ended, whatever was found.
    private mutating func notifyReady(_ facts: ServiceFacts, _ seat: Seat?, _ core: inout LoopCore) {
        isAwaited = false
        notify("READY=1", facts, &core)
        beat(seat, &core)
    }

    /// No new clients. Sessions may last for `drain`, which may be longer than the manager's own stop timeout.
    mutating func notifyStopping(_ facts: ServiceFacts, within drain: Duration, _ core: inout LoopCore) {
        let microseconds = (drain + .seconds(5)).wholeNanoseconds / 1000
        notify("STOPPING=1\nEXTEND_TIMEOUT_USEC=\(microseconds)", facts, &core)
    }

    /// True when the conditions have changed since the last call.
    mutating func takeChange(of conditions: ServiceConditions) -> Bool {
        let latest = conditions.version
        defer { version = latest }
        return version != latest
    }

    /// What a new client may expect has changed, or the number of backends that are up.
    mutating func notifyState(_ facts: ServiceFacts, _ seat: Seat?, _ core: inout LoopCore) {
        if isAwaited, !facts.isFirstRound { return notifyReady(facts, seat, &core) }
        let status = facts.status
        if status != told, service?.notify(status) ?? false { told = status }
    }

    /// SIGHUP: the names of backends are looked up again.
    mutating func beginReload(_ core: inout LoopCore) {
        // READY after RELOADING would say that the process has started.
        guard !isAwaited else { return }
        isReloading = true
        notifyReliably("RELOADING=1\nMONOTONIC_USEC=\(core.monotonicNow.nanoseconds / 1000)", &core)
    }

    /// The last name has been looked up.
    mutating func endReload(_ facts: ServiceFacts, _ core: inout LoopCore) {
        isReloading = false
        notify("READY=1", facts, &core)
    }

    private mutating func notify(_ state: String, _ facts: ServiceFacts, _ core: inout LoopCore) {
        told = facts.status
        notifyReliably("\(state)\n\(told)", &core)
    }

    /// Sends a notification that the manager waits for. If its socket has no room, it is sent again after
    /// ``retryAfter``: a manager that starts many services is busy.
    private mutating func notifyReliably(_ state: String, _ core: inout LoopCore) {
        guard service?.notifyReliably(state) == false else { return }
        core.timers.arm(watchdogTimer, at: core.now + Self.retryAfter)
    }

    /// Notifies the manager's watchdog when all loops are alive. Notifications that its socket had no room for go
    /// first.
    mutating func beat(_ seat: Seat?, _ core: inout LoopCore) {
        guard service?.retry() ?? true else {
            core.timers.arm(watchdogTimer, at: core.now + Self.retryAfter)
            return
        }
        guard let timeout = service?.watchdogTimeout() else { return }
        if seat?.board.areAllAlive ?? true { _ = service?.notify("WATCHDOG=1") }
        seat?.board.requestHeartbeats()
        core.timers.arm(watchdogTimer, at: core.now + timeout / Self.watchdogBeats)
    }

    /// Open descriptors, for the audit.
    var openDescriptors: Int {
        (signals == nil ? 0 : 1) + (service == nil ? 0 : 1)
    }
}
