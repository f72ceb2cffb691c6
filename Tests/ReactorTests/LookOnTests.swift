import Testing

@testable import Reactor

@Suite struct LookOnTests {
    private static let window: UInt64 = 20_000

    @Test func withoutATimeItIsNeverWorthIt() {
        #expect(!LookOn(nanoseconds: 0).isWorthIt)
        #expect(LookOn(nanoseconds: 1).isWorthIt)
    }

    /// How many looks in vain there are in `waits`, where a sleep instead of a look takes so long.
    private static func looksInVain(in waits: Int, sleep: UInt64) -> Int {
        var look = LookOn(nanoseconds: window)
        var looks = 0
        for _ in 0..<waits {
            if look.isWorthIt {
                looks += 1
                look.foundNothing()
            } else {
                look.slept(sleep)
            }
        }
        return looks
    }

    @Test func aLoopThatItNeverPaysForStopsSoon() {
        #expect(Self.looksInVain(in: 1_000, sleep: 1_000_000) == 4)
    }

    /// Events that come just after each look: a third of the waits is spent on it.
    @Test func eventsThatComeTooLateCostAThird() {
        #expect((1_000...1_005).contains(Self.looksInVain(in: 3_000, sleep: Self.window + 1)))
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
