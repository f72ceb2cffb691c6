/// Error messages that quote what somebody else has written: arguments, paths, variables.
public enum ErrorText {
    /// A longer quotation hides the message around it.
    private static let quotationMax = 400
    private static let headShown = 60
    private static let tailShown = 20

    /// The message as one line that a terminal may be shown: control characters are written out (`\n`, `\u{1B}`), and
    /// long quotations lose their middle.
    public static func line(_ message: String) -> String {
        message.split(separator: "'", omittingEmptySubsequences: false).map { part in
            // The length in bytes costs no walk over the characters.
            part.utf8.count > quotationMax ? shortened(part) : visible(part)
        }.joined(separator: "'")
    }

    private static func shortened(_ part: Substring) -> String {
        "\(visible(part.prefix(headShown)))...\(visible(part.suffix(tailShown))) (\(part.utf8.count) bytes)"
    }

    private static func visible(_ part: Substring) -> String {
        var text = ""
        for scalar in part.unicodeScalars {
            if isInvisible(scalar) { text += scalar.escaped(asASCII: true) } else { text.unicodeScalars.append(scalar) }
        }
        return text
    }

    /// True of what a terminal does not show but obeys: controls, line breaks, and the marks that turn the direction of
    /// writing around (Unicode, annex 9).
    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
        }
    }
}
