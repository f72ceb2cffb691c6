import TestSupport

/// A whole run follows from one printed seed.
typealias SeededGenerator = SplitMix64

extension SeededGenerator {
    /// True with a probability of `percent`.
    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}
