import Glibc
import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Times and texts as lines of the log have them.
@Suite struct TimestampTests {
    private static func text(_ nanoseconds: UInt64) -> String {
        let text = Timestamp(nanoseconds: nanoseconds).text
        return String(decoding: (0..<text.count).map { text[$0] }, as: UTF8.self)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"),
            (999_999, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999_999_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000_000_000, "2000-03-01T00:00:00.000Z"),
            (1_709_251_199_000_000_000, "2024-02-29T23:59:59.000Z"),
            (1_709_251_200_001_000_000, "2024-03-01T00:00:00.001Z"),
            (1_764_064_803_120_000_000, "2025-11-25T10:00:03.120Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000Z"),
            (4_107_542_399_000_000_000, "2100-02-28T23:59:59.000Z"),
            (UInt64.max, "2554-07-21T23:34:33.709Z"),
        ] as [(UInt64, String)])
    func knownMomentsHaveTheirText(nanoseconds: UInt64, expected: String) {
        #expect(Self.text(nanoseconds) == expected)
    }

    /// Around every end of February and of the year until 2554, second by second at midnight, against the C library.
    @Test func everyYearAgreesWithTheLibrary() {
        for day in stride(from: 0, to: 213_500, by: 1) {
            for second in [0, 86_399] as [UInt64] {
                var time = time_t(UInt64(day) * 86_400 + second)
                var parts = unsafe tm()
                _ = unsafe gmtime_r(&time, &parts)
                let stamp = Timestamp(nanoseconds: UInt64(time) * 1_000_000_000)
                let isSame =
                    unsafe stamp.year == UInt64(parts.tm_year + 1900) && stamp.month == UInt64(parts.tm_mon + 1)
                    && stamp.day == UInt64(parts.tm_mday) && stamp.hour == UInt64(parts.tm_hour)
                    && stamp.minute == UInt64(parts.tm_min) && stamp.second == UInt64(parts.tm_sec)
                guard isSame else {
                    Issue.record("second \(time): \(stamp)")
                    return
                }
            }
        }
    }
}

/// Whatever is in a text, it stays a part of its line.
@Suite struct EscapedTextTests {
    private static func written(_ bytes: [UInt8], _ escaping: Escaping) throws -> [UInt8] {
        let pipe = try Pipe()
        var log = LineLog(OutputStream(number: pipe.inputNumber))
        log.record { $0.append(bytes.span, escaping) }
        log.flush()
        return pipe.read(atMost: 65_536)
    }

    @Test(arguments: [
        ("a b=\"c\"\\", "a b=\"c\"\\", "a b=\\\"c\\\"\\\\", "a b=\\\"c\\\"\\\\"),
        ("x\n2026 error\r\t", "x\\n2026 error\\r\\t", "x\\n2026 error\\r\\t", "x\\n2026 error\\r\\t"),
        ("\u{1B}[31m\u{7F}\0", "\\x1b[31m\\x7f\\x00", "\\x1b[31m\\x7f\\x00", "\\u001b[31m\\u007f\\u0000"),
        ("Größe 漢 🦉", "Größe 漢 🦉", "Größe 漢 🦉", "Größe 漢 🦉"),
        (
            "a\u{85}\u{2028}\u{202E}b", "a\\u{0085}\\u{2028}\\u{202e}b", "a\\u{0085}\\u{2028}\\u{202e}b",
            "a\\u0085\\u2028\\u202eb"
        ),
        ("", "", "", ""),
    ])
    func textsAreEscaped(text: String, words: String, quotes: String, json: String) throws {
        for (escaping, expected) in [(Escaping.words, words), (.quotes, quotes), (.json, json)] {
            let written = try Self.written(Array(text.utf8), escaping)
            #expect(String(decoding: written, as: UTF8.self) == expected)
        }
    }

    @Test(
        arguments: [
            ([0x61, 0xFF, 0x62], "a\\xffb", "a\u{FFFD}b"),
            // An overlong slash, a surrogate, a character that is cut off, one beyond the last.
            ([0xC0, 0xAF], "\\xc0\\xaf", "\u{FFFD}\u{FFFD}"),
            ([0xED, 0xA0, 0x80], "\\xed\\xa0\\x80", "\u{FFFD}\u{FFFD}\u{FFFD}"),
            ([0xE6, 0xBC], "\\xe6\\xbc", "\u{FFFD}\u{FFFD}"),
            ([0xF4, 0x90, 0x80, 0x80], "\\xf4\\x90\\x80\\x80", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
        ] as [([UInt8], String, String)])
    func whatIsNoTextIsShown(bytes: [UInt8], words: String, json: String) throws {
        #expect(String(decoding: try Self.written(bytes, .words), as: UTF8.self) == words)
        #expect(String(decoding: try Self.written(bytes, .json), as: UTF8.self) == json)
    }

    /// Random bytes never end the line, never end the string, and are always UTF-8.
    @Test func noBytesForgeALine() throws {
        var dice = SplitMix64(seed: 0x10C)
        for _ in 0..<3000 {
            let count = Int(dice.next() % 24)
            let bytes = (0..<count).map { _ in
                let random = UInt8(truncatingIfNeeded: dice.next())
                return [10, 13, 34, 92, 0xE2, 0x80, 0xA8, random][Int(dice.next() % 8)]
            }
            for escaping in [Escaping.words, .quotes, .json] {
                let written = try Self.written(bytes, escaping)
                #expect(String(validating: written, as: UTF8.self) != nil, "\(bytes)")
                #expect(!written.contains { $0 < 0x20 || $0 == 0x7F }, "\(bytes)")
                guard escaping != .words else { continue }
                var isEscaped = false
                for byte in written {
                    if byte == UInt8(ascii: "\""), !isEscaped { Issue.record("a quote ends the string: \(bytes)") }
                    isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
                }
                #expect(!isEscaped, "\(bytes)")
            }
        }
    }

    @Test(arguments: [
        ("web", "web"), ("10.0.0.1:80", "10.0.0.1:80"), ("[fd00::1]:80", "[fd00::1]:80"), ("", "\"\""),
        ("a b", "\"a b\""), ("pool=x", "\"pool=x\""), ("a\"b", "\"a\\\"b\""), ("ä", "\"ä\""),
        ("x\ny", "\"x\\ny\""),
    ])
    func aValueIsOneWordOrQuoted(text: String, expected: String) throws {
        let pipe = try Pipe()
        var log = LineLog(OutputStream(number: pipe.inputNumber))
        log.record { $0.append(value: text) }
        log.flush()
        #expect(String(decoding: pipe.read(atMost: 4096), as: UTF8.self) == expected)
    }
}
