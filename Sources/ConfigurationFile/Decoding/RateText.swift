import Balancer
import Wording

/// Rates as they are written: `10/s`, `600/m`, `5/h`.
enum RateText {
    private static let times: [(unit: String, time: Duration)] = [
        ("s", .seconds(1)), ("m", .seconds(60)), ("h", .seconds(3600)),
    ]

    static func parse(_ text: String) throws(ArgumentFault) -> Rate {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let number = parts.first, !number.isEmpty, number.utf8.count <= 10,
            number.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let count = Int(number)
        else { throw ArgumentFault("\(TextForm.rate.needed) is needed") }
        guard parts.count > 1 else { throw ArgumentFault("it has no time: write \(text)/s, \(text)/m or \(text)/h") }
        guard parts.count == 2, let time = times.first(where: { $0.unit == parts[1] })?.time,
            (1...Limits.rateMax).contains(count)
        else { throw ArgumentFault("\(TextForm.rate.needed) is needed") }
        return Rate(count: count, per: time)
    }

    static func text(_ rate: Rate) -> String {
        let unit = times.first { $0.time == rate.per }?.unit ?? DurationRange.text(rate.per)
        return "\(rate.count)/\(unit)"
    }
}
