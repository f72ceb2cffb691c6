import FoundationEssentials

extension Report {
    /// The report as indented JSON with sorted keys.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }

    /// Reads a report that ``json()`` wrote.
    public init(json: String) throws {
        self = try JSONDecoder().decode(Report.self, from: Data(json.utf8))
    }

    /// True when any subject returned bytes that differ from those that were sent.
    public var hasMismatch: Bool {
        rows.contains { $0.subjects.contains(where: \.hasMismatch) }
    }

    /// The names of the rows in which the reference failed or had errors.
    public var rowsFailedByReference: [String] {
        rows.filter { row in row.subjects.contains { $0.subject == setting.reference && !$0.isSound } }.map(\.name)
    }

    /// The report as a Markdown page; `chart` is the file name of the picture to show, if there is one.
    public func markdown(chart: String?) -> String {
        let memory = Numbers.fixed(Double(setting.memoryBytes) / 1_073_741_824, 0)
        let place = setting.namespace == "own" ? "own" : "none (\(setting.namespace))"
        let cores =
            setting.coresAreShared ? "shared by the subject and the generator" : "apart for subject and generator"
        var text = """
            # Results

            | | |
            | --- | --- |
            | machine | \(setting.processor), \(setting.cores) cores (\(cores)), \(memory) GiB |
            | kernel | Linux \(setting.kernel), congestion control \(setting.congestionControl), network namespace: \(place) |
            | commit | \(setting.commit.isEmpty ? "unknown" : setting.commit) |
            | command | `\(setting.command)` |
            | date | \(setting.date) |
            | run | \(setting.rounds) rounds, windows of \(Numbers.short(setting.seconds)) s, threads: \(setting.threads) |

            """
        for subject in subjects { text += "| \(subject.name) | \(subject.command) |\n" }
        if let chart { text += "\n![The headline rows as bars](\(chart))\n" }
        text += "\n\(Table.legend(reference: setting.reference).joined(separator: " "))\n"
        for row in rows { text += "\n" + Table(row, reference: setting.reference).markdown }
        return text
    }
}
