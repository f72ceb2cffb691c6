import Testing

@testable import Balancer

@Suite struct RecyclePoolTests {
    /// Counts the ends of its elements.
    private final class Tally { var ended = 0 }

    private struct Element: ~Copyable {
        let tally: Tally
        deinit { tally.ended += 1 }
    }

    @Test func anElementIsMadeAheadOnce() {
        var pool = RecyclePool<Element>(max: 2, idleMax: 1)
        let tally = Tally()
        #expect(!pool.hasRoom as Bool)
        for _ in 0..<3 { pool.prepare { Element(tally: tally) } }
        #expect(pool.made == 1 && pool.taken == 0 && pool.hasRoom as Bool)
        #expect(pool.take { nil } == 0)
        #expect(!pool.hasRoom as Bool)
        pool.prepare { nil }
        #expect(!pool.hasRoom as Bool)
        pool.prepare { Element(tally: tally) }
        #expect(pool.take { nil } == 1)
        // There are as many as there may be.
        pool.prepare { Element(tally: tally) }
        #expect(!pool.hasRoom as Bool)
        pool.give(0)
        #expect(pool.hasRoom as Bool)
        #expect(pool.taken == 1 && pool.made == 2 && tally.ended == 0)
    }

    /// While many are in use some more are kept; in the end no more than are always kept.
    @Test func theMemoryOfABurstIsGivenBack() throws {
        for _ in 0..<3 {
            var pool = RecyclePool<Element>(max: 100, idleMax: 4)
            let tally = Tally()
            for round in 1...3 {
                var places: [Int32] = []
                for _ in 0..<100 { places.append(try #require(pool.take { Element(tally: tally) } as Int32?)) }
                #expect(pool.take { Element(tally: tally) } == nil)
                for place in places.prefix(20) { pool.give(place) }
                #expect(pool.made == 100, "20 of 100 are spare")
                for place in places.dropFirst(20).prefix(60) { pool.give(place) }
                #expect(pool.made == 30 && pool.taken == 20)
                for place in places.dropFirst(80) { pool.give(place) }
                #expect(pool.made == 4 && pool.taken == 0)
                #expect(tally.ended == 96 * round)
            }
        }
    }
}
