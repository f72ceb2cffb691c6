import Reactor

/// The health check of one backend: a TCP connect, repeated from start to start.
///
/// ```
///   waiting --(its time)--> connecting --(connected, refused, timed out)--> waiting
///              |                ^
///              |                | it is here
///              +--> awaiting the address of a name that has none yet --(not found, timed out)--> waiting
/// ```
///
/// One timer serves all states: the next start, or the end of patience.
struct Probe: ~Copyable {
    /// The connection being tried; empty while waiting.
    var stream: Stream = .empty
    /// The backend has no address yet: the resolver's answer is this probe's result, or its beginning.
    var awaitsAddress = false
    /// The next start while waiting, otherwise the deadline.
    var timer: TimerID
    /// When the present (or last) probe was due to start. The next is counted from it, not from when a busy loop got
    /// round to it, so that the cadence does not drift.
    var due: Instant
    /// Tells the events of successive probes apart.
    var lap: UInt8 = 0

    init(timer: TimerID, due: Instant) {
        self.timer = timer
        self.due = due
    }

    /// False while it waits for its time.
    var isUnderWay: Bool { stream.isOpen || awaitsAddress }

    /// Leaves the probe that is under way without a result.
    mutating func abandon() {
        stream = .empty
        awaitsAddress = false
    }

    /// True while the probe that an event's token names is the one under way.
    func isUnderWay(_ lap: UInt8) -> Bool { stream.isOpen && self.lap & 0xF == lap }

    /// The start that follows the one at `due`. One that is late by less than an interval (a probe may take all of its
    /// own) starts at once and keeps the cadence; after a longer stop of the process those missed are left out.
    static func next(after due: Instant, interval: Duration, now: Instant) -> Instant {
        let next = due + interval
        return now < next + interval ? next : now + interval
    }
}

/// Why a probe failed.
enum ProbeFailure: Hashable, Sendable {
    /// It had not connected in time.
    case timeout
    /// The kernel said so.
    case error(Errno)
    /// The backend's name has no address, for this reason.
    case noAddress(String)
}
