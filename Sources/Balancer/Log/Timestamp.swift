import Reactor

/// A moment in UTC as RFC 3339 writes it, with milliseconds: `2026-11-25T10:00:03.120Z`. Always 24 bytes.
///
/// The date is found from the number of days alone: the year is taken to begin in March, so that the leap day is its last,
/// and 400 years, of 146,097 days, are an era. Leap seconds are not counted, as everywhere in POSIX.
struct Timestamp: Hashable {
    let year: UInt64
    let month: UInt64
    let day: UInt64
    let hour: UInt64
    let minute: UInt64
    let second: UInt64
    let millisecond: UInt64

    /// From 1970-01-01 on; the last nanosecond of 64 bits is in 2554, so that a year has four digits.
    init(nanoseconds: UInt64) {
        let milliseconds = nanoseconds / 1_000_000
        millisecond = milliseconds % 1000
        let seconds = milliseconds / 1000
        second = seconds % 60
        minute = seconds / 60 % 60
        hour = seconds / 3600 % 24
        // 719,468 days from 0000-03-01 to 1970-01-01.
        let days = seconds / 86_400 + 719_468
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        // Months from March on have 31, 30, 31, 30, 31 days, and again: 153 in five.
        let fromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * fromMarch + 2) / 5 + 1
        month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    static let bytes = 24

    /// The bytes of the text.
    var text: InlineArray<24, UInt8> {
        var text = InlineArray<24, UInt8>(repeating: 0)
        var count = 0
        func put(_ number: UInt64, digits: Int, _ end: UInt8) {
            var rest = number
            for place in stride(from: count + digits - 1, through: count, by: -1) {
                text[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            text[count + digits] = end
            count += digits + 1
        }
        put(year, digits: 4, UInt8(ascii: "-"))
        put(month, digits: 2, UInt8(ascii: "-"))
        put(day, digits: 2, UInt8(ascii: "T"))
        put(hour, digits: 2, UInt8(ascii: ":"))
        put(minute, digits: 2, UInt8(ascii: ":"))
        put(second, digits: 2, UInt8(ascii: "."))
        put(millisecond, digits: 3, UInt8(ascii: "Z"))
        return text
    }
}

extension LineLog.Record {
    /// Appends the moment, as ``Timestamp`` writes it.
    mutating func append(timestamp nanoseconds: UInt64) {
        append(Timestamp(nanoseconds: nanoseconds).text.span)
    }
}
