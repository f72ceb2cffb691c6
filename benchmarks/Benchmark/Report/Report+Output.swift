import FoundationEssentials

extension Report {
    /// The report as JSON, keys in order, for people to read as well.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }

    /// Reads what ``json()`` wrote.
    public init(json: String) throws {
        self = try JSONDecoder().decode(Report.self, from: Data(json.utf8))
    }

    /// True when something else came back than was sent, from any subject.
    public var hasMismatch: Bool {
        rows.contains { $0.subjects.contains(where: \.hasMismatch) }
    }

    /// The rows that the reference failed.
    public var rowsFailedByReference: [String] {
        rows.filter { row in row.subjects.contains { $0.subject == setting.reference && !$0.isSound } }.map(\.name)
    }

    /// The report as a page of Markdown; `chart` is the name of the picture to show, if there is one.
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
