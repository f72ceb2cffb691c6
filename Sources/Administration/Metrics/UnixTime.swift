/// Seconds since 1970, from the text of a ``Status``.
enum UnixTime {
    /// The moment that `text` names: `2026-11-27T21:15:00.000Z`, as RFC 3339 writes it in UTC. Nil where it is not that.
    static func seconds(ofUTC text: String) -> Double? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"), let year = number(bytes[0..<4]),
            let month = number(bytes[5..<7]), let day = number(bytes[8..<10]), let hour = number(bytes[11..<13]),
            let minute = number(bytes[14..<16]), let second = number(bytes[17..<19]), year >= 1970,
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        let separators: [(place: Int, byte: UInt8)] = [
            (4, UInt8(ascii: "-")), (7, UInt8(ascii: "-")), (10, UInt8(ascii: "T")), (13, UInt8(ascii: ":")),
            (16, UInt8(ascii: ":")),
        ]
        guard separators.allSatisfy({ bytes[$0.place] == $0.byte }) else { return nil }
        var fraction = 0.0
        if bytes[19] == UInt8(ascii: ".") {
            let digits = bytes[20..<(bytes.count - 1)].prefix(fractionDigitsMax)
            guard let value = number(digits) else { return nil }
            fraction = Double(value) / digits.reduce(1) { scale, _ in scale * 10 }
        } else if bytes.count != 20 {
            return nil
        }
        let clock = days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second
        return Double(clock) + fraction
    }

    /// Nanoseconds; what is behind them is left out.
    private static let fractionDigitsMax = 9

    /// The number that these digits are; nil where one is no digit, or there are none.
    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    /// Days from 1970-01-01. The year is taken to begin in March, so that the leap day is its last.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let years = month > 2 ? year : year - 1
        let fromMarch = (month + 9) % 12
        // 719,468 days from 0000-03-01 to 1970-01-01; months from March on have 31, 30, 31, 30, 31 days, and again.
        return 365 * years + years / 4 - years / 100 + years / 400 + (153 * fromMarch + 2) / 5 + day - 1 - 719_468
    }
}
