import Reactor

/// How much of its weight a backend gets that has come back: from 10 % at once to all of it after the time that its pool is
/// set to, evenly. So its caches fill, and its first clients do not come all at once.
struct SlowStart {
    private let began: Instant
    private let nanoseconds: UInt64

    /// What it gets at once, in percent. Envoy's `min_weight_percent`, whose default this is.
    static let percentMin: Int32 = 10
    /// The whole.
    static let percentMax: Int32 = 100
    /// No more often than this does a weight change.
    static let stepMin: Duration = .milliseconds(50)

    /// One that begins at `began` and takes so long.
    init(_ began: Instant, for time: Duration) {
        self.began = began
        nanoseconds = max(1, time.wholeNanoseconds)
    }

    /// The share of its weight, in percent.
    func percent(_ now: Instant) -> Int32 {
        let passed = min(now.nanoseconds - min(began.nanoseconds, now.nanoseconds), nanoseconds)
        let rise = UInt64(Self.percentMax - Self.percentMin)
        return Self.percentMin + Int32(nanoseconds.dividingFullWidth(passed.multipliedFullWidth(by: rise)).quotient)
    }

    /// From one change to the next: a percent.
    var step: Duration {
        max(Self.stepMin, .nanoseconds(Int64(nanoseconds / UInt64(Self.percentMax - Self.percentMin))))
    }
}
