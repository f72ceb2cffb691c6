/// Bytes as an operator writes them, and as the log tells them: what is no printable ASCII is written as `\r`, `\n`, `\t` or
/// `\xNN`, and a backslash as `\\`.
///
/// A text of a YAML file needs a rule more: in double quotes YAML itself makes the *character* U+0080 of `\x80`, which is two
/// bytes in UTF-8. So characters from U+0080 to U+00FF are refused, instead of guessing which was meant. Others beyond ASCII
/// are their bytes in UTF-8.
public enum EscapedBytes {
    /// Why a text stands for no bytes, in words that name the remedy.
    public struct Fault: Error, Hashable, Sendable {
        /// A whole sentence without a full stop.
        public let reason: String
    }

    /// The bytes that a text stands for.
    public static func parse(_ text: String) throws(Fault) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch scalar.value {
            case 0x5C: bytes.append(try escape(&rest))
            case ..<0x80: bytes.append(UInt8(scalar.value))
            case 0x80...0xFF:
                let byte = hex(UInt8(scalar.value))
                throw Fault(
                    reason:
                        "the character U+00\(byte.uppercased()) may be one byte or two: write \\x\(byte) for the byte, in single "
                        + "quotes (in double quotes YAML makes a character of it)")
            default: bytes += Array(String(scalar).utf8)
            }
        }
        return bytes
    }

    private static func escape(_ rest: inout Substring.UnicodeScalarView) throws(Fault) -> UInt8 {
        let kind = rest.popFirst()
        switch kind {
        case "r": return 0x0D
        case "n": return 0x0A
        case "t": return 0x09
        case "\\": return 0x5C
        case "x":
            guard let high = digit(rest.popFirst()), let low = digit(rest.popFirst()) else {
                throw Fault(reason: "after \\x two hexadecimal digits are needed, as in \\x0a")
            }
            return high << 4 | low
        default:
            let written = kind.map { "'\\\($0)' means nothing" } ?? "the text ends with a backslash"
            throw Fault(reason: "\(written): there are \\r, \\n, \\t, \\xNN, and \\\\ for a backslash")
        }
    }

    private static func digit(_ scalar: Unicode.Scalar?) -> UInt8? {
        switch scalar?.value {
        case .some(let value) where (0x30...0x39).contains(value): UInt8(value - 0x30)
        case .some(let value) where (0x61...0x66).contains(value | 0x20): UInt8((value | 0x20) - 0x61 + 10)
        default: nil
        }
    }

    /// The text of bytes, which ``parse(_:)`` makes the same bytes of. It is printable ASCII.
    public static func text(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            switch byte {
            case 0x0D: text += "\\r"
            case 0x0A: text += "\\n"
            case 0x09: text += "\\t"
            case 0x5C: text += "\\\\"
            case 0x20..<0x7F: text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "\\x" + hex(byte)
            }
        }
        return text
    }

    private static func hex(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}
