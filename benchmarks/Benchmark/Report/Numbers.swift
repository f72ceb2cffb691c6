/// Formats numbers for reading: three significant digits, thousands separated.
enum Numbers {
    /// `0.052`, `0.79`, `15.2`, `178`, `12,345`.
    static func short(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        let size = abs(value)
        return switch size {
        case 0: "0"
        case _ where value == value.rounded() && size < 100: fixed(value, 0)
        case ..<0.1: fixed(value, 3)
        case ..<10: fixed(value, 2)
        case ..<100: fixed(value, 1)
        default: thousands(value)
        }
    }

    static func short(_ value: Double?) -> String { value.map { short($0) } ?? "-" }

    /// The value with `digits` digits after the decimal point.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = (abs(value) * scale).rounded()
        guard scaled < 1e15 else { return "\(value)" }
        let whole = Int(scaled / scale)
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(whole)" }
        let rest = String(Int(scaled) - whole * Int(scale))
        return "\(sign)\(whole).\(String(repeating: "0", count: digits - rest.count))\(rest)"
    }

    private static func thousands(_ value: Double) -> String {
        guard abs(value) < 1e15 else { return "\(value)" }
        var digits = Array(String(Int(abs(value).rounded())))
        var place = digits.count - 3
        while place > 0 {
            digits.insert(",", at: place)
            place -= 3
        }
        return (value < 0 ? "-" : "") + String(digits)
    }
}
