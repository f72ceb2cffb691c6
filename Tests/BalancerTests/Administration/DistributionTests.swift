import Testing

@testable import Balancer

/// Distributions of times: what metrics and quantiles are made of.
@Suite struct DistributionTests {
    @Test("the written-out buckets are those of the bounds", arguments: Distribution.allCases)
    func buckets(distribution: Distribution) {
        let bounds = distribution.bounds
        #expect(bounds == bounds.sorted() && Set(bounds).count == bounds.count)
        #expect(distribution.bucketCount == bounds.count + 1)
        #expect(distribution.bucket(of: 0) == 0)
        for (place, bound) in bounds.enumerated() {
            #expect(distribution.bucket(of: bound - 1) == place)
            #expect(distribution.bucket(of: bound) == place)
            #expect(distribution.bucket(of: bound + 1) == place + 1)
        }
        #expect(distribution.bucket(of: .max) == bounds.count)
    }

    @Test("no distribution of a row shares a place with a counter or with another distribution of that row")
    func places() {
        for distribution in Distribution.allCases {
            #expect(distribution.firstPlace >= Counter.count)
            #expect(distribution.sumPlace < Distribution.placesEnd)
        }
        // A backend's row has both.
        #expect(Distribution.connects.sumPlace < Distribution.durations.firstPlace)
    }

    @Test("each time is in one bucket, and the sum is that of all loops")
    func sums() {
        let counters = LoopCounters(loops: 2)
        counters.cells(ofLoop: 0).add(.connects, nanoseconds: 100_000)
        counters.cells(ofLoop: 0).add(.connects, nanoseconds: 300_000)
        counters.cells(ofLoop: 1).add(.connects, nanoseconds: 300_000)
        counters.cells(ofLoop: 1).add(.durations, nanoseconds: 50_000_000_000_000)
        let connects = counters[times: .connects]
        #expect(connects.buckets.prefix(3) == [1, 0, 2] && connects.buckets.reduce(0, +) == 3)
        #expect(connects.sumMicroseconds == 700)
        let durations = counters[times: .durations]
        #expect(durations.buckets.last == 1 && durations.buckets.reduce(0, +) == 1)
        #expect(durations.sumMicroseconds == 50_000_000_000)
        // Ordinary counters are not touched.
        #expect(Counter.allCases.allSatisfy { counters[$0] == 0 })
    }

    @Test("a quantile is the upper bound of its bucket; there is none without times, nor beyond the last bound")
    func quantiles() {
        let counters = LoopCounters(loops: 1)
        let bounds = Distribution.queueWaits.bounds
        #expect(counters[times: .queueWaits].quantile(0.5, bounds: bounds) == nil)
        for _ in 0..<98 { counters.cells(ofLoop: 0).add(.queueWaits, nanoseconds: 5_000_000) }
        for _ in 0..<2 { counters.cells(ofLoop: 0).add(.queueWaits, nanoseconds: 40_000_000_000) }
        let waits = counters[times: .queueWaits]
        #expect(waits.quantile(0, bounds: bounds) == 1_000_000)
        #expect(waits.quantile(0.5, bounds: bounds) == 10_000_000)
        #expect(waits.quantile(0.98, bounds: bounds) == 10_000_000)
        #expect(waits.quantile(0.99, bounds: bounds) == nil)
    }
}
