import Testing

@testable import Balancer

@Suite struct TurnLengthsTests {
    /// Each length is in one bucket, whose end is above it, by a quarter at most.
    @Test func bucketsFollowEachOther() {
        var last = 0
        for length in sequence(first: UInt64(0), next: { $0 + 100 + $0 / 64 }) {
            let bucket = TurnLengths.bucket(of: length)
            #expect(bucket == last || bucket == last + 1)
            last = bucket
            guard bucket < 79 else { break }
            let end = TurnLengths.end(ofBucket: bucket)
            #expect(end > length)
            #expect(bucket == 0 || TurnLengths.end(ofBucket: bucket - 1) <= length)
            #expect(end <= 4096 || Double(end) <= Double(length) * 1.25 + 1024)
        }
        #expect(TurnLengths.bucket(of: .max) == 79)
    }

    @Test func theTurnsSinceTheLastQuestion() {
        let (first, second) = (TurnLengths(), TurnLengths())
        var reader = TurnReader()
        #expect(reader.read([first, second]) == RecentTurns())
        for _ in 0..<990 { first.add(nanoseconds: 15_000) }
        for _ in 0..<9 { second.add(nanoseconds: 200_000) }
        second.add(nanoseconds: 7_000_001)
        let turns = reader.read([first, second])
        #expect(turns.count == 1000 && turns.longest == 7_000_001)
        #expect(turns.percentile99 > 15_000 && turns.percentile99 < 20_000)
        #expect(reader.read([first, second]) == RecentTurns())
        first.add(nanoseconds: 30_000)
        // No more than the longest, whatever the bucket's end is.
        #expect(reader.read([first, second]) == RecentTurns(count: 1, percentile99: 30_000, longest: 30_000))
    }
}
