import Reactor

/// When a loop checks and replaces the connections that it holds ready, over all backends.
struct WarmSettings {
    /// Connections held ready to each backend; 0 for none, and then no timer is ever armed.
    let max: Int
    /// No more are made before the next check: this machine is short of descriptors, memory or ports.
    var isSuspended = false
    /// No more are made at all: the loop accepts no more clients.
    private(set) var isStopped = false
    private let timer: TimerID
    /// The interval between two checks: the shortest probe interval of the pools.
    private let interval: UInt64
    private var nextCheck: Instant
    private var isRefillDue = false

    /// From the taking of one to its replacement, in nanoseconds. Not at once: the client that got it is served first,
    /// and all that are taken meanwhile are replaced together.
    private static let refillAfter: UInt64 = 1_000_000

    init(max: Int, pools: [PoolEntry], _ core: inout LoopCore) {
        self.max = max
        timer = core.timers.add(Token(.warmTimer))
        interval = (pools.map(\.settings.health.interval).min() ?? .seconds(1)).wholeNanoseconds
        nextCheck = core.now
        if max > 0 { core.timers.arm(timer, at: core.now) }
    }

    /// Schedules the replacement of one that was taken.
    mutating func scheduleRefill(_ core: inout LoopCore) {
        guard !isRefillDue, !isStopped else { return }
        isRefillDue = true
        core.timers.arm(timer, at: min(nextCheck, core.now.advanced(nanoseconds: Self.refillAfter)))
    }

    /// Pools or backends have changed: checks now.
    mutating func checkNow(_ core: inout LoopCore) {
        guard max > 0 else { return }
        nextCheck = core.now
        core.timers.arm(timer, at: core.now)
    }

    /// Something was found out about some backends: these are checked now, the others when it is time.
    mutating func checkSome(_ core: inout LoopCore) {
        if max > 0 { core.timers.arm(timer, at: core.now) }
    }

    /// The timer has expired: true when a check is due, and not only a replacement.
    mutating func expired(_ core: inout LoopCore) -> Bool {
        isRefillDue = false
        let isCheck = core.now >= nextCheck
        if isCheck {
            isSuspended = false
            nextCheck = core.now.advanced(nanoseconds: interval)
        }
        core.timers.arm(timer, at: nextCheck)
        return isCheck
    }

    /// Makes no more from now on.
    mutating func stop(_ core: inout LoopCore) {
        isSuspended = true
        isStopped = true
        core.timers.disarm(timer)
    }
}
