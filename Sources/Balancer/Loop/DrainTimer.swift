import Reactor

/// Ends a drain at its time by the monotonic clock: the service manager, which was told that time, does not wait longer
/// because this process stood still.
struct DrainTimer {
    private let timer: TimerID
    private var end = Instant(nanoseconds: .max)

    init(_ core: inout LoopCore) {
        timer = core.timers.add(Token(.drainTimer))
    }

    /// The drain begins.
    mutating func start(for time: Duration, _ core: inout LoopCore) {
        end = core.monotonicNow + time
        core.timers.arm(timer, at: core.now + time)
    }

    /// The process stood still. Without a drain nothing is armed.
    func catchUp(_ core: inout LoopCore) {
        guard end.nanoseconds != .max else { return }
        core.timers.arm(timer, at: core.now + (end - core.monotonicNow))
    }
}
