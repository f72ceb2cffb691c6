import Reactor

// Texts that come from elsewhere (names, paths, the system's messages) as parts of a line. Whatever is in them, the line stays
// one line and valid UTF-8, and a value cannot look like another field.

/// How a text from elsewhere stands in a line.
enum Escaping {
    /// In words for people: what would end or garble a line is written as `\n`, `\xNN` or `\u{NNNN}`.
    case words
    /// In double quotes of a text line: also quotes and backslashes.
    case quotes
    /// In a string of JSON (RFC 8259); what is no UTF-8 becomes U+FFFD.
    case json
}

/// One character of a text that may not be valid UTF-8.
enum DecodedCharacter: Hashable {
    case valid(UInt32, bytes: Int)
    /// A byte that is part of no character.
    case invalid(UInt8)

    /// The character at a place, which must be one of the text's. Source of the ranges: RFC 3629, section 4.
    init(_ text: Span<UInt8>, at place: Int) {
        let first = text[place]
        let length: Int
        var value: UInt32
        switch first {
        case ..<0x80:
            self = .valid(UInt32(first), bytes: 1)
            return
        case 0xC2...0xDF: (length, value) = (2, UInt32(first & 0x1F))
        case 0xE0...0xEF: (length, value) = (3, UInt32(first & 0x0F))
        case 0xF0...0xF4: (length, value) = (4, UInt32(first & 0x07))
        default:
            self = .invalid(first)
            return
        }
        guard place + length <= text.count else {
            self = .invalid(first)
            return
        }
        for offset in 1..<length {
            let byte = text[place + offset]
            guard byte & 0xC0 == 0x80 else {
                self = .invalid(first)
                return
            }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        let least: UInt32 = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x1_0000
        guard value >= least, value <= 0x10_FFFF, !(0xD800...0xDFFF).contains(value) else {
            self = .invalid(first)
            return
        }
        self = .valid(value, bytes: length)
    }
}

extension LineLog.Record {
    /// Appends a text so that it cannot be more than a part of a line.
    mutating func append(_ text: Span<UInt8>, _ escaping: Escaping) {
        var start = 0
        var place = 0
        while place < text.count {
            let byte = text[place]
            if byte >= 0x20, byte < 0x7F, escaping == .words || byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
            {
                place += 1
                continue
            }
            let character = DecodedCharacter(text, at: place)
            if case .valid(let value, let bytes) = character, byte >= 0x80, !Self.isUnsafe(value) {
                place += bytes
                continue
            }
            append(text.extracting(start..<place))
            switch character {
            case .valid(let value, let bytes):
                escape(value, escaping)
                place += bytes
            case .invalid(let byte):
                if escaping == .json {
                    append("\u{FFFD}")
                } else {
                    append("\\x")
                    append(hex: UInt64(byte), digits: 2)
                }
                place += 1
            }
            start = place
        }
        append(text.extracting(start..<text.count))
    }

    /// Appends a text so that it cannot be more than a part of a line.
    mutating func append(_ text: String, _ escaping: Escaping) {
        var text = text
        text.makeContiguousUTF8()
        append(text.utf8Span.span, escaping)
    }

    /// Appends the value of a field of a text line: as it is, where it is one word of harmless characters, and in quotes
    /// otherwise.
    mutating func append(value: String) {
        var value = value
        value.makeContiguousUTF8()
        let text = value.utf8Span.span
        guard !Self.isWord(text) else { return append(text) }
        append("\"")
        append(text, .quotes)
        append("\"")
    }

    private static func isWord(_ text: Span<UInt8>) -> Bool {
        for place in text.indices where !isHarmless(text[place]) { return false }
        return !text.isEmpty
    }

    private static func isHarmless(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
            && byte != UInt8(ascii: "\\")
    }

    /// Controls; line and paragraph separators; what changes the direction of a text on a screen.
    private static func isUnsafe(_ value: UInt32) -> Bool {
        switch value {
        case 0x80...0x9F, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }

    private mutating func escape(_ value: UInt32, _ escaping: Escaping) {
        switch value {
        case 0x0A: append("\\n")
        case 0x0D: append("\\r")
        case 0x09: append("\\t")
        case 0x22: append("\\\"")
        case 0x5C: append("\\\\")
        default:
            if escaping == .json {
                append("\\u")
                append(hex: UInt64(value), digits: 4)
            } else if value < 0x80 {
                append("\\x")
                append(hex: UInt64(value), digits: 2)
            } else {
                append("\\u{")
                append(hex: UInt64(value), digits: 4)
                append("}")
            }
        }
    }

    /// Appends a number in so many hexadecimal digits, at most 16.
    mutating func append(hex number: UInt64, digits: Int) {
        var text = InlineArray<16, UInt8>(repeating: 0)
        for place in 0..<digits {
            let digit = UInt8(truncatingIfNeeded: number >> (4 * UInt64(digits - 1 - place))) & 0xF
            text[place] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        }
        append(text.span.extracting(0..<digits))
    }
}
