/// Times of events, `2026-11-27T21:54:27.421Z`, as numbers.
public enum EventTime {
    /// Seconds since 1970, to the millisecond; nil of a text in another form.
    public static func seconds(_ text: String) -> Double? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z") else { return nil }
        let marks: [(Int, Character)] = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")]
        guard marks.allSatisfy({ bytes[$0.0] == $0.1.asciiValue }) else { return nil }
        let places = [0..<4, 5..<7, 8..<10, 11..<13, 14..<16, 17..<19]
        let numbers = places.compactMap { number(bytes[$0]) }
        guard numbers.count == places.count, (1...12).contains(numbers[1]), (1...31).contains(numbers[2]) else {
            return nil
        }
        var fraction = 0.0
        if bytes.count > 20 {
            guard bytes[19] == UInt8(ascii: "."), let digits = number(bytes[20..<(bytes.count - 1)]) else { return nil }
            fraction = (0..<(bytes.count - 21)).reduce(Double(digits)) { value, _ in value / 10 }
        }
        let time = numbers[3] * 3600 + numbers[4] * 60 + numbers[5]
        return Double(days(numbers[0], numbers[1], numbers[2]) * 86_400 + time) + fraction
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
        // No fraction has more digits.
        guard (1...9).contains(bytes.count) else { return nil }
        var number = 0
        for byte in bytes {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return number
    }

    /// Days from 1970-01-01 to a day of the Gregorian calendar. Years begin in March, so that a leap day ends one
    /// (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }
}
