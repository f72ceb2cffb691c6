/// The text of a file that may be YAML: UTF-8 without the characters that YAML does not allow, and its lines.
struct SourceText: Sendable {
    /// The file, as it was named.
    let file: String
    /// The text, without a byte order mark.
    let text: String
    /// Its lines, without their ends.
    let lines: [[Unicode.Scalar]]

    /// Why bytes are no text.
    struct Fault: Error {
        let reason: String
        /// Line and column; nil when the file as a whole is wrong.
        let position: (line: Int, column: Int)?
    }

    /// The most that a terminal's line shows of a line.
    private static let shownMax = 100
    /// So much of a long line is shown before the column in question.
    private static let shownBefore = 60

    /// Checks the bytes of a file.
    init(file: String, bytes: [UInt8]) throws(Fault) {
        self.file = file
        if let fault = Self.wrongEncoding(bytes) { throw fault }
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let content = bytes.starts(with: mark) ? bytes[mark.count...] : bytes[...]
        guard let text = String(validating: content, as: UTF8.self) else {
            throw Fault(
                reason: "not UTF-8 text: save it in that encoding", position: Self.position(ofInvalid: content))
        }
        self.text = text
        lines = Self.split(text)
        for (row, line) in lines.enumerated() {
            guard let column = line.firstIndex(where: Self.isForbidden) else { continue }
            let character = line[column].escaped(asASCII: true)
            throw Fault(
                reason:
                    "the character \(character) is not allowed in YAML: remove it, or write it within double quotes "
                    + "as \(character.hasPrefix("\\u") || character == "\\0" ? "an escape" : character)",
                position: (row + 1, column + 1))
        }
    }

    /// The line of a place, as much of it as fits.
    func excerpt(at place: Place) -> Mistake.Excerpt? {
        guard lines.indices.contains(place.line - 1) else { return nil }
        return Self.excerpt(of: lines[place.line - 1], at: place.column)
    }

    /// As much of a line as fits, around a column from 1.
    static func excerpt(of line: [Unicode.Scalar], at column: Int) -> Mistake.Excerpt {
        let column = min(column - 1, line.count)
        let start = line.count > Self.shownMax ? max(0, column - Self.shownBefore) : 0
        let end = min(line.count, start + Self.shownMax)
        var text = start > 0 ? "..." : ""
        // What takes no column, or several, would move the caret away from its character.
        for scalar in line[start..<end] { text.unicodeScalars.append(Self.isPlain(scalar) ? scalar : " ") }
        if end < line.count { text += "..." }
        return .init(text: text, column: column - start + (start > 0 ? 3 : 0))
    }

    /// The lines as YAML 1.1 sees them: it also ends a line at NEL, LS and PS.
    private static func split(_ text: String) -> [[Unicode.Scalar]] {
        var lines: [[Unicode.Scalar]] = [[]]
        var isAfterReturn = false
        for scalar in text.unicodeScalars {
            defer { isAfterReturn = scalar == "\r" }
            switch scalar {
            case "\n" where isAfterReturn: continue
            case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": lines.append([])
            default: lines[lines.count - 1].append(scalar)
            }
        }
        return lines
    }

    /// What libyaml's reader refuses (YAML 1.1, 5.1).
    private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x20...0x7E, 0xA0...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF: false
        default: true
        }
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .nonspacingMark, .enclosingMark, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }

    static func wrongEncoding(_ bytes: [UInt8]) -> Fault? {
        guard bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) else { return nil }
        return Fault(reason: "it is UTF-16 text: save it as UTF-8", position: nil)
    }

    /// Where the first byte is that does not belong to UTF-8 text.
    private static func position(ofInvalid bytes: ArraySlice<UInt8>) -> (line: Int, column: Int) {
        var line = 1
        var column = 1
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            (line, column) = scalar == "\n" ? (line + 1, 1) : (line, column + 1)
        }
        return (line, column)
    }
}
