import Chat

/// Text from elsewhere, such as names of backends and causes of failures, as a terminal may be shown it.
public enum ShownText {
    /// Stands at the end of text that was cut. ASCII, so that every terminal shows it in one column.
    private static let cutMark: Character = "~"

    /// The text without anything that a terminal obeys instead of showing it: control characters, line breaks, marks
    /// that turn the direction of writing around, and other characters without a width are written out (`\u{1B}`).
    public static func plain(_ text: String) -> String {
        // Nearly all text is plain ASCII, and stays as it is.
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text }
        var shown = ""
        for scalar in text.unicodeScalars {
            if isInvisible(scalar) {
                shown += scalar.escaped(asASCII: true)
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    /// How many columns of a terminal plain text takes. Terminals disagree
    /// about some characters: see ``Line/written(colour:)``.
    public static func columns(_ text: String) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.reduce(0) { $0 + VisibleText.columns(of: $1) }
    }

    /// The text, or as much of it as fits into so many columns, with `~` for the rest.
    public static func fitted(_ text: String, columns room: Int) -> String {
        guard columns(text) > room else { return text }
        guard room > 0 else { return "" }
        var shown = ""
        var used = 0
        for character in text {
            used += VisibleText.columns(of: character)
            if used > room - 1 { break }
            shown.append(character)
        }
        shown.append(cutMark)
        return shown
    }

    /// The text in lines of at most so many columns, broken between words; a longer word is broken anywhere.
    public static func wrapped(_ text: String, columns room: Int) -> [String] {
        let room = max(room, 1)
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            var word = String(word)
            if !line.isEmpty {
                if columns(line) + 1 + columns(word) <= room {
                    line += " " + word
                    continue
                }
                lines.append(line)
            }
            while columns(word) > room {
                let head = head(of: word, columns: room)
                lines.append(head)
                word = String(word.dropFirst(head.count))
            }
            line = word
        }
        if !line.isEmpty || lines.isEmpty { lines.append(line) }
        return lines
    }

    /// The first characters that fit, at least one.
    private static func head(of word: String, columns room: Int) -> String {
        var head = ""
        var used = 0
        for character in word {
            used += VisibleText.columns(of: character)
            if used > room, !head.isEmpty { break }
            head.append(character)
        }
        return head
    }
}
