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
/// One timer serves all states: the next start, or the probe's deadline.
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

    /// The start that follows the one at `due`. One that is late by less than an interval (a probe may take a whole
    /// one) happens at once and keeps the cadence; after a longer stop of the process the missed ones are left out.
    static func next(after due: Instant, interval: Duration, now: Instant) -> Instant {
        let next = due + interval
        return now < next + interval ? next : now + interval
    }
}
