import Histogram

/// Records latencies with three significant digits, from a nanosecond to a minute.
struct LatencyRecorder {
    private var histogram = Histogram<UInt32>(
        highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)

    mutating func record(_ nanoseconds: UInt64) {
        histogram.record(min(nanoseconds, 60_000_000_000))
    }

    mutating func reset() { histogram.reset() }

    /// The percentiles of the recorded latencies; nil when none was recorded.
    var latency: Latency? {
        guard histogram.totalCount > 0 else { return nil }
        func microseconds(_ percentile: Double) -> Double { Double(histogram.valueAtPercentile(percentile)) / 1000 }
        return Latency(
            count: histogram.totalCount, mean: histogram.mean / 1000, p50: microseconds(50), p90: microseconds(90),
            p99: microseconds(99), p999: microseconds(99.9), max: Double(histogram.maxRecorded) / 1000)
    }
}

/// The latencies of the exchanges in a window, in microseconds.
public struct Latency: Codable, Equatable, Sendable {
    /// The number of exchanges.
    public var count: UInt64
    /// The mean.
    public var mean: Double
    /// The median.
    public var p50: Double
    /// The 90th percentile.
    public var p90: Double
    /// The 99th percentile.
    public var p99: Double
    /// The 99.9th percentile.
    public var p999: Double
    /// The longest latency.
    public var max: Double
}
