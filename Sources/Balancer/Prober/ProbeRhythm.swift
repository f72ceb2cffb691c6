import Reactor

/// When the probes of a backend start.
///
/// Up to ``Limits/probesAtOnce`` backends are probed in the same instant, and from then on from start to start. Of more,
/// each has a place of its own in the interval, so that their probes do not come in one burst:
///
/// ```
///   place of the backend with id n  =  n * 0.618...  modulo 1, times the interval
/// ```
///
/// The multiples of the golden ratio divide the interval evenly for any number of backends (three-distance theorem; Knuth,
/// TAOCP 3, 6.4), so backends that come and go need no others to move. Places are counted from the zero of the loop's clock:
/// a backend whose probe came at another time (its first one, one at a new address, one after a stall) is back at its place
/// with the next, half an interval to one and a half later.
struct ProbeRhythm {
    /// 2^64 divided by the golden ratio.
    private static let golden: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// The backend's place as a fraction of 2^64; nil for one of a few, which keep no place.
    private let place: UInt64?
    /// In nanoseconds.
    private let interval: UInt64
    /// The same while a verdict may be about to change, and while it is that the backend is down.
    private let fast, down: UInt64

    /// The rhythm of one of `count` backends of the process; without `fast` or `down` it is always the same.
    init(_ id: TargetID, of count: Int, interval: Duration, fast: Duration? = nil, down: Duration? = nil) {
        place = count > Limits.probesAtOnce ? UInt64(id.rawValue) &* Self.golden : nil
        self.interval = max(1, interval.wholeNanoseconds)
        self.fast = max(1, (fast ?? interval).wholeNanoseconds)
        self.down = max(1, (down ?? interval).wholeNanoseconds)
    }

    /// The rhythm of the probes that a pool's check wants.
    init(_ id: TargetID, of count: Int, _ check: Configuration.HealthCheck) {
        self.init(id, of: count, interval: check.interval, fast: check.fastInterval, down: check.downInterval)
    }

    /// The first start, of a backend that comes together with others, `count` in all: at once for a few; otherwise all
    /// within ``Limits/firstProbesWithin``, so that a new process learns quickly.
    func first(of count: Int, now: Instant) -> Instant {
        guard count > Limits.probesAtOnce, let place else { return now }
        let time = min(interval, Limits.firstProbesWithin.wholeNanoseconds)
        return now.advanced(nanoseconds: place.multipliedFullWidth(by: time).high)
    }

    /// The start that follows the one at `due`. One that is late by less than an interval (a probe may take a whole
    /// one) happens at once and keeps the cadence; after a longer stop of the process the missed ones are left out.
    ///
    /// In each interval the backend has the same place, as a fraction of it: so the probes of many backends that go down
    /// together stay spread.
    func next(after due: Instant, now: Instant, _ pace: Health.Pace = .steady) -> Instant {
        let interval =
            switch pace {
            case .steady: self.interval
            case .changing: fast
            case .down: down
            }
        let next = due.advanced(nanoseconds: interval)
        let isLate = now >= next.advanced(nanoseconds: interval)
        let regular = isLate ? now.advanced(nanoseconds: interval) : next
        guard let place else { return regular }
        // The backend's place that is nearest.
        let earliest = regular.nanoseconds - interval / 2
        let inInterval = place.multipliedFullWidth(by: interval).high
        let passed = (earliest % interval + (interval - inInterval)) % interval
        return Instant(nanoseconds: earliest).advanced(nanoseconds: passed == 0 ? 0 : interval - passed)
    }
}
