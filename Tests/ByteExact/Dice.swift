import TestSupport

/// Everything that a session does follows from the seed of the run and the session's number.
struct Dice: RandomNumberGenerator {
    private var numbers: SplitMix64

    /// The dice of one session.
    init(seed: UInt64, session: UInt64) {
        numbers = SplitMix64(seed: seed &* 0xD6E8_FEB8_6659_FD93 ^ session)
        // Neighbouring numbers would otherwise give neighbouring states.
        numbers = SplitMix64(seed: numbers.next())
    }

    mutating func next() -> UInt64 { numbers.next() }

    /// A number of the range, each with the same probability.
    mutating func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// A number of the range, each order of magnitude with the same probability. The range begins above 0.
    mutating func magnitude(_ range: ClosedRange<Int>) -> Int {
        let steps = 64 - (range.upperBound / range.lowerBound).leadingZeroBitCount
        let top = range.lowerBound << pick(0...steps)
        return min(max(pick(top / 2...top), range.lowerBound), range.upperBound)
    }

    /// True with a probability of `percent`.
    mutating func chance(_ percent: Int) -> Bool { pick(1...100) <= percent }

    /// One of several values, each with the probability of its weight.
    mutating func draw<Value>(_ values: (weight: Int, value: Value)...) -> Value {
        var left = pick(1...values.reduce(0) { $0 + $1.weight })
        for (weight, value) in values {
            left -= weight
            if left <= 0 { return value }
        }
        return values[0].value
    }
}
