import Reactor

/// Whether clients of a loop should rather go to other backends than this one: a client's connect to it has failed, or has
/// had no answer for ``patience``, and since then neither a connect nor a probe has succeeded.
///
/// Without it one silent backend of two would make every second client wait for the whole connect timeout until probes have
/// taken it down.
struct Suspicion {
    /// How long a connect may go without an answer: longer than a handshake takes around the world, and a third of the time
    /// after which TCP sends a SYN again (RFC 6298, 2.1), since who comes meanwhile may wait as well.
    static let patience: Duration = .milliseconds(300)

    /// Clients go to others first.
    private(set) var isOn = false
    /// The number of it among all that the backend has had in any loop: ``TargetCounters/suspicions``.
    private var number: UInt32 = 0
    /// Connects without an answer.
    private var waiting: Int32 = 0
    /// When they will have waited for too long; `.max` while there is none.
    private var due: UInt64 = .max

    private static let patienceNanoseconds = patience.wholeNanoseconds

    /// A connect was begun and has no answer yet.
    mutating func connectBegan(_ now: Instant) {
        if waiting == 0 { due = now.nanoseconds + Self.patienceNanoseconds }
        waiting += 1
    }

    /// One that was begun has failed or was given up.
    mutating func connectEnded() {
        waiting -= 1
        if waiting == 0 { due = .max }
    }

    /// One that was begun has succeeded. Others have time again.
    mutating func connectSucceeded(_ now: Instant) {
        waiting -= 1
        due = waiting == 0 ? .max : now.nanoseconds + Self.patienceNanoseconds
    }

    /// True when it has to begin: connects have gone without an answer for too long.
    @inline(__always) func isDue(_ now: Instant) -> Bool { now.nanoseconds > due && !isOn }

    /// It begins, as the backend's so many-th.
    mutating func begin(_ number: UInt32) {
        isOn = true
        self.number = number
    }

    /// It is over.
    mutating func end() { isOn = false }

    /// A probe has succeeded that began after so many suspicions. True when that ends this one.
    mutating func end(answered: UInt32) -> Bool {
        guard isOn, Int32(bitPattern: answered &- number) >= 0 else { return false }
        isOn = false
        return true
    }
}
