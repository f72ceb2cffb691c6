import Reactor
import Testing

@Suite struct ClockTests {
    private let start = Instant(nanoseconds: 1_000)

    @Test func laterIsLarger() {
        #expect(start < Instant(nanoseconds: 1_001))
        #expect(!(start < start))
        #expect(max(start, Instant(nanoseconds: 2_000)).nanoseconds == 2_000)
    }

    @Test func aDurationIsAddedInNanoseconds() {
        #expect((start + .nanoseconds(1)).nanoseconds == 1_001)
        #expect((start + .milliseconds(2)).nanoseconds == 2_001_000)
        #expect((start + .seconds(3)).nanoseconds == 3_000_001_000)
        #expect((start + .zero) == start)
    }

    @Test func aNegativeDurationCountsAsZero() {
        #expect(start + .seconds(-1) == start)
        #expect(start + .nanoseconds(-1) == start)
        #expect(start + .nanoseconds(Int64.min) == start)
    }

    @Test func farInTheFutureIsNotInThePast() {
        let forever = Duration.seconds(Int64.max)
        var instant = start
        for _ in 0..<5 {
            let later = instant + forever
            #expect(later >= instant)
            instant = later
        }
        #expect(Instant(nanoseconds: .max) + .nanoseconds(1) == Instant(nanoseconds: .max))
        #expect(Instant(nanoseconds: .max - 1) + .nanoseconds(1) == Instant(nanoseconds: .max))
    }

    @Test func aDifferenceIsNeverNegative() {
        #expect(Instant(nanoseconds: 3_500) - start == .nanoseconds(2_500))
        #expect(start - start == .zero)
        #expect(start - Instant(nanoseconds: 3_500) == .zero)
        #expect(Instant(nanoseconds: .max) - Instant(nanoseconds: 0) == .nanoseconds(Int64.max))
    }

    @Test func wholeNanosecondsAtTheEdges() {
        #expect(Duration.zero.wholeNanoseconds == 0)
        #expect(Duration.nanoseconds(1).wholeNanoseconds == 1)
        #expect(Duration(secondsComponent: 0, attosecondsComponent: 999_999_999).wholeNanoseconds == 0)
        #expect(Duration(secondsComponent: 1, attosecondsComponent: 1_000_000_000).wholeNanoseconds == 1_000_000_001)
        #expect(Duration.nanoseconds(-1).wholeNanoseconds == 0)
        #expect(Duration(secondsComponent: 0, attosecondsComponent: -1).wholeNanoseconds == 0)
        #expect(Duration.seconds(-5).wholeNanoseconds == 0)
        #expect(Duration.seconds(9_199_999_999).wholeNanoseconds == 9_199_999_999_000_000_000)
        #expect(Duration.seconds(9_200_000_000).wholeNanoseconds == 9_200_000_000_000_000_000)
        #expect(Duration.seconds(Int64.max).wholeNanoseconds == 9_200_000_000_000_000_000)
        #expect(Duration.seconds(Int64.min).wholeNanoseconds == 0)
    }

    @Test func millisecondsKeepTheirFraction() {
        #expect(Duration.microseconds(1_500).milliseconds == 1.5)
        #expect(Duration.seconds(-1).milliseconds == 0)
    }

    @Test func theMonotonicClockGoesForward() {
        let first = Clock.monotonic.now()
        #expect(first.nanoseconds > 0)
        #expect(eventually { Clock.monotonic.now() > first })
    }

    @Test func aManualClockMovesByHand() {
        let hand = ManualClock()
        let clock = Clock.manual(hand)
        let before = clock.now()
        #expect(clock.now() == before)
        hand.now = before + .seconds(5)
        #expect(clock.now() - before == .seconds(5))
    }
}
