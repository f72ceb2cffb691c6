import Testing

@testable import Benchmark

/// The check that the bytes that come back are those that were sent.
@Suite struct PatternTests {
    private let start = 12_345

    @Test func aStreamMatchesItselfAtAnyPosition() {
        let pattern = Pattern()
        for position in [0, 1, 65_520, 65_521, 1_000_000_007] as [UInt64] {
            let run = unsafe pattern.run(start: start, position: position, count: 4096)
            #expect(unsafe pattern.matches(run, start: start, position: position))
        }
    }

    @Test func everySingleWrongByteIsDetected() {
        let pattern = Pattern()
        var bytes = unsafe Array(pattern.run(start: start, position: 700, count: 64))
        for place in bytes.indices {
            bytes[place] ^= 1
            let matches = unsafe bytes.withUnsafeBytes { unsafe pattern.matches($0, start: start, position: 700) }
            #expect(!matches, "byte \(place)")
            bytes[place] ^= 1
        }
    }

    @Test(arguments: [1, 64, 4096, 16_384, 65_536, 262_144, 1_048_576])
    func bytesOfAnotherPositionAreDetected(distance: UInt64) {
        let pattern = Pattern()
        let run = unsafe pattern.run(start: start, position: 0, count: 64)
        #expect(unsafe !pattern.matches(run, start: start, position: distance))
    }

    @Test(arguments: Wish.allCases)
    func aConnectionBeginsWithItsWish(wish: Wish) {
        let pattern = Pattern()
        for number in 0..<100 {
            let run = unsafe pattern.run(start: pattern.start(of: wish, number: number), position: 0, count: 1)
            #expect(unsafe run[0] == wish.rawValue)
        }
    }

    @Test func connectionsBeginAtDifferentPositions() {
        let pattern = Pattern()
        #expect(Set((0..<100).map { pattern.start(of: .echo, number: $0) }).count == 100)
    }
}

/// The times at which the requests of an open loop are due.
@Suite struct ArrivalTests {
    @Test func requestsKeepTheirInstantsAfterADelay() {
        var arrivals = Arrivals(start: 1000, rate: 1_000_000)
        #expect(arrivals.take(now: 999, before: .max) == nil)
        #expect(arrivals.take(now: 1000, before: .max) == 1000)
        #expect(arrivals.take(now: 1999, before: .max) == nil)
        // After a pause all requests that were due meanwhile follow, each with its own instant.
        #expect(arrivals.take(now: 4500, before: .max) == 2000)
        #expect(arrivals.take(now: 4500, before: .max) == 3000)
        #expect(arrivals.take(now: 4500, before: .max) == 4000)
        #expect(arrivals.take(now: 4500, before: .max) == nil)
    }

    @Test func noRequestIsTakenAfterTheEnd() {
        var arrivals = Arrivals(start: 0, rate: 1_000_000)
        #expect(arrivals.take(now: 5000, before: 1000) == 0)
        #expect(arrivals.take(now: 5000, before: 1000) == nil)
        #expect(arrivals.next == 1000)
    }
}
