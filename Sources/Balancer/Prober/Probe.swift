import Reactor

/// The health check of one backend: a TCP connect and what may be said on it, repeated from start to start.
///
/// ```
///   waiting -----(due)----> connecting --(refused, timed out; connected, and is to be reset)--> waiting
///              |                ^   |
///              |                |   +--(connected)--> talking --(judged)--> leaving --(the peer has left, timed out)--> waiting
///              |                | resolved               |
///              |                |                        +--(reset, timed out)--> waiting
///              +--> awaiting the address of a name that has none yet --(not found, timed out)--> waiting
/// ```
///
/// A probe by TCP that ends with a FIN leaves as soon as it is connected. **Leaving** is what a server sees of a client that
/// ends in order: the FIN, after which what it still sends is read, since to close a socket with unread bytes would send a
/// RST. The backend is judged already.
///
/// One timer serves all states: the next start, or the probe's deadline. A probe that is due waits for a later turn when
/// this one has begun as many as it may: see ``Prober/begin(_:_:_:)``.
struct Probe: ~Copyable {
    /// The socket that is connecting or connected; empty while waiting.
    var stream: Stream = .empty
    /// What its socket is doing.
    var phase = Phase.connecting
    /// The backend has no address yet: the resolver's answer starts this probe, or is its failure.
    var awaitsAddress = false
    /// The next start while waiting, otherwise the deadline.
    var timer: TimerID
    /// When the current (or last) probe was due to start. The next is scheduled from it, not from when a busy loop
    /// started the probe, so that the cadence does not drift.
    var due: Instant
    /// It is due, and stands in the queue of those that wait for a turn.
    var isWaitingForTurn = false
    /// How often clients had come to suspect the backend when the current probe began.
    var suspicions: UInt32 = 0
    /// Distinguishes the events of successive probes, modulo 8: the fourth bit of a token tells agents from checks.
    var lap: UInt8 = 0

    /// What the socket of a probe is doing.
    enum Phase {
        case connecting
        /// Connected: what is said, and what has come of it.
        case talking(Dialogue)
        /// Judged: the peer's end is awaited. So many bytes may still be read; the FIN was sent, or is when the peer's has
        /// come.
        case leaving(bytesLeft: Int)
    }

    init(timer: TimerID, due: Instant) {
        self.timer = timer
        self.due = due
    }

    /// False while the next start is awaited.
    var isUnderWay: Bool { stream.isOpen || awaitsAddress }

    /// Ends the current probe without a result.
    mutating func abandon() {
        stream = .empty
        phase = .connecting
        awaitsAddress = false
    }

    /// True when the result of the current probe is known, and only its connection is left.
    var isLeaving: Bool { if case .leaving = phase { true } else { false } }

    /// True while the current probe is the one that an event's token identifies.
    func isUnderWay(_ lap: UInt8) -> Bool { stream.isOpen && self.lap & 7 == lap & 7 }
}
