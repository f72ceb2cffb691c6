import Reactor

/// Whether a backend is ejected for what clients have met there: connects that failed, and sessions that it reset before it
/// had sent a byte. A pure state machine, beside the ``Health`` that probes decide about.
///
/// ```
///             so many failures within the window                the time is over
///   trusted -------------------------------------> ejected -----------------------> on trial
///      ^                                              ^                                 |
///      |                                              +---------------------------------+ a failure: for twice as long
///      +--------------------------------------------------------------------------------+ a success, or the window without
///                                                                                          a failure
/// ```
///
/// As in Envoy's outlier detection and IPVS' quiescence, but the time doubles with each ejection in a row up to a limit, and
/// one success is asked for before clients come back.
struct PassiveHealth {
    typealias Settings = Configuration.PassiveCheck

    enum State: Hashable {
        /// It gets clients as far as this is concerned.
        case trusted
        /// It gets none until then.
        case ejected(until: Instant)
        /// Its time is over. One that is probed gets clients when a probe succeeds; another gets them at once.
        case onTrial
    }

    private(set) var settings: Settings
    private(set) var state = State.trusted
    /// The latest failures, the oldest first; no more than the settings count.
    private var failures: [Instant] = []
    /// Ejections in a row.
    private(set) var ejections = 0
    private var trustedSince = Instant(nanoseconds: 0)
    private var onTrialSince = Instant(nanoseconds: 0)

    /// Trusted, and nothing is known.
    init(_ settings: Settings) {
        self.settings = settings
    }

    /// What is known stays when the settings change.
    mutating func set(_ settings: Settings) {
        self.settings = settings
        failures = Array(failures.suffix(settings.failures))
    }

    /// Clients have met so many failures. True when that suffices to eject it, if the pool can do without.
    mutating func fail(_ count: Int, _ now: Instant) -> Bool {
        // Nobody tells of clients that succeed: the window without a failure is as good.
        if state == .onTrial, now >= onTrialSince + settings.within {
            state = .trusted
            trustedSince = onTrialSince
        }
        switch state {
        case .ejected: return false
        case .onTrial: return true
        case .trusted:
            for _ in 0..<min(count, settings.failures) { failures.append(now) }
            failures.removeFirst(max(0, failures.count - settings.failures))
            guard failures.count == settings.failures, let first = failures.first else { return false }
            return first + settings.within >= now
        }
    }

    /// Ejects it; returns for how long.
    mutating func eject(_ now: Instant) -> Duration {
        if state == .trusted, now >= trustedSince + settings.ejectedMax { ejections = 0 }
        ejections += 1
        failures.removeAll()
        // 2^20 times the shortest time that can be set is longer than the longest.
        let factor = UInt64(1) << UInt64(min(ejections - 1, 20))
        let (nanoseconds, overflow) = settings.ejected.wholeNanoseconds.multipliedReportingOverflow(by: factor)
        let time = overflow ? settings.ejectedMax : min(.nanoseconds(Int64(clamping: nanoseconds)), settings.ejectedMax)
        state = .ejected(until: now + time)
        return time
    }

    /// True when the time of its ejection is over: it is on trial from now on.
    mutating func expire(_ now: Instant) -> Bool {
        guard case .ejected(let end) = state, end <= now else { return false }
        state = .onTrial
        onTrialSince = now
        return true
    }

    /// A probe or a client has succeeded; true when that ends its trial.
    mutating func succeed(_ now: Instant) -> Bool {
        guard state == .onTrial else { return false }
        state = .trusted
        trustedSince = now
        return true
    }

    /// True while it gets no clients; `isChecked`: it is probed, and a trial needs a probe.
    func isOut(isChecked: Bool) -> Bool {
        switch state {
        case .trusted: false
        case .ejected: true
        case .onTrial: isChecked
        }
    }
}
