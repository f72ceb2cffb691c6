/// Rows of cells under titles, for a terminal of any width: where there is no room, columns of a low rank are left out,
/// and those that may be cut are cut.
public struct Table: Sendable {
    /// A column.
    public struct Column: Sendable {
        /// Its title.
        public var title: String
        /// Numbers stand at the right.
        public var isRight: Bool
        /// It is at least so wide, so that it does not move whenever a figure changes.
        public var columnsMin: Int
        /// Where there is no room, it is cut down to so many columns; nil for one that is never cut.
        public var columnsCut: Int?
        /// 0 for a column that always stays; otherwise the one with the highest number is left out first.
        public var rank: Int

        /// All of it.
        public init(
            _ title: String, isRight: Bool = false, columnsMin: Int = 0, columnsCut: Int? = nil, rank: Int = 0
        ) {
            self.title = title
            self.isRight = isRight
            self.columnsMin = columnsMin
            self.columnsCut = columnsCut
            self.rank = rank
        }
    }

    /// A cell.
    public struct Cell: Hashable, Sendable {
        /// What it says.
        public var text: String
        /// How it looks.
        public var style: Style

        /// All of it.
        public init(_ text: String, _ style: Style = .plain) {
            self.text = ShownText.plain(text)
            self.style = style
        }
    }

    private let columns: [Column]
    private let titles: [Cell]
    private var rows: [[Cell]] = []
    private let gap: Int

    /// One without rows, with so many spaces between columns.
    ///
    /// - Parameter titleStyle: Tells how a title looks.
    public init(_ columns: [Column], gap: Int = 2, titleStyle: (Column) -> Style = { _ in .plain }) {
        self.columns = columns
        self.gap = gap
        titles = columns.map { Cell($0.title, titleStyle($0)) }
    }

    /// Adds a row, with a cell for each column; those that are missing are empty.
    public mutating func add(_ row: [Cell]) {
        rows.append((0..<columns.count).map { $0 < row.count ? row[$0] : Cell("") })
    }

    /// The titles and the rows, each at most so wide; nil for as wide as they are.
    public func lines(columns room: Int?) -> (titles: Line, rows: [Line]) {
        let natural = columns.indices.map { index in
            ([titles] + rows).reduce(columns[index].columnsMin) { max($0, ShownText.columns($1[index].text)) }
        }
        let widths = fit(natural, into: room ?? .max)
        let lines = ([titles] + rows).map { row in
            let line = line(row, widths)
            return room.map { line.cut(to: $0) } ?? line
        }
        return (lines[0], Array(lines.dropFirst()))
    }

    /// The width of each column; nil of those that are left out.
    private func fit(_ natural: [Int], into room: Int) -> [Int?] {
        let least = columns.indices.map { min(natural[$0], columns[$0].columnsCut ?? natural[$0]) }
        // A column that says nothing takes no room.
        var shown = columns.indices.filter { natural[$0] > 0 }
        func total(_ widths: [Int]) -> Int { shown.reduce(0) { $0 + widths[$1] } + gap * max(shown.count - 1, 0) }
        while total(least) > room, let last = shown.filter({ columns[$0].rank > 0 }).max(by: isKeptLonger) {
            shown.removeAll { $0 == last }
        }
        var widths = least
        // What is left goes to the columns that were cut, the first one first.
        for index in shown where natural[index] > least[index] {
            widths[index] += min(natural[index] - least[index], max(room - total(widths), 0))
        }
        return columns.indices.map { shown.contains($0) ? widths[$0] : nil }
    }

    private func isKeptLonger(_ one: Int, than other: Int) -> Bool { columns[one].rank < columns[other].rank }

    private func line(_ row: [Cell], _ widths: [Int?]) -> Line {
        var line = Line()
        var end = 0
        for (index, cell) in row.enumerated() {
            guard let width = widths[index] else { continue }
            if end > 0 || line.columns > 0 { end += gap }
            let text = ShownText.fitted(cell.text, columns: width)
            // An empty cell at the end of a row leaves no spaces there.
            if !text.isEmpty {
                line.pad(to: columns[index].isRight ? end + width - ShownText.columns(text) : end)
                line.append(text, cell.style)
            }
            end += width
        }
        return line
    }
}
