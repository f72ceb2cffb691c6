import Reactor

/// What a token of the loop stands for. The raw values are those of ``Token/kind``.
enum TokenKind: UInt8, CaseIterable {
    /// The one timerfd.
    case clock
    /// The signalfd.
    case signals
    /// Room on standard output or error.
    case log
    /// A listener; the index is its place.
    case acceptor
    /// The client's socket of a session.
    case client
    /// The backend's socket of a session; the lap tells its successive ones apart.
    case backend
    /// The probe of a backend; the lap tells successive ones apart.
    case probe
    /// The eventfd by which other loops wake this one.
    case waker
    /// Names that were looked up; of a timer, the time to look again; as the tag of a question, the backend that it is
    /// about.
    case resolver
    /// The status socket; also when more ask than were answered in a turn.
    case status
    /// A session's timer, or a session in the ready queue.
    case session
    /// A backend's probe timer.
    case probeTimer
    /// The end of the drain time.
    case drainTimer
    /// The time to make up for warm connections that were taken.
    case refillTimer
    /// The end of a pause after a shortage.
    case pauseTimer
    /// The time to tell the service manager that all is well.
    case watchdogTimer
}

extension Token {
    init(_ kind: TokenKind, _ key: SlabKey = SlabKey(index: 0, generation: 0), lap: UInt8 = 0) {
        self.init(kind: kind.rawValue, index: Int(key.index), generation: key.generation, lap: lap)
    }
}
