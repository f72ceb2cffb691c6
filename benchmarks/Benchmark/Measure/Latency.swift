import Histogram

/// Latencies as they are recorded: three significant digits from a nanosecond to a minute.
struct LatencyRecorder {
    private var histogram = Histogram<UInt32>(
        highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)

    mutating func record(_ nanoseconds: UInt64) {
        histogram.record(min(nanoseconds, 60_000_000_000))
    }

    mutating func reset() { histogram.reset() }

    /// What was recorded; nil when nothing was.
    var latency: Latency? {
        guard histogram.totalCount > 0 else { return nil }
        func microseconds(_ percentile: Double) -> Double { Double(histogram.valueAtPercentile(percentile)) / 1000 }
        return Latency(
            count: histogram.totalCount, mean: histogram.mean / 1000, p50: microseconds(50), p90: microseconds(90),
            p99: microseconds(99), p999: microseconds(99.9), max: Double(histogram.maxRecorded) / 1000)
    }
}

/// How long things took, in microseconds.
public struct Latency: Codable, Equatable, Sendable {
    /// How many were timed.
    public var count: UInt64
    /// The mean.
    public var mean: Double
    /// The median.
    public var p50: Double
    /// What 90 % stayed below.
    public var p90: Double
    /// What 99 % stayed below.
    public var p99: Double
    /// What 99.9 % stayed below.
    public var p999: Double
    /// The longest.
    public var max: Double
}
