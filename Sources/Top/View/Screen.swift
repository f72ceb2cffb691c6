/// A picture for a terminal: at most so many rows, none wider than the terminal.
public struct Screen: Hashable, Sendable {
    /// The width of the terminal.
    public let columns: Int
    /// Its height.
    public let rows: Int
    /// The rows from the top; those below them are empty.
    public let lines: [Line]

    /// The smallest terminal that `top` is shown at.
    public static let columnsMin = 40
    /// Likewise.
    public static let rowsMin = 8

    /// The picture of these lines, of which those that have no room are left out or cut.
    init(columns: Int, rows: Int, lines: [Line]) {
        self.columns = max(columns, 0)
        self.rows = max(rows, 0)
        self.lines = lines.prefix(max(rows, 0)).map { $0.cut(to: max(columns, 0)) }
    }

    /// What it says, a line for each row.
    public var text: String { lines.map(\.text).joined(separator: "\n") }

    /// The control sequences and the text that turn one picture into this one; nil for a terminal whose content is not
    /// known. Rows that are the same are left out.
    public func write(over previous: Screen?, colour: Bool) -> String {
        let known = previous.flatMap { $0.columns == columns && $0.rows == rows ? $0 : nil }
        var text = known == nil ? "\u{1B}[0m\u{1B}[2J" : ""
        for row in 0..<rows {
            let line = row < lines.count ? lines[row] : Line()
            if let known, (row < known.lines.count ? known.lines[row] : Line()) == line { continue }
            // Erased first: after the last column there would be no place to erase from.
            text += "\u{1B}[\(row + 1);1H\u{1B}[0m\u{1B}[K"
            text += line.written(colour: colour)
        }
        return text
    }
}

extension TopModel {
    /// The picture of what is known, for a terminal of ``columns`` and ``rows``.
    public var screen: Screen {
        guard columns >= Screen.columnsMin, rows >= Screen.rowsMin else {
            let text =
                "balancer top needs a window of \(Screen.columnsMin)x\(Screen.rowsMin), this is "
                + "\(columns)x\(rows); q quits"
            let lines = ShownText.wrapped(text, columns: max(columns, 1)).map { Line($0) }
            return Screen(columns: columns, rows: rows, lines: lines)
        }
        let head = headLines
        let foot = footLines
        let room = max(rows - head.count - foot.count, 1)
        var body = bodyLines(rows: room)
        if case .lost = connection {
            body = body.map { $0.styled { $0 = Style(isDim: true, isReversed: $0.isReversed) } }
        }
        body = Array(body.prefix(room)) + Array(repeating: Line(), count: max(room - body.count, 0))
        return Screen(columns: columns, rows: rows, lines: head + body + foot)
    }

    private func bodyLines(rows room: Int) -> [Line] {
        switch view {
        case .backends: mainLines(rows: room)
        case .sessions(let reference): sessionLines(of: reference, rows: room)
        case .backend, .story, .help: Array(textLines.dropFirst(min(scrolled, scrolledMax)).prefix(room))
        }
    }

    /// The lines of a view that is a text: all of them, however many have room.
    var textLines: [Line] {
        switch view {
        case .backend(let reference): backendLines(reference)
        case .story(let id, _): storyLines(id)
        case .help: helpLines
        case .backends, .sessions: []
        }
    }

    /// The first row of a text when its end is shown.
    var scrolledMax: Int { max(textLines.count - max(rows - headLines.count - footLines.count, 1), 0) }
}
