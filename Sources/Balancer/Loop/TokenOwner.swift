import Reactor

/// What a token of the balancer's loop identifies. The raw values are those of ``Token/kind``, which has four bits.
enum TokenOwner: UInt8, CaseIterable, TokenKind {
    /// The one timerfd.
    case clock
    /// The signalfd.
    case signals
    /// Standard output or error has room again.
    case log
    /// A listener; the index is its place.
    case acceptor
    /// The client's socket of a session.
    case client
    /// The backend's socket of a session; the lap distinguishes its successive sockets.
    case backend
    /// The probe of a backend; the lap distinguishes successive probes.
    case probe
    /// The eventfd by which other loops wake this one; with an index of 1 that of the ``ControlChannel``, of 2 that of the
    /// ``Mailbox``.
    case waker
    /// Answers of the resolver; on a timer, the next look-up of all names; as the tag of a look-up, its backend.
    case resolver
    /// A session's timer, or a session in the ready queue.
    case session
    /// A backend's probe timer.
    case probeTimer
    /// The end of the drain time, or with an index of 1 of that of removed backends: see ``Removals``.
    case drainTimer
    /// The next check of warm connections: see ``WarmSettings``.
    case warmTimer
    /// The end of a pause after a shortage.
    case pauseTimer
    /// The next notification of the service manager's watchdog.
    case watchdogTimer
}

extension Token {
    init(_ kind: TokenOwner, _ key: SlabKey = SlabKey(index: 0, generation: 0), lap: UInt8 = 0) {
        self.init(kind: kind.rawValue, index: Int(key.index), generation: key.generation, lap: lap)
    }
}
