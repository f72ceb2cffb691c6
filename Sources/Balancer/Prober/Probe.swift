import Reactor

/// The health check of one backend: a TCP connect, repeated from start to start.
///
/// ```
///   waiting -----(due)----> connecting --(connected, refused, timed out)--> waiting
///              |                ^
///              |                | resolved
///              +--> awaiting the address of a name that has none yet --(not found, timed out)--> waiting
/// ```
///
/// One timer serves all states: the next start, or the probe's deadline. A probe that is due waits for a later turn when
/// this one has begun as many as it may: see ``Prober/begin(_:_:_:)``.
struct Probe: ~Copyable {
    /// The socket that is connecting; empty while waiting.
    var stream: Stream = .empty
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
    /// Distinguishes the events of successive probes.
    var lap: UInt8 = 0

    init(timer: TimerID, due: Instant) {
        self.timer = timer
        self.due = due
    }

    /// False while the next start is awaited.
    var isUnderWay: Bool { stream.isOpen || awaitsAddress }

    /// Ends the current probe without a result.
    mutating func abandon() {
        stream = .empty
        awaitsAddress = false
    }

    /// True while the current probe is the one that an event's token identifies.
    func isUnderWay(_ lap: UInt8) -> Bool { stream.isOpen && self.lap & 0xF == lap }
}
