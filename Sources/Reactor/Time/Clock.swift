/// A point on the monotonic clock, in nanoseconds since a start that has no meaning of its own.
@frozen public struct Instant: Comparable, Hashable, Sendable {
    /// Nanoseconds, as CLOCK_MONOTONIC counts them.
    public var nanoseconds: UInt64

    /// A point from its count of nanoseconds.
    @inlinable public init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// The earlier of two is the smaller.
    @inlinable public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The point that lies `duration` later, at most the last there is; a negative duration counts as zero.
    @inlinable public static func + (instant: Instant, duration: Duration) -> Instant {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        return Instant(nanoseconds: overflow ? .max : sum)
    }

    /// The point that lies so many nanoseconds later, at most the last there is. `Duration` counts in 128 bits: what is
    /// added often is better kept as a number.
    @inlinable public func advanced(nanoseconds: UInt64) -> Instant {
        let (sum, overflow) = self.nanoseconds.addingReportingOverflow(nanoseconds)
        return Instant(nanoseconds: overflow ? .max : sum)
    }

    /// The time from `earlier` to `later`; zero when they stand the other way round.
    @inlinable public static func - (later: Instant, earlier: Instant) -> Duration {
        later > earlier ? .nanoseconds(Int64(clamping: later.nanoseconds - earlier.nanoseconds)) : .zero
    }
}

extension Duration {
    /// The duration in nanoseconds: from 0 for negative ones up to 292 years for all longer ones.
    @inlinable public var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < 9_200_000_000 else { return 9_200_000_000_000_000_000 }
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds) / 1_000_000_000
    }

    /// The duration in milliseconds, with its fraction; for people.
    public var milliseconds: Double {
        Double(wholeNanoseconds) / 1_000_000
    }
}

/// The clock of a loop: the kernel's monotonic one, or one that a test sets.
///
/// A loop reads it once per turn; everything in the loop takes that instant as a parameter.
public struct Clock {
    private let hand: ManualClock?

    /// CLOCK_MONOTONIC.
    public static var monotonic: Clock { Clock(hand: nil) }

    /// A clock that stands still until the test moves it.
    public static func manual(_ hand: ManualClock) -> Clock { Clock(hand: hand) }

    /// Reads the clock.
    public func now() -> Instant {
        hand?.now ?? Instant(nanoseconds: kernel.monotonicNanoseconds())
    }
}

/// A clock for tests: it shows what it was last set to.
public final class ManualClock {
    /// What it shows.
    public var now: Instant

    /// A clock that shows `now`.
    public init(now: Instant = Instant(nanoseconds: 1_000_000_000)) {
        self.now = now
    }
}
