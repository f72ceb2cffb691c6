import CEpoll
import Glibc
import Reactor

/// A kernel whose clock and whose polls follow a plan.
final class PlannedKernel: ForwardingKernel {
    /// What one epoll_wait(2) does.
    struct Wait {
        /// The clock moves so far while it waits.
        var nanoseconds: UInt64 = 0
        /// The thread's processor time meanwhile.
        var processorNanoseconds: UInt64 = 0
        /// Returns EINTR.
        var isInterrupted = false
        var tokens: [Token] = []
    }

    var nanoseconds: UInt64 = 1_000_000_000_000
    var processorNanoseconds: UInt64 = 0
    /// The next polls; when there are none left, a poll finds nothing and takes no time.
    var waits: [Wait] = []
    /// The timeouts of the polls so far.
    var timeouts: [CInt] = []
    /// What the timer was set to, in nanoseconds of this kernel's clock.
    var settings: [UInt64] = []

    override func monotonicNanoseconds() -> UInt64 { nanoseconds }

    override func threadProcessorNanoseconds() -> UInt64 { processorNanoseconds }

    override func timerSet(_ timer: CInt, nanoseconds: UInt64) -> CInt {
        settings.append(nanoseconds)
        return 0
    }

    override func epollWait(
        _ epoll: CInt, _ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: CInt
    ) -> CInt {
        timeouts.append(milliseconds)
        guard !waits.isEmpty else { return 0 }
        let wait = waits.removeFirst()
        nanoseconds += wait.nanoseconds
        processorNanoseconds += wait.processorNanoseconds
        if wait.isInterrupted { return -EINTR }
        precondition(wait.tokens.count <= events.count, "the plan delivers more events than there is room for")
        for (place, token) in wait.tokens.enumerated() {
            guard let base = events.baseAddress else { break }
            unsafe cepoll_event_set(base + place, CEPOLL_IN, token.rawValue)
        }
        return CInt(wait.tokens.count)
    }
}
