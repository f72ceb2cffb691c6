/// The health of a backend, derived from its probes: a pure state machine.
///
/// One counter, as in HAProxy, holds both state and hysteresis:
///
/// ```
///   0 ... rise-1                     down: a failure sets it to 0, a success adds 1
///   rise ... rise+fall-1             up:   a success sets it to the top, a failure takes 1
///                                          below rise it falls to 0
/// ```
///
/// A backend starts at the top: it is up until proven otherwise. Where its pool wants that, the first probe decides alone
/// (``Configuration/HealthCheck/startsUnknown``).
public struct Health: Hashable, Sendable {
    /// Successes in a row that bring a backend up.
    public let rise: Int
    /// Failures in a row that take it down.
    public let fall: Int
    private var counter: Int

    /// The result of one more probe. `changed` is true for the first of its kind.
    public enum Verdict: Hashable, Sendable {
        /// It is up and the probe succeeded. `changed` when it was down, or had failed since it was last alive.
        case alive(changed: Bool)
        /// It is still down; so many of the required successes were seen.
        case rising(Int)
        /// The probe failed, yet it stays up. `changed` at the first failure in a row.
        case bad(changed: Bool)
        /// The probe failed and it is down. `changed` when this took it down.
        case dead(changed: Bool)
    }

    /// A backend that was not probed yet.
    public init(rise: Int, fall: Int) {
        precondition(rise >= 1 && fall >= 1, "rise and fall counts are 1 or more")
        self.rise = rise
        self.fall = fall
        counter = rise + fall - 1
    }

    /// The same verdict with the counts of another check. Failures and successes of before are counted no more, unless the
    /// counts are the same.
    func with(_ check: Configuration.HealthCheck) -> Health {
        guard check.rise != rise || check.fall != fall else { return self }
        var health = Health(rise: check.rise, fall: check.fall)
        if !isUp { health.counter = 0 }
        return health
    }

    /// How far its verdict is from changing, which decides how soon it is probed again.
    public enum Pace: Hashable, Sendable {
        /// It is up, and the last probe succeeded, or there was none.
        case steady
        /// It is up with failures counted, or down with successes counted: the next probes may change it.
        case changing
        /// It is down, and the last probe failed.
        case down
    }

    /// As HAProxy's `inter`, `fastinter` and `downinter`.
    public var pace: Pace {
        switch counter {
        case top: .steady
        case 0: .down
        default: .changing
        }
    }

    /// True while new sessions may be sent to it.
    public var isUp: Bool { counter >= rise }

    private var top: Int { rise + fall - 1 }

    /// Records the result of a probe, which `decides` by itself whatever the thresholds are.
    public mutating func record(success: Bool, decides: Bool = false) -> Verdict {
        if decides {
            let wasUp = isUp
            counter = success ? top : 0
            return success ? .alive(changed: !wasUp) : .dead(changed: wasUp)
        }
        switch (isUp, success) {
        case (true, true):
            let changed = counter != top
            counter = top
            return .alive(changed: changed)
        case (true, false):
            let first = counter == top
            counter -= 1
            if counter >= rise { return .bad(changed: first) }
            counter = 0
            return .dead(changed: true)
        case (false, true):
            counter += 1
            guard counter >= rise else { return .rising(counter) }
            counter = top
            return .alive(changed: true)
        case (false, false):
            counter = 0
            return .dead(changed: false)
        }
    }
}
