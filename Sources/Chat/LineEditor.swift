/// The line that is being typed at a terminal in raw mode: bytes of keys go in, the line and its picture come out.
///
/// Keys: printable UTF-8, Backspace, Delete, Left, Right, Home, End, Ctrl-A, Ctrl-E, Ctrl-U (all before the cursor),
/// Ctrl-W (the word before it), Ctrl-D (on an empty line the end of input), Ctrl-C. Others do nothing.
///
/// The picture takes one row of the terminal: a longer line is shown in part, around the cursor. Pure.
public struct LineEditor {
    /// The longest line, in characters; what is typed beyond it is ignored.
    public static let charactersMax = 64 * 1024

    /// What a byte of input led to.
    public enum Outcome: Equatable, Sendable {
        /// The line may have changed.
        case editing
        /// Return: the line, without its line break; the editor is empty again.
        case line(String)
        /// Ctrl-D on an empty line.
        case endOfInput
        /// Ctrl-C.
        case interrupt
    }

    private enum KeyState {
        case plain
        /// ESC has come: a key beyond the alphabet.
        case escape
        /// ESC O: one more byte follows.
        case single
        /// ESC [: digits and a letter or tilde follow.
        case sequence
    }

    private var characters: [Character] = []
    private var cursor = 0
    /// The first character that the picture shows.
    private var firstVisible = 0
    private var keyState = KeyState.plain
    /// The first parameter of an escape sequence.
    private var parameter = 0
    private var isFirstParameter = true
    /// The bytes of a character that is not complete.
    private var partial: [UInt8] = []

    /// An empty line.
    public init() {}

    /// The line as it stands.
    public var text: String { String(characters) }
    /// True when nothing is typed.
    public var isEmpty: Bool { characters.isEmpty }

    /// Takes one byte from the terminal.
    public mutating func type(_ byte: UInt8) -> Outcome {
        switch keyState {
        case .plain: return typePlain(byte)
        case .escape:
            parameter = 0
            isFirstParameter = true
            keyState = byte == UInt8(ascii: "[") ? .sequence : byte == UInt8(ascii: "O") ? .single : .plain
        case .single:
            keyState = .plain
            move(byte)
        case .sequence:
            typeSequence(byte)
        }
        return .editing
    }

    private mutating func typePlain(_ byte: UInt8) -> Outcome {
        if byte >= 0x80 || !partial.isEmpty {
            typePartial(byte)
            return .editing
        }
        switch byte {
        case 0x0A, 0x0D: return .line(take())
        case 0x03: return .interrupt
        case 0x04:
            if isEmpty { return .endOfInput }
            deleteForward()
        case 0x01: cursor = 0
        case 0x05: cursor = characters.count
        case 0x08, 0x7F: delete(from: cursor - 1)
        case 0x15: delete(from: 0)
        case 0x17: deleteWord()
        case 0x1B: keyState = .escape
        case 0x09, 0x20..<0x7F: insert(Unicode.Scalar(byte))
        default: break
        }
        return .editing
    }

    // MARK: keys

    private mutating func typeSequence(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            // Two digits are all that any key has; the cap keeps nonsense from overflowing.
            if isFirstParameter { parameter = min(parameter * 10 + Int(byte - UInt8(ascii: "0")), 1000) }
        case 0x20..<0x40: isFirstParameter = false
        case UInt8(ascii: "~"):
            keyState = .plain
            switch parameter {
            case 1, 7: cursor = 0
            case 4, 8: cursor = characters.count
            case 3: deleteForward()
            default: break
            }
        default:
            keyState = .plain
            move(byte)
        }
    }

    private mutating func move(_ key: UInt8) {
        switch key {
        case UInt8(ascii: "C"): cursor = min(cursor + 1, characters.count)
        case UInt8(ascii: "D"): cursor = max(cursor - 1, 0)
        case UInt8(ascii: "H"): cursor = 0
        case UInt8(ascii: "F"): cursor = characters.count
        default: break
        }
    }

    /// Collects the bytes of a character; what is no UTF-8 becomes U+FFFD.
    private mutating func typePartial(_ byte: UInt8) {
        let isContinuation = byte & 0xC0 == 0x80
        if !isContinuation, !partial.isEmpty {
            partial.removeAll()
            insert("\u{FFFD}")
            if byte < 0x80 {
                _ = typePlain(byte)
                return
            }
        }
        partial.append(byte)
        let expected = partial[0] >= 0xF0 ? 4 : partial[0] >= 0xE0 ? 3 : partial[0] >= 0xC0 ? 2 : 1
        guard partial.count >= expected else { return }
        let isValid = VisibleText.sequenceLength(partial.span, at: 0) == partial.count
        let scalar = isValid ? String(decoding: partial, as: UTF8.self).unicodeScalars.first : nil
        partial.removeAll()
        // C1 controls are as little text as C0 ones.
        if let scalar, (0x80..<0xA0).contains(scalar.value) { return }
        insert(scalar ?? "\u{FFFD}")
    }

    // MARK: the line

    private mutating func insert(_ scalar: Unicode.Scalar) {
        if cursor > 0 {
            // An accent, or the next part of an emoji, joins the character before it.
            var joined = String(characters[cursor - 1])
            joined.unicodeScalars.append(scalar)
            if joined.count == 1, let character = joined.first {
                characters[cursor - 1] = character
                return
            }
        }
        guard characters.count < Self.charactersMax else { return }
        characters.insert(Character(scalar), at: cursor)
        cursor += 1
    }

    private mutating func delete(from start: Int) {
        guard start >= 0, start < cursor else { return }
        characters.removeSubrange(start..<cursor)
        cursor = start
    }

    private mutating func deleteForward() {
        if cursor < characters.count { characters.remove(at: cursor) }
    }

    private mutating func deleteWord() {
        var start = cursor
        while start > 0, characters[start - 1].isWhitespace { start -= 1 }
        while start > 0, !characters[start - 1].isWhitespace { start -= 1 }
        delete(from: start)
    }

    private mutating func take() -> String {
        defer {
            characters.removeAll()
            cursor = 0
            firstVisible = 0
        }
        return text
    }

    // MARK: the picture

    /// Appends what takes the picture off the terminal and leaves the cursor at the row's beginning.
    public static func erase(into output: inout [UInt8]) {
        output += "\r\u{1B}[K".utf8
    }

    /// Appends what draws the line into the row that the cursor is in, over what stands there.
    ///
    /// - Parameter columns: The width of the terminal; the last column stays free, for a terminal would wrap there.
    /// - Complexity: O(columns).
    public mutating func draw(columns: Int, into output: inout [UInt8]) {
        let room = max(columns - 1, 2)
        let before = scroll(room: room)
        Self.erase(into: &output)
        var used = 0
        for character in characters[firstVisible...] {
            used += VisibleText.columns(of: character)
            if used > room { break }
            output += (character == "\t" ? " " : String(character)).utf8
        }
        output.append(UInt8(ascii: "\r"))
        // A count of 0 would move by 1.
        if before > 0 { output += "\u{1B}[\(before)C".utf8 }
    }

    /// Moves the visible part as little as brings the cursor into it and leaves no room unused that text could fill;
    /// returns the columns before the cursor.
    private mutating func scroll(room: Int) -> Int {
        firstVisible = min(firstVisible, cursor, start(of: room, before: characters.count))
        firstVisible = max(firstVisible, start(of: room, before: cursor))
        return characters[firstVisible..<cursor].reduce(0) { $0 + VisibleText.columns(of: $1) }
    }

    /// The first of the characters before `end` that fit into `room` columns together.
    private func start(of room: Int, before end: Int) -> Int {
        var used = 0
        var index = end
        while index > 0 {
            used += VisibleText.columns(of: characters[index - 1])
            if used > room { break }
            index -= 1
        }
        return index
    }
}
