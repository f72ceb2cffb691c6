import Reactor

extension LoopCore {
    /// The core of a balancer's loop. With several loops, its waker on the board is in the poller.
    init(_ configuration: Configuration, _ seat: Seat?, _ clock: Clock) throws(SystemCallError) {
        let sessions = configuration.limits.sessionsAtStart
        // A session and a backend have one timer each; the wheel grows when there are more.
        let core = try LoopCore(
            clock: clock, timers: sessions + configuration.backendCount + Limits.timersReserved,
            ready: Limits.readyReserved, eventsPerTurn: Limits.eventsPerTurn,
            timersPerTurn: configuration.limits.shares.timers, lookOn: configuration.latency.busyPoll.lookOn,
            clockToken: Token(.clock))
        if let seat, let errno = seat.board.addWaker(of: seat.loop, to: core.poller, Token(.waker)) {
            throw SystemCallError(call: "epoll_ctl", subject: "waker", errno: errno)
        }
        self = core
    }
}
