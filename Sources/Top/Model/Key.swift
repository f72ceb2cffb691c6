import Chat

/// A key of a terminal.
public enum Key: Hashable, Sendable {
    /// A printable character, also of several code points.
    case character(Character)
    /// Return.
    case enter
    /// Escape alone.
    case escape
    /// Backspace or Delete.
    case backspace
    /// A letter with Ctrl held: `c`.
    case control(Character)
    /// A key beyond the alphabet.
    case up, down, left, right, pageUp, pageDown, home, end
}

/// Makes keys of the bytes that a terminal sends. Pure.
///
/// Escape alone is the first byte of other keys: it becomes a key when the next byte shows it, or with ``endEscape()``
/// after a moment without one.
public struct KeyReader: Sendable {
    private enum State {
        case plain
        case escape
        /// ESC O: one more byte follows.
        case single
        /// ESC [: parameters and a final byte follow.
        case sequence
    }

    private var state = State.plain
    /// The first parameter of a sequence.
    private var parameter = 0
    private var isFirstParameter = true
    /// The bytes of a character that is not complete.
    private var partial: [UInt8] = []

    /// Nothing has been typed.
    public init() {}

    /// Escape was typed, and it is not known yet whether it is a key of its own.
    public var isInEscape: Bool { state == .escape }

    /// Nothing followed an Escape: it was a key of its own.
    public mutating func endEscape() -> Key? {
        guard state == .escape else { return nil }
        state = .plain
        return .escape
    }

    /// The keys that one more byte completes: at most two, where Escape is followed by a plain key.
    public mutating func read(_ byte: UInt8) -> [Key] {
        switch state {
        case .plain: return plain(byte).map { [$0] } ?? []
        case .escape:
            parameter = 0
            isFirstParameter = true
            switch byte {
            case UInt8(ascii: "["): state = .sequence
            case UInt8(ascii: "O"): state = .single
            case 0x1B: return [.escape]
            default:
                state = .plain
                return [.escape] + (plain(byte).map { [$0] } ?? [])
            }
            return []
        case .single:
            state = .plain
            return Self.cursorKey(byte).map { [$0] } ?? []
        case .sequence: return sequence(byte).map { [$0] } ?? []
        }
    }

    private mutating func plain(_ byte: UInt8) -> Key? {
        if byte >= 0x80 || !partial.isEmpty { return part(byte) }
        switch byte {
        case 0x0A, 0x0D: return .enter
        case 0x08, 0x7F: return .backspace
        case 0x1B:
            state = .escape
            return nil
        case 0x01...0x1A: return .control(Character(Unicode.Scalar(byte + 0x60)))
        case 0x20..<0x7F: return .character(Character(Unicode.Scalar(byte)))
        default: return nil
        }
    }

    /// Collects the bytes of a character; what is no UTF-8 is dropped.
    private mutating func part(_ byte: UInt8) -> Key? {
        if byte & 0xC0 != 0x80, !partial.isEmpty {
            partial.removeAll()
            return plain(byte)
        }
        partial.append(byte)
        let expected = partial[0] >= 0xF0 ? 4 : partial[0] >= 0xE0 ? 3 : partial[0] >= 0xC0 ? 2 : 1
        guard partial.count >= expected else { return nil }
        let text = String(decoding: partial, as: UTF8.self)
        partial.removeAll()
        guard text.unicodeScalars.count == 1, let character = text.first, text != "\u{FFFD}",
            ShownText.plain(text) == text
        else { return nil }
        return .character(character)
    }

    private mutating func sequence(_ byte: UInt8) -> Key? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            // No key has more than two digits; the limit keeps nonsense from overflowing.
            if isFirstParameter { parameter = min(parameter * 10 + Int(byte - UInt8(ascii: "0")), 1000) }
            return nil
        case 0x20..<0x40:
            isFirstParameter = false
            return nil
        case UInt8(ascii: "~"):
            state = .plain
            let keys: [Int: Key] = [
                1: .home, 3: .backspace, 4: .end, 5: .pageUp, 6: .pageDown, 7: .home, 8: .end,
            ]
            return keys[parameter]
        default:
            state = .plain
            return Self.cursorKey(byte)
        }
    }

    private static func cursorKey(_ byte: UInt8) -> Key? {
        switch byte {
        case UInt8(ascii: "A"): .up
        case UInt8(ascii: "B"): .down
        case UInt8(ascii: "C"): .right
        case UInt8(ascii: "D"): .left
        case UInt8(ascii: "F"): .end
        case UInt8(ascii: "H"): .home
        case UInt8(ascii: "M"): .enter
        default: nil
        }
    }
}
