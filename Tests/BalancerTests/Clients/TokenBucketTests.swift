import Reactor
import TestSupport
import Testing

@testable import Balancer

@Suite struct TokenBucketTests {
    private static func randomRate(_ dice: inout SplitMix64) -> Rate {
        let per: Duration =
            [.seconds(1), .seconds(60), .seconds(3600), .milliseconds(7), .nanoseconds(10)]
            .randomElement(using: &dice) ?? .seconds(1)
        return Rate(count: [1, 3, 7, 1000, 999_983].randomElement(using: &dice) ?? 1, per: per)
    }

    /// Tokens that were taken between any two moments: at most the burst, and what the rate brings, in exact fractions.
    @Test(arguments: UInt64(1)...100) func neverMoreThanTheRate(seed: UInt64) {
        var dice = SplitMix64(seed: seed)
        let rate = Self.randomRate(&dice)
        let burst = Int.random(in: 1...20, using: &dice)
        let interval = TokenRhythm(rate, burst: burst).interval
        var now = dice.next() >> 2
        var bucket = TokenBucket(rate, burst: burst, now: now)
        var taken: [UInt64] = []
        for _ in 0..<400 {
            if bucket.take(now: now) { taken.append(now) }
            // Also steps far below the interval, none at all, and many at once.
            let most: UInt64 = [0, interval / 9, interval, 3 * interval].randomElement(using: &dice) ?? 0
            now += UInt64.random(in: 0...most, using: &dice)
        }
        #expect(taken.count >= burst, "seed \(seed)")
        let per = UInt128(rate.per.wholeNanoseconds)
        for first in taken.indices {
            for last in first..<taken.count {
                let most = UInt128(burst) * per + UInt128(taken[last] - taken[first]) * UInt128(rate.count)
                guard UInt128(last - first + 1) * per <= most else {
                    Issue.record("seed \(seed): \(rate), \(burst): \(first)...\(last)")
                    return
                }
            }
        }
    }

    /// Whoever waits as long as it is told has a token then, and not a nanosecond earlier.
    @Test(arguments: UInt64(1)...100) func neverStarves(seed: UInt64) {
        var dice = SplitMix64(seed: seed)
        let rate = Self.randomRate(&dice)
        let burst = Int.random(in: 1...20, using: &dice)
        let rhythm = TokenRhythm(rate, burst: burst)
        var now = dice.next() >> 2
        let start = now
        var bucket = TokenBucket(rate, burst: burst, now: now)
        var taken: UInt64 = 0
        for _ in 0..<300 {
            let wait = bucket.wait(now: now)
            #expect(wait <= rhythm.interval, "seed \(seed)")
            if wait > 0 {
                #expect(bucket.wait(now: now + wait - 1) == 1, "seed \(seed)")
                var early = bucket
                #expect(!early.take(now: now + wait - 1) as Bool, "seed \(seed)")
            }
            now += wait
            #expect(bucket.take(now: now) as Bool, "seed \(seed)")
            taken += 1
        }
        #expect(taken == UInt64(burst) + (now - start) / rhythm.interval, "seed \(seed)")
        #expect(!bucket.isFull(now: now) as Bool)
        #expect(bucket.isFull(now: now + rhythm.span) as Bool)
    }

    /// A clock that goes anywhere, by years: what is taken fits the time that went forward, and no wait is longer than
    /// the interval. Beyond 292 years nothing comes any more.
    @Test(arguments: UInt64(1)...100) func anyClock(seed: UInt64) {
        var dice = SplitMix64(seed: seed)
        let rate = Self.randomRate(&dice)
        let burst = Int.random(in: 1...20, using: &dice)
        let rhythm = TokenRhythm(rate, burst: burst)
        var now = dice.next()
        var bucket = TokenBucket(rate, burst: burst, now: now)
        var forward: UInt128 = 0
        var taken = 0
        for _ in 0..<500 {
            let next: UInt64
            switch Int.random(in: 0..<8, using: &dice) {
            case 0: next = dice.next()
            case 1: next = [0, .max, 1 << 63, 1 << 62].randomElement(using: &dice) ?? 0
            case 2: next = now < rhythm.interval ? 0 : now - rhythm.interval
            case 3: next = now
            default: next = now > .max - rhythm.interval ? .max : now + rhythm.interval / 2
            }
            forward += next > now ? UInt128(next - now) : 0
            now = next
            let isTaken = bucket.take(now: now)
            taken += isTaken ? 1 : 0
            #expect(bucket.wait(now: now) <= rhythm.interval, "seed \(seed)")
            let most = UInt128(burst) + forward / UInt128(rhythm.interval)
            #expect(UInt128(taken) <= most, "seed \(seed): \(taken) of \(most)")
        }
        // It goes on from wherever the clock is.
        now = dice.next() >> 2
        _ = bucket.take(now: now)
        now += bucket.wait(now: now)
        #expect(bucket.take(now: now) as Bool, "seed \(seed)")
    }

    @Test func aClockThatStands() {
        var bucket = TokenBucket(Rate(count: 10, per: .seconds(1)), burst: 3, now: 77)
        let taken = (0..<5).map { _ in bucket.take(now: 77) }
        #expect(taken == [true, true, true, false, false])
        #expect(bucket.wait(now: 77) == 100_000_000)
    }

    @Test func ratesAndBursts() {
        #expect(Rate(count: 10, per: .seconds(1)).burst == 10)
        #expect(Rate(count: 600, per: .seconds(60)).burst == 10)
        #expect(Rate(count: 3, per: .seconds(1)).burst == 3)
        #expect(Rate(count: 5, per: .seconds(3600)).burst == 1)
        #expect(Rate(count: 5, per: .milliseconds(1)).burst == 5000)
        #expect(Rate(count: 1_999_999_999, per: .seconds(2)).burst == 999_999_999)
        #expect(TokenRhythm(Rate(count: 3, per: .seconds(1)), burst: nil).interval == 333_333_334)
        #expect(TokenRhythm(Rate(count: 3, per: .seconds(1)), burst: nil).span == 1_000_000_002)
    }

    /// Senseless values are no trap, and there is a token at once.
    @Test(
        arguments: [Int.min, -1, 0, 1, Int.max],
        [Duration.seconds(Int64.min), .zero, .nanoseconds(1), .seconds(Int64.max)])
    func anyRate(count: Int, per: Duration) {
        for burst in [nil, Int.min, 0, 1, Int.max] {
            for now in [0, 1, 1 << 63, UInt64.max] {
                var bucket = TokenBucket(Rate(count: count, per: per), burst: burst, now: now)
                #expect(bucket.isFull(now: now) && bucket.wait(now: now) == 0)
                #expect(bucket.take(now: now) as Bool)
                #expect(!bucket.isFull(now: now) as Bool)
                bucket.change(to: Rate(count: per == .zero ? 1 : 7, per: .seconds(1)), burst: 2, now: now)
                _ = bucket.take(now: now)
                bucket.change(to: Rate(count: count, per: per), burst: burst, now: 0)
                _ = bucket.take(now: .max)
            }
        }
    }

    private static func tokens(_ bucket: TokenBucket, now: UInt64) -> Int {
        var bucket = bucket
        return (0..<100).prefix { _ in bucket.take(now: now) }.count
    }

    @Test func tokensStayWhenTheRateChanges() {
        var bucket = TokenBucket(Rate(count: 10, per: .seconds(1)), burst: 8, now: 1000)
        for _ in 0..<3 { _ = bucket.take(now: 1000) }
        bucket.change(to: Rate(count: 1, per: .seconds(3600)), burst: 20, now: 1000)
        #expect(Self.tokens(bucket, now: 1000) == 5)
        bucket.change(to: Rate(count: 1000, per: .seconds(1)), burst: 4, now: 1000)
        #expect(Self.tokens(bucket, now: 1000) == 4)
        bucket.change(to: Rate(count: 1, per: .seconds(1)), burst: 50, now: 1000)
        #expect(Self.tokens(bucket, now: 1000) == 4)
        #expect(Self.tokens(bucket, now: 1000 + 2_000_000_000) == 6)
    }
}
