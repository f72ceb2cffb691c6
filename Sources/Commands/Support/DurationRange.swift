/// The durations that an option takes, and how they are written: a number and its unit, `500ms`, `5s`, `1.5m`, `1h`,
/// `2d`. A number without a unit is in seconds.
public struct DurationRange: CustomStringConvertible, Sendable {
    private let range: ClosedRange<Duration>

    /// The units and their length in milliseconds, the longest first.
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]
    /// The format in one line, for help texts and error messages.
    public static let format = "a number and its unit, ms, s, m, h or d (500ms, 5s, 1.5m, 1h, 2d)"

    /// All durations of `range`, in whole milliseconds.
    public init(_ range: ClosedRange<Duration>) {
        self.range = range
    }

    /// The duration that `text` is; the error gives the format or the bounds.
    public func parse(_ text: String) throws(ArgumentFault) -> Duration {
        let number = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        let name = text.dropFirst(number.count)
        guard let value = Double(number), let unit = Self.units.first(where: { $0.name == (name.isEmpty ? "s" : name) })
        else { throw ArgumentFault("a duration from \(self) is needed: \(Self.format)") }
        // Compared before the conversion: an integer may not hold it.
        let milliseconds = value * Double(unit.milliseconds)
        guard milliseconds <= Double(range.upperBound.wholeMilliseconds),
            case let duration = Duration.milliseconds(Int64(milliseconds.rounded())), range.contains(duration)
        else { throw ArgumentFault("a duration from \(self) is needed") }
        return duration
    }

    /// `10ms to 365d`
    public var description: String { "\(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))" }

    /// The shortest text that parses to the same duration: `5s`, `1h`, `1500ms`.
    public static func text(_ duration: Duration) -> String {
        let milliseconds = duration.wholeMilliseconds
        let unit = units.first { milliseconds.isMultiple(of: $0.milliseconds) } ?? ("ms", 1)
        return milliseconds == 0 ? "0s" : "\(milliseconds / unit.milliseconds)\(unit.name)"
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
