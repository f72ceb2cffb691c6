/// Numbers as people read them in a table. Each has at most six characters, except ``grouped(_:)``.
public enum Figures {
    /// `1,234,567`
    public static func grouped(_ number: Int) -> String {
        let digits = String(number.magnitude)
        var text = ""
        for (place, digit) in digits.enumerated() {
            if place > 0, (digits.count - place).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return number < 0 ? "-" + text : text
    }

    /// `1,234,567`
    public static func grouped(_ number: UInt64) -> String { grouped(Int(clamping: number)) }

    /// A number of things or bytes, or of either in a second: `0`, `3.4`, `120`, `9999`, `12.3k`, `4.1M`; a step is
    /// 1,000.
    public static func short(_ number: Double) -> String {
        guard number.isFinite, number > 0 else { return "0" }
        if number < 9.95 { return number == number.rounded() ? decimal(number, 0) : decimal(number, 1) }
        if number < 9999.5 { return decimal(number, 0) }
        var rest = number
        for unit in ["k", "M", "G", "T", "P"] {
            rest /= 1000
            if rest < 99.95 { return decimal(rest, 1) + unit }
            if rest < 999.5 { return decimal(rest, 0) + unit }
        }
        return ">999P"
    }

    /// A number of things or bytes.
    public static func short(_ number: UInt64) -> String { short(Double(number)) }

    /// No process runs longer than 273 years.
    private static let daysMax = 99_999.0

    /// A time that has passed: `0s`, `45s`, `10m`, `3m12s`, `3h12m`, `5d03h`, `400d`.
    public static func age(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds > 0 else { return "0s" }
        let whole = Int(min(seconds, daysMax * 86_400))
        switch whole {
        case ..<60: return "\(whole)s"
        case ..<3600: return "\(whole / 60)m" + padded(whole % 60, "s")
        case ..<86_400: return "\(whole / 3600)h" + padded(whole / 60 % 60, "m")
        case ..<8_640_000: return "\(whole / 86_400)d" + padded(whole / 3600 % 24, "h")
        default: return "\(whole / 86_400)d"
        }
    }

    /// A short time, of a connect or of a turn: `96us`, `0.4ms`, `120ms`, `2.5s`, `30s`.
    public static func time(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds > 0 else { return "0" }
        if seconds < 99.5e-6 { return decimal(seconds * 1e6, 0) + "us" }
        if seconds < 9.95e-3 { return decimal(seconds * 1e3, 1) + "ms" }
        if seconds < 0.9995 { return decimal(seconds * 1e3, 0) + "ms" }
        if seconds < 9.95 { return decimal(seconds, 1) + "s" }
        return age(seconds)
    }

    /// A share of 1: `12%`.
    public static func percent(_ share: Double) -> String {
        guard share.isFinite, share > 0 else { return "0%" }
        return decimal(min(share * 100, 99_999), 0) + "%"
    }

    /// Of nothing, nothing.
    private static func padded(_ number: Int, _ unit: String) -> String {
        number == 0 ? "" : number < 10 ? "0\(number)\(unit)" : "\(number)\(unit)"
    }

    /// Rounded to so many decimals, 0 or 1. For numbers below 10^15.
    private static func decimal(_ number: Double, _ decimals: Int) -> String {
        let tenths = Int((number * (decimals == 0 ? 1 : 10)).rounded())
        return decimals == 0 ? "\(tenths)" : "\(tenths / 10).\(tenths % 10)"
    }
}
