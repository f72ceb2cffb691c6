/// How a piece of text looks. What it means is always said by a word or a mark too.
public struct Style: Hashable, Sendable {
    /// A colour of the terminal's palette.
    public enum Colour: Int, Sendable {
        /// Something is wrong.
        case red = 31
        /// All is well.
        case green = 32
        /// An operator has done this, or it is to be watched.
        case yellow = 33
        /// Not known.
        case cyan = 36
    }

    /// Nil for the terminal's own.
    public var colour: Colour?
    /// Stands out.
    public var isBold = false
    /// Stands back: what is old.
    public var isDim = false
    /// Foreground and background are exchanged: what is chosen.
    public var isReversed = false

    /// As the terminal writes without a wish.
    public static let plain = Style()
    /// A title, or what is important.
    public static let bold = Style(isBold: true)
    /// What is old, or less important.
    public static let dim = Style(isDim: true)

    /// Text of a colour.
    public static func of(_ colour: Colour) -> Style { Style(colour: colour) }

    /// All of it.
    public init(colour: Colour? = nil, isBold: Bool = false, isDim: Bool = false, isReversed: Bool = false) {
        self.colour = colour
        self.isBold = isBold
        self.isDim = isDim
        self.isReversed = isReversed
    }

    /// The parameters of the control sequence that selects it (ECMA-48, SGR); empty for the terminal's own.
    func parameters(colour isColoured: Bool) -> String {
        var parameters: [Int] = []
        if isBold { parameters.append(1) }
        if isDim { parameters.append(2) }
        if isReversed { parameters.append(7) }
        if isColoured, let colour { parameters.append(colour.rawValue) }
        return parameters.map(String.init).joined(separator: ";")
    }
}

/// One row of a screen or of a table.
public struct Line: Hashable, Sendable {
    /// Text of one style, without control characters.
    public struct Piece: Hashable, Sendable {
        /// Plain text.
        public var text: String
        /// How it looks.
        public var style: Style
    }

    /// From left to right.
    public private(set) var pieces: [Piece] = []

    /// An empty one.
    public init() {}

    /// One of a single style. Whatever the terminal would obey is written out.
    public init(_ text: String, _ style: Style = .plain) { append(text, style) }

    /// What it says, without styles.
    public var text: String { pieces.map(\.text).joined() }
    /// How many columns it takes.
    public var columns: Int { pieces.reduce(0) { $0 + ShownText.columns($1.text) } }

    /// Adds text at its end. Whatever the terminal would obey is written out.
    public mutating func append(_ text: String, _ style: Style = .plain) {
        guard !text.isEmpty else { return }
        pieces.append(Piece(text: ShownText.plain(text), style: style))
    }

    /// Adds another one at its end.
    public mutating func append(_ other: Line) { pieces += other.pieces }

    /// Adds spaces until it has so many columns.
    public mutating func pad(to columns: Int, _ style: Style = .plain) {
        let missing = columns - self.columns
        if missing > 0 { pieces.append(Piece(text: String(repeating: " ", count: missing), style: style)) }
    }

    /// The line, or as much of it as fits into so many columns, with `~` for the rest.
    public func cut(to room: Int) -> Line {
        guard columns > room else { return self }
        var line = Line()
        var left = room
        for piece in pieces {
            let columns = ShownText.columns(piece.text)
            // The mark of the cut needs a column: a piece that fills the room is cut where others follow.
            if columns < left {
                line.pieces.append(piece)
                left -= columns
                continue
            }
            line.append(ShownText.fitted(piece.text + " ", columns: left), piece.style)
            break
        }
        return line
    }

    /// The same text, in which each style is changed.
    public func styled(_ change: (inout Style) -> Void) -> Line {
        var line = self
        for index in line.pieces.indices { change(&line.pieces[index].style) }
        return line
    }

    /// The text with the control sequences for its styles; its first column is the terminal's first.
    ///
    /// Terminals disagree about the width of some characters. Whatever follows one that is not ASCII is therefore put
    /// at its column by a control sequence (ECMA-48, CHA), so that only the piece with that character may look wrong.
    public func written(colour: Bool) -> String {
        var text = ""
        var column = 0
        var isSure = true
        for piece in pieces {
            if !isSure { text += "\u{1B}[\(column + 1)G" }
            let parameters = piece.style.parameters(colour: colour)
            text += parameters.isEmpty ? piece.text : "\u{1B}[\(parameters)m\(piece.text)\u{1B}[0m"
            column += ShownText.columns(piece.text)
            isSure = piece.text.utf8.allSatisfy { $0 < 0x80 }
        }
        return text
    }
}
