import Reactor
import Testing

@testable import Balancer

@Suite struct ProbeRhythmTests {
    private static let second: UInt64 = 1_000_000_000
    private static let start = Instant(nanoseconds: 1_000 * second)

    private static func rhythm(_ number: Int, of count: Int, interval: Duration = .seconds(5)) -> ProbeRhythm {
        ProbeRhythm(TargetID(rawValue: UInt32(number)), of: count, interval: interval)
    }

    @Test func aFewStartAtOnceAndKeepTheirCadence() {
        for number in 0..<Limits.probesAtOnce {
            let rhythm = Self.rhythm(number, of: Limits.probesAtOnce)
            #expect(rhythm.first(of: Limits.probesAtOnce, now: Self.start) == Self.start)
            #expect(rhythm.next(after: Self.start, now: Self.start + .milliseconds(400)) == Self.start + .seconds(5))
            // A probe that timed out took all of its interval, and a little more.
            let timedOut = Self.start + .milliseconds(5003)
            #expect(rhythm.next(after: Self.start, now: timedOut) == Self.start + .seconds(5))
            // After a stop of the process there is no burst of those missed.
            let muchLater = Self.start + .seconds(60)
            #expect(rhythm.next(after: Self.start, now: muchLater) == muchLater + .seconds(5))
        }
    }

    /// Each pace has an interval of its own, in which many keep their places.
    @Test(arguments: [1, 1000]) func eachPaceHasItsInterval(count: Int) {
        for number in 0..<min(count, 100) {
            let rhythm = ProbeRhythm(
                TargetID(rawValue: UInt32(number)), of: count, interval: .seconds(5), fast: .seconds(1),
                down: .seconds(20))
            for (pace, interval) in [(Health.Pace.steady, 5), (.changing, 1), (.down, 20)] {
                let first = rhythm.next(after: Self.start, now: Self.start, pace)
                let second = rhythm.next(after: first, now: first, pace)
                #expect(second - first == .seconds(interval))
                let gap = (first - Self.start) / .seconds(interval)
                #expect(gap >= 0.499 && gap < 1.5, "\(gap)")
            }
        }
    }

    /// Also among few of many, as a change brings them.
    @Test func aFewNewOnesOfManyStartAtOnce() {
        for count in 1...Limits.probesAtOnce {
            #expect(Self.rhythm(77, of: 100).first(of: count, now: Self.start) == Self.start)
        }
    }

    /// The first probes of many are spread over a second, or an interval that is shorter; then each has its place: no
    /// stretch of the interval has many more than its part.
    @Test(arguments: [9, 64, 1000, 4096], [Duration.milliseconds(100), .seconds(5), .seconds(60)])
    func manyAreSpreadEvenly(count: Int, interval: Duration) {
        let rhythms = (0..<count).map { Self.rhythm($0, of: count, interval: interval) }
        let first = rhythms.map { $0.first(of: count, now: Self.start) }
        Self.expectEven(first, over: min(.seconds(1), interval), from: Self.start)
        let second = zip(rhythms, first).map { $0.next(after: $1, now: $1) }
        for (first, second) in zip(first, second) {
            let gap = (second - first) / interval
            #expect(gap >= 0.499 && gap < 1.5, "\(gap)")
        }
        let third = zip(rhythms, second).map { $0.next(after: $1, now: $1) }
        #expect(zip(second, third).allSatisfy { $1 - $0 == interval })
        let length = interval.wholeNanoseconds
        let places = third.map { Instant(nanoseconds: $0.nanoseconds % length) }
        Self.expectEven(places, over: interval, from: Instant(nanoseconds: 0))
    }

    /// Every part of a span has as many instants as its length tells, and at most a few more or less.
    private static func expectEven(
        _ instants: [Instant], over span: Duration, from start: Instant, at location: SourceLocation = #_sourceLocation
    ) {
        let parts = 16
        var counts = [Int](repeating: 0, count: parts)
        for instant in instants {
            let part = Int((instant - start).wholeNanoseconds * UInt64(parts) / span.wholeNanoseconds)
            guard counts.indices.contains(part) else {
                Issue.record("\(instant) is outside", sourceLocation: location)
                return
            }
            counts[part] += 1
        }
        let even = Double(instants.count) / Double(parts)
        // The discrepancy of the golden ratio's multiples grows with the logarithm of their number.
        #expect(counts.allSatisfy { abs(Double($0) - even) <= 4 }, "\(counts)", sourceLocation: location)
    }

    /// Backends that leave make gaps, and no crowd.
    @Test func theRestStaysSpread() {
        let places = (0..<4096).filter { $0 % 3 == 0 }.map { number in
            let next = Self.rhythm(number, of: 4096).next(after: Self.start, now: Self.start)
            return Instant(nanoseconds: next.nanoseconds % (5 * Self.second))
        }
        Self.expectEven(places, over: .seconds(5), from: Instant(nanoseconds: 0))
    }

    /// All were due at the same time, as after a stall: with the next probe each is back at its place.
    @Test func manyAreBackAtTheirPlacesAfterAStall() {
        for now in [Self.start, Self.start + .seconds(60)] {
            let next = (0..<1000).map { Self.rhythm($0, of: 1000).next(after: Self.start, now: now) }
            #expect(next.allSatisfy { $0 >= now + .milliseconds(2499) && $0 < now + .milliseconds(7501) })
            Self.expectEven(
                next.map { Instant(nanoseconds: $0.nanoseconds % (5 * Self.second)) }, over: .seconds(5),
                from: Instant(nanoseconds: 0))
        }
    }

    /// One that is late keeps its place.
    @Test func oneThatIsLateKeepsItsPlace() {
        let rhythm = Self.rhythm(17, of: 100)
        let due = rhythm.next(after: Self.start, now: Self.start)
        #expect(rhythm.next(after: due, now: due + .seconds(9)) == due + .seconds(5))
    }
}
