/// The durations that an option takes, and how they are written: a number and its unit, `500ms`, `5s`, `1.5m`, `1h`,
/// `2d`. A number without a unit is in seconds. Where all are short, in `us` and `ms`.
public struct DurationRange: CustomStringConvertible, Sendable {
    private let range: ClosedRange<Duration>

    /// The units and their length in microseconds, the longest first.
    private static let units: [(name: String, microseconds: Int64)] = [
        ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1000), ("us", 1),
    ]
    /// The format in one line, for help texts and error messages.
    public static let format = "a number and its unit, ms, s, m, h or d (500ms, 5s, 1.5m, 1h, 2d)"
    private static let shortFormat = "a number and its unit, us or ms (20us, 0.5ms)"

    /// All durations of `range`, in whole milliseconds; in whole microseconds if none is longer than a second.
    public init(_ range: ClosedRange<Duration>) {
        self.range = range
    }

    private var isShort: Bool { range.upperBound <= .seconds(1) }
    private var stepMicroseconds: Int64 { isShort ? 1 : 1000 }

    /// The duration that `text` is; the error gives the format or the bounds.
    public func parse(_ text: String) throws(ArgumentFault) -> Duration {
        let number = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        let name = text.dropFirst(number.count)
        guard let value = Double(number),
            let unit = Self.units.first(where: { $0.name == (name.isEmpty ? "s" : name) }),
            unit.microseconds >= stepMicroseconds
        else {
            throw ArgumentFault("a duration from \(self) is needed: \(isShort ? Self.shortFormat : Self.format)")
        }
        // Compared before the conversion: an integer may not hold it.
        let exact = value * Double(unit.microseconds)
        let steps = (exact / Double(stepMicroseconds)).rounded()
        guard exact >= Double(range.lowerBound.wholeMicroseconds),
            steps <= Double(range.upperBound.wholeMicroseconds / stepMicroseconds),
            case let duration = Duration.microseconds(Int64(steps) * stepMicroseconds), range.contains(duration)
        else { throw ArgumentFault("a duration from \(self) is needed") }
        return duration
    }

    /// `10ms to 365d`
    public var description: String { "\(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))" }

    /// The shortest text that parses to the same duration: `5s`, `1h`, `1500ms`.
    public static func text(_ duration: Duration) -> String {
        let microseconds = duration.wholeMicroseconds
        let unit = units.first { microseconds.isMultiple(of: $0.microseconds) } ?? ("us", 1)
        return microseconds == 0 ? "0s" : "\(microseconds / unit.microseconds)\(unit.name)"
    }
}

extension Duration {
    fileprivate var wholeMicroseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
