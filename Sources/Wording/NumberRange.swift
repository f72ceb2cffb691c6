/// The numbers that an option takes.
public struct NumberRange<Number: Comparable & LosslessStringConvertible & Sendable>: CustomStringConvertible, Sendable
{
    private let range: ClosedRange<Number>

    /// All numbers of `range`.
    public init(_ range: ClosedRange<Number>) {
        self.range = range
    }

    /// The number that `text` is; the error says which numbers are allowed.
    public func parse(_ text: String) throws(ArgumentFault) -> Number {
        // Swift's own initialisers also take "+5", "nan" and "0x10".
        let isPlain = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".")
        }
        guard isPlain, let number = Number(text), range.contains(number) else {
            throw ArgumentFault("a number from \(self) is needed")
        }
        return number
    }

    /// `1 to 1000`
    public var description: String { "\(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))" }

    private static func text(_ number: Number) -> String {
        let text = String(number)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
