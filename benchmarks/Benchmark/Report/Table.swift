/// A row's results as a table, for the terminal and for Markdown.
public struct Table: Sendable {
    /// The line above the table.
    public let caption: String
    /// The columns' headings.
    public let heading: [String]
    /// One line for each subject.
    public let lines: [[String]]

    /// Makes the table of one row.
    public init(_ row: Report.RowResult, reference: String) {
        caption = "\(row.name): \(row.title)"
        let isMemory = row.cost == .memory
        let isDisturbed = row.subjects.contains { $0.summary.p99Alone != nil }
        let hasLatency = row.subjects.contains { $0.summary.p50 != nil }
        var heading = ["", row.unit.rate, row.cost.heading(row.unit), "\(reference)/it [min-max]"]
        if isMemory { heading += ["user", "kernel"] }
        if isDisturbed { heading.append("p99 alone") }
        if hasLatency, !isMemory { heading += ["p50 us"] + (row.cost == .p99 ? [] : ["p99 us"]) }
        if row.cost == .processor { heading.append("switches") }
        self.heading = heading + ["notes"]

        lines = row.subjects.map { result in
            let summary = result.summary
            var line = [
                result.subject, Numbers.short(summary.throughput?.median),
                Numbers.short(summary.cost.map { $0.median / row.cost.scale(row.unit) }),
                result.subject == reference ? "1" : Self.ratio(summary.ratio),
            ]
            if isMemory {
                line += [summary.userBytes, summary.kernelBytes].map { Numbers.short($0.map { $0 / 1024 }) }
            }
            if isDisturbed { line.append(Numbers.short(summary.p99Alone)) }
            if hasLatency, !isMemory {
                line += [Numbers.short(summary.p50)] + (row.cost == .p99 ? [] : [Numbers.short(summary.p99)])
            }
            if row.cost == .processor { line.append(Numbers.short(summary.switches)) }
            return line + [summary.notes.joined(separator: "; ")]
        }
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
