/// A row's results as a table, for the terminal and for Markdown.
public struct Table: Sendable {
    /// The line above the table.
    public let caption: String
    /// The columns' headings.
    public let heading: [String]
    /// One line for each subject.
    public let lines: [[String]]

    /// A column between the subject's name and its notes.
    private struct Column {
        let heading: String
        let cell: (Report.SubjectResult) -> String

        init(_ heading: String, cell: @escaping (Report.SubjectResult) -> String) {
            self.heading = heading
            self.cell = cell
        }

        /// A figure of the summary, divided by `scale`.
        init(_ heading: String, scale: Double = 1, _ figure: @escaping (Summary) -> Double?) {
            self.init(heading) { Numbers.short(figure($0.summary).map { $0 / scale }) }
        }
    }

    /// Makes the table of one row.
    public init(_ row: Report.RowResult, reference: String) {
        caption = "\(row.name): \(row.title)"
        let columns = Self.columns(row, reference: reference)
        heading = [""] + columns.map(\.heading) + ["notes"]
        lines = row.subjects.map { result in
            [result.subject] + columns.map { $0.cell(result) } + [result.summary.notes.joined(separator: "; ")]
        }
    }

    private static func columns(_ row: Report.RowResult, reference: String) -> [Column] {
        func isKnown(_ figure: (Summary) -> Double?) -> Bool { row.subjects.contains { figure($0.summary) != nil } }
        let scale = row.cost.scale(row.unit)
        var columns = [
            Column(row.unit.rate) { $0.throughput?.median },
            Column(row.cost.heading(row.unit)) { $0.cost.map { $0.median / scale } },
            Column("\(reference)/it [min-max]", cell: { $0.subject == reference ? "1" : Self.ratio($0.summary.ratio) }),
        ]
        switch row.cost {
        case .memory:
            columns += [Column("user", scale: 1024) { $0.userBytes }, Column("kernel", scale: 1024) { $0.kernelBytes }]
        case .processor:
            if isKnown({ $0.p50 }) {
                columns += [
                    Column("p50 us") { $0.p50 }, Column("p99 us") { $0.p99 }, Column("p999 us") { $0.p999 },
                ]
            }
            columns.append(Column("switches") { $0.switches })
        case .p99:
            if isKnown({ $0.p99OverDirect }) { columns.append(Column("-direct") { $0.p99OverDirect }) }
            if isKnown({ $0.p99Alone }) { columns.append(Column("alone") { $0.p99Alone }) }
            columns += [Column("p50 us") { $0.p50 }, Column("p999 us") { $0.p999 }, Column("max us") { $0.longest }]
            columns.append(Column("CPU %", scale: 0.01) { $0.processorShare })
            columns += besideColumns(isKnown)
        }
        return columns
    }

    /// What became of the load beside the work.
    private static func besideColumns(_ isKnown: ((Summary) -> Double?) -> Bool) -> [Column] {
        var columns: [Column] = []
        if isKnown({ $0.bulkRate }) { columns.append(Column("bulk MB/s", scale: 1_000_000) { $0.bulkRate }) }
        if isKnown({ $0.visitRate }) {
            columns += [
                Column("conn/s") { $0.visitRate }, Column("conn p50") { $0.visits?.p50 },
                Column("conn p99") { $0.visits?.p99 }, Column("conn p999") { $0.visits?.p999 },
            ]
        }
        return columns
    }

    private static func ratio(_ ratio: Spread?) -> String {
        guard let ratio else { return "-" }
        return "\(Numbers.fixed(ratio.median, 2)) [\(Numbers.fixed(ratio.min, 2))-\(Numbers.fixed(ratio.max, 2))]"
    }

    /// The explanation of the columns with ratio and cost.
    public static func legend(reference: String) -> [String] {
        [
            "\(reference)/it is the cost of \(reference) divided by that of the line's subject: the median of the rounds and "
                + "their range.",
            "Below 1 \(reference) is cheaper. A cost is the processor time of all threads and children per unit, the p99, "
                + "or the memory.",
            "-direct is how far the p99 is above that of direct under the same load; alone is the p99 before that load "
                + "came; conn are the short connections in it, timed from when each was due.",
        ]
    }

    /// The table with aligned columns: the first and the last to the left, the others to the right.
    public var text: String {
        let all = [heading] + lines
        let widths = heading.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        let body = all.map { line in
            var text = " "
            for (column, cell) in line.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                let isLeft = column == 0 || column == line.count - 1
                text += " " + (column == 0 ? "" : " ") + (isLeft ? cell + padding : padding + cell)
            }
            return String(text.reversed().drop { $0 == " " }.reversed())
        }
        return ([caption] + body).joined(separator: "\n") + "\n"
    }

    /// The table in Markdown.
    public var markdown: String {
        let rule = heading.indices.map { $0 == 0 || $0 == heading.count - 1 ? "---" : "---:" }
        let all = ([heading, rule] + lines).map { line in
            "| " + line.map { $0.isEmpty ? " " : $0 }.joined(separator: " | ") + " |"
        }
        return "### \(caption)\n\n" + all.joined(separator: "\n") + "\n"
    }
}
