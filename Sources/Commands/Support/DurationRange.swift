import ArgumentParser

/// A duration as an argument: a number and its unit, `500ms`, `5s`, `1.5m`, `1h`. A number without a unit is in
/// seconds.
public struct DurationArgument: ExpressibleByArgument, CustomStringConvertible, Sendable {
    /// The duration; never negative.
    public let duration: Duration

    /// The units and their length in milliseconds, the longest first.
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]
    /// A year: more than any useful timeout, and small enough that arithmetic with instants cannot overflow.
    private static let millisecondsMax = 365.0 * 24 * 3_600_000

    /// Wraps a duration that the program itself chooses, such as a default.
    public init(_ duration: Duration) {
        self.duration = duration
    }

    /// Parses an argument; nil when it is not a duration, negative, or longer than a year.
    public init?(argument: String) {
        let number = argument.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        let name = argument.dropFirst(number.count)
        guard !number.isEmpty, let value = Double(number),
            let unit = Self.units.first(where: { $0.name == (name.isEmpty ? "s" : name) })
        else { return nil }
        let milliseconds = value * Double(unit.milliseconds)
        guard milliseconds <= Self.millisecondsMax else { return nil }
        duration = .milliseconds(Int64(milliseconds.rounded()))
    }

    /// The shortest text that parses to the same duration: `5s`, `1h`, `1500ms`.
    public var description: String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        let unit = Self.units.first { milliseconds.isMultiple(of: $0.milliseconds) } ?? ("ms", 1)
        return milliseconds == 0 ? "0s" : "\(milliseconds / unit.milliseconds)\(unit.name)"
    }
    /// The default value as shown in help.
    public var defaultValueDescription: String { description }
}
