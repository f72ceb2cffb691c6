/// The median and the range of a few values.
public struct Spread: Codable, Equatable, Sendable {
    /// The middle value, or the mean of the two middle values.
    public var median: Double
    /// The smallest value.
    public var min: Double
    /// The largest value.
    public var max: Double

    /// The spread of values; nil when there are none, or one is not finite.
    public init?(_ values: [Double]) {
        guard let first = values.first, values.allSatisfy(\.isFinite) else { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        median = sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
        min = sorted.first ?? first
        max = sorted.last ?? first
    }

    /// True when the two ranges do not overlap. If both have `n` values of the same distribution, this happens by
    /// chance in 2 of (2n over n) cases: 1 of 10 with three values, 1 of 126 with five.
    public func differs(from other: Spread) -> Bool { max < other.min || min > other.max }
}
