import Testing

@testable import Reactor

@Suite struct LookOnTests {
    /// A loop that handles one event per wait, and what it costs.
    private struct Work {
        var lookOn = LookOn(nanoseconds: 40_000)
        var processorTime: UInt64 = 0
        var looks = 0
        var events = 1

        /// So many waits, and how many of them began with a look. `look` is the cost of one that finds an event, nil when
        /// it finds none.
        mutating func wait(_ waits: Int, sleep: UInt64, look: (Int) -> UInt64?) -> Int {
            let before = looks
            for _ in 0..<waits {
                if lookOn.nextWaitLooks(processorTime) {
                    looks += 1
                    if let cost = look(looks) {
                        lookOn.found()
                        processorTime += cost
                    } else {
                        lookOn.foundNothing()
                        processorTime += lookOn.nanoseconds + sleep
                    }
                } else {
                    processorTime += sleep
                }
                lookOn.took(events)
            }
            return looks - before
        }
    }

    /// The first 64 waits are sleeps, and 64 in each 32,768.
    @Test func looksThatCostNoMoreAreMade() {
        var work = Work()
        #expect(work.wait(64, sleep: 20_000) { _ in 20_000 } == 0)
        #expect(work.wait(100_000, sleep: 20_000) { _ in 20_000 } >= 99_800)
    }

    @Test(arguments: [(22_000, true), (23_000, false)])
    func looksMayCostAnEighthMore(_ look: UInt64, pays: Bool) {
        var work = Work()
        let looks = work.wait(100_000, sleep: 20_000) { _ in look }
        #expect(pays ? looks > 99_000 : looks < 3_000, "\(looks)")
    }

    /// What a sleep costs, and how many events it serves.
    @Test func sleepsThatGatherEventsAreCheaper() {
        var work = Work()
        let waits = 100_000
        var looks = 0
        for _ in 0..<waits {
            // A look finds one event after 14 us; a sleep finds two for 20 us.
            let isLook = work.wait(1, sleep: 20_000) { _ in 14_000 } == 1
            looks += isLook ? 1 : 0
            if !isLook { work.lookOn.took(1) }
        }
        #expect(looks < 3_000, "\(looks)")
    }

    /// Two looks in each try; tries after 64, 128 ... 4,096 waits, and the 64 that are measured before each.
    @Test func aLoopThatItNeverPaysForSleeps() {
        var work = Work()
        #expect((20...70).contains(work.wait(100_000, sleep: 20_000) { _ in nil }))
    }

    @Test(arguments: [(5, false), (10, true)])
    func sixOfSevenLooksMustFindSomething(oneInVainOf period: Int, pays: Bool) {
        var work = Work()
        let looks = work.wait(200_000, sleep: 20_000) { $0 % period == 0 ? nil : 1_000 }
        #expect(pays ? looks > 190_000 : looks < 3_000, "\(looks)")
    }

    /// A conversation that begins after a long time without one is found at the next try.
    @Test func aConversationThatBeginsIsFound() {
        var work = Work()
        _ = work.wait(100_000, sleep: 20_000) { _ in nil }
        #expect(work.wait(100_000, sleep: 20_000) { _ in 15_000 } > 90_000)
    }

    /// One that ends costs three looks in vain.
    @Test func aConversationThatEndsIsNoticed() {
        var work = Work()
        _ = work.wait(10_000, sleep: 20_000) { _ in 15_000 }
        #expect(work.wait(64, sleep: 20_000) { _ in nil } == 3)
    }

    @Test func withoutATimeItIsNeverWorthIt() {
        var lookOn = LookOn(nanoseconds: 0)
        #expect((0..<1_000).allSatisfy { _ in !lookOn.nextWaitLooks(0) })
    }

    /// A clock that stands still does not hold the loop.
    @Test func theNumberOfLooksIsBounded() {
        #expect(LookOn(nanoseconds: 40_000).looksMax == 401)
    }
}
