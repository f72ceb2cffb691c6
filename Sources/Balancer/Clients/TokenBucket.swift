import Reactor

/// A rate: so many in such a time.
public struct Rate: Hashable, Sendable {
    /// How many; less than 1 counts as 1.
    public var count: Int
    /// In which time.
    public var per: Duration

    /// So many in such a time.
    public init(count: Int, per: Duration) {
        self.count = count
        self.per = per
    }

    /// As many as come in one second at this rate, at least 1: the burst where none is set.
    var burst: Int {
        let perSecond = UInt128(UInt(max(1, count))) * 1_000_000_000 / UInt128(max(1, per.wholeNanoseconds))
        return max(1, Int(clamping: perSecond))
    }
}

/// How tokens come into buckets of one rate, and how one is taken: the generic cell rate algorithm in its virtual
/// scheduling form (ITU-T I.371, Annex A), which is a token bucket.
///
/// All that a bucket keeps is its theoretical arrival time: when it will be full again. All times are in nanoseconds of
/// one clock, and all arithmetic is in integers, which neither drift nor overflow:
///
/// - A token comes every `interval`, which is rounded up to a whole nanosecond: never more than the rate, and at a
///   million in a second less by 0.1 % at most.
/// - A clock that has passed 292 years stands.
/// - When the clock goes back, a bucket loses what it got since then, and no more: it is empty at the worst.
struct TokenRhythm: Hashable, Sendable, BitwiseCopyable {
    /// From one token to the next; at least 1.
    let interval: UInt64
    /// From empty to full: `burst` intervals.
    let span: UInt64
    /// How many tokens there are at most; at least 1.
    let burst: Int

    /// The sum of `clockMax` and two of these fits 64 bits. 73 years: a longer way from empty to full is cut off there.
    private static let spanMax: UInt64 = 1 << 61
    private static let clockMax: UInt64 = 1 << 63

    /// The rhythm of a rate; `burst` is how many may come at once, by default ``Rate/burst``.
    init(_ rate: Rate, burst: Int?) {
        let count = UInt64(max(1, rate.count))
        let (whole, rest) = rate.per.wholeNanoseconds.quotientAndRemainder(dividingBy: count)
        interval = min(max(1, whole + (rest > 0 ? 1 : 0)), Self.spanMax)
        self.burst = max(1, burst ?? rate.burst)
        let (span, isTooLong) = interval.multipliedReportingOverflow(by: UInt64(self.burst))
        self.span = isTooLong ? Self.spanMax : min(span, Self.spanMax)
    }

    /// The arrival time of a bucket that is full.
    func full(now: UInt64) -> UInt64 { min(now, Self.clockMax) }

    /// How long it is until the bucket is full, 0 when it is.
    func missing(_ arrival: UInt64, now: UInt64) -> UInt64 {
        let now = min(now, Self.clockMax)
        return arrival > now ? min(arrival &- now, span) : 0
    }

    /// Takes a token out of the bucket that is full at `arrival`; false when there is none.
    func take(_ arrival: inout UInt64, now: UInt64) -> Bool {
        let missing = missing(arrival, now: now)
        let isThere = missing &+ interval <= span
        // Also without a token, for the sake of a clock that has gone back: what it left behind ends here.
        arrival = min(now, Self.clockMax) &+ missing &+ (isThere ? interval : 0)
        return isThere
    }

    /// How long it is until a token is there, 0 when one is.
    func wait(_ arrival: UInt64, now: UInt64) -> UInt64 {
        let missing = missing(arrival, now: now) &+ interval
        return missing > span ? missing &- span : 0
    }

    /// When a bucket of another rhythm will be full that has now as much in it as this one has of `old`, or is full.
    func converted(_ arrival: UInt64, from old: TokenRhythm, now: UInt64) -> UInt64 {
        let level = UInt128(old.span &- old.missing(arrival, now: now))
        let kept = min(UInt128(span), level * UInt128(interval) / UInt128(old.interval))
        return min(now, Self.clockMax) &+ (span &- UInt64(truncatingIfNeeded: kept))
    }
}

/// A token bucket: what arrives takes a token. So many come in a time, and a burst of them is there at most.
///
/// In any time `t` at most `burst + rate * t` are taken.
struct TokenBucket: Hashable, Sendable, BitwiseCopyable {
    private var rhythm: TokenRhythm
    /// When it will be full.
    private var arrival: UInt64

    /// A full bucket. `burst` is how many tokens it holds, by default ``Rate/burst``; `now` is the clock in
    /// nanoseconds, here and below.
    init(_ rate: Rate, burst: Int? = nil, now: UInt64) {
        rhythm = TokenRhythm(rate, burst: burst)
        arrival = rhythm.full(now: now)
    }

    /// Takes a token; false when there is none.
    mutating func take(now: UInt64) -> Bool { rhythm.take(&arrival, now: now) }

    /// Gives a token back that was taken for nobody.
    mutating func giveBack() { arrival -= min(arrival, rhythm.interval) }

    /// The nanoseconds until there is a token, 0 when there is one.
    func wait(now: UInt64) -> UInt64 { rhythm.wait(arrival, now: now) }

    /// True when no more tokens fit.
    func isFull(now: UInt64) -> Bool { rhythm.missing(arrival, now: now) == 0 }

    /// Tokens come at another rate from now on. Those that are there stay, as far as they fit.
    mutating func change(to rate: Rate, burst: Int? = nil, now: UInt64) {
        let old = rhythm
        rhythm = TokenRhythm(rate, burst: burst)
        arrival = rhythm.converted(arrival, from: old, now: now)
    }
}
