/// Shares as they are written, `12.5%`, and as numbers of millionths.
enum ShareText {
    /// The decimals of a percentage that a millionth has.
    private static let decimals = 4
    private static let perPercent = 10_000

    /// nil for anything but digits, at most four decimals, and a percent sign. The whole has at most four digits.
    static func parse(_ text: String) -> Int? {
        guard text.hasSuffix("%") else { return nil }
        let parts = text.dropLast().split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count),
            parts.allSatisfy({ !$0.isEmpty && $0.utf8.count <= decimals && $0.utf8.allSatisfy(isDigit) }),
            let whole = Int(parts[0])
        else { return nil }
        guard parts.count == 2 else { return whole * perPercent }
        let fraction = String(parts[1]) + String(repeating: "0", count: decimals - parts[1].utf8.count)
        return Int(fraction).map { whole * perPercent + $0 }
    }

    /// `12.5%`
    static func text(_ millionths: Int) -> String {
        let digits = String(perPercent + millionths % perPercent).dropFirst()
        let fraction = String(digits.reversed().drop { $0 == "0" }.reversed())
        return "\(millionths / perPercent)\(fraction.isEmpty ? "" : "." + fraction)%"
    }

    static func needed(_ range: ClosedRange<Int>) -> String {
        "a share from \(text(range.lowerBound)) to \(text(range.upperBound))"
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
