import Testing

@testable import Reactor

@Suite struct LookOnTests {
    private static let window: UInt64 = 20_000

    @Test func withoutATimeItIsNeverWorthIt() {
        #expect(!LookOn(nanoseconds: 0).isWorthIt)
        #expect(LookOn(nanoseconds: 1).isWorthIt)
    }

    @Test func aLoopThatItNeverPaysForStopsSoon() {
        var look = LookOn(nanoseconds: Self.window)
        var looks = 0
        for _ in 0..<1_000 {
            if look.isWorthIt {
                looks += 1
                look.foundNothing()
            }
            look.slept(1_000_000)
        }
        #expect(looks <= 4)
    }

    @Test func shortSleepsBringItBack() {
        var look = LookOn(nanoseconds: Self.window)
        while look.isWorthIt { look.foundNothing() }
        var sleeps = 0
        while !look.isWorthIt, sleeps < 10 {
            look.slept(2 * Self.window)
            sleeps += 1
        }
        #expect(sleeps == 2)
    }

    /// Events that come just after each look: no more than a third of the waits is spent on it.
    @Test func eventsThatComeTooLateCostAThird() {
        var look = LookOn(nanoseconds: Self.window)
        var looks = 0
        for _ in 0..<3_000 {
            if look.isWorthIt {
                looks += 1
                look.foundNothing()
            } else {
                look.slept(Self.window + 1)
            }
        }
        #expect(looks <= 1_005)
    }

    /// One success makes up for half a failure, and successes are not saved up.
    @Test func aChangeOfPaceIsSeenSoon() {
        var look = LookOn(nanoseconds: Self.window)
        for _ in 0..<1_000 { look.found() }
        var looks = 0
        while look.isWorthIt {
            looks += 1
            look.foundNothing()
        }
        #expect(looks == 4)
    }
}
