/// Text as a terminal may be shown it.
public enum VisibleText {
    /// Appends `bytes` to `output` so that no byte of them commands the terminal.
    ///
    /// Line feeds and tabs stay. Other C0 controls and DEL become `^[` and the like, C1 controls (which a terminal
    /// may take for escape sequences as well) and bytes that are no UTF-8 become `<9B>`. Everything else stays as it
    /// is.
    public static func append(_ bytes: Span<UInt8>, to output: inout [UInt8]) {
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            let length = sequenceLength(bytes, at: index)
            switch byte {
            case UInt8(ascii: "\n"), UInt8(ascii: "\t"): output.append(byte)
            case 0..<0x20, 0x7F: output += [UInt8(ascii: "^"), byte ^ 0x40]
            case 0xC2 where length == 2 && bytes[index + 1] < 0xA0: appendHex(bytes[index + 1], to: &output)
            case _ where length == 0: appendHex(byte, to: &output)
            default: for next in index..<index + length { output.append(bytes[next]) }
            }
            index += max(length, 1)
        }
    }

    private static func appendHex(_ byte: UInt8, to output: inout [UInt8]) {
        output += "<\(String(byte, radix: 16, uppercase: true))>".utf8
    }

    /// How many bytes the UTF-8 sequence at `index` has; 0 when there is no valid one. Source: Unicode, table 3-7.
    static func sequenceLength(_ bytes: Span<UInt8>, at index: Int) -> Int {
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch bytes[index] {
        case 0x00...0x7F: return 1
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return 0
        }
        guard bytes.count - index >= length, second.contains(bytes[index + 1]) else { return 0 }
        for next in index + 2..<index + length where bytes[next] & 0xC0 != 0x80 { return 0 }
        return length
    }

    /// How many columns of a terminal a character takes: 2 for Korean, Chinese, Japanese and emoji, 0 for one that only
    /// modifies another. wcwidth(3) would want a UTF-8 locale, which containers lack.
    public static func columns(of character: Character) -> Int {
        character.unicodeScalars.reduce(0) { max($0, columns(of: $1)) }
    }

    private static func columns(of scalar: Unicode.Scalar) -> Int {
        if scalar.value < 0x300 { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        // Vowels and final consonants of decomposed Korean join the syllable before them.
        if (0x1160...0x11FF).contains(scalar.value) { return 0 }
        let isWide = scalar.properties.isEmojiPresentation || wide.contains { $0.contains(scalar.value) }
        return isWide ? 2 : 1
    }

    /// East Asian Wide and Fullwidth, in rough blocks. Source: Unicode, EastAsianWidth.txt.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
        0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD,
    ]
}
