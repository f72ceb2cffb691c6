/// What changed from one report to another.
public struct Comparison: Sendable {
    /// A cost that changed beyond noise.
    public struct Change: Equatable, Sendable {
        /// The row.
        public var row: String
        /// The subject.
        public var subject: String
        /// The unit's heading.
        public var heading: String
        /// What it cost before.
        public var before: Spread
        /// What it costs now.
        public var after: Spread

        /// 1.1 when a tenth dearer.
        public var factor: Double { after.median / before.median }
    }

    /// What is changed beyond noise: each median lies outside of the other's range, and by more than ``leastChange``.
    public var changes: [Change] = []
    /// Rows and subjects that were compared.
    public var compared = 0
    /// What was different about the circumstances.
    public var warnings: [String] = []

    /// Less than this is not spoken of, even if the rounds agree: they do not tell what differs from run to run.
    public static let leastChange = 0.03

    /// Compares two reports.
    public init(_ before: Report, _ after: Report) {
        let (old, new) = (before.setting, after.setting)
        let circumstances: [(String, String, String)] = [
            ("processor", old.processor, new.processor), ("cores", "\(old.cores)", "\(new.cores)"),
            ("kernel", old.kernel, new.kernel), ("threads", "\(old.threads)", "\(new.threads)"),
            ("congestion control", old.congestionControl, new.congestionControl),
            ("namespace", old.namespace, new.namespace),
        ]
        for (name, one, other) in circumstances where one != other { warnings.append("\(name): \(one), now \(other)") }
        for subject in before.subjects {
            guard let now = after.subjects.first(where: { $0.name == subject.name }), now.version != subject.version
            else { continue }
            warnings.append("\(subject.name): \(subject.version), now \(now.version)")
        }
        for row in before.rows {
            guard let now = after.rows.first(where: { $0.name == row.name }) else { continue }
            for result in row.subjects {
                guard let other = now.subjects.first(where: { $0.subject == result.subject }), result.isSound,
                    other.isSound, let one = result.summary.cost, let two = other.summary.cost
                else { continue }
                compared += 1
                let change = Change(
                    row: row.name, subject: result.subject, heading: row.cost.heading(row.unit),
                    before: one.scaled(row.cost.scale(row.unit)), after: two.scaled(row.cost.scale(row.unit)))
                let isLarge = abs(change.factor - 1) > Self.leastChange
                if isLarge, one.differs(from: two) { changes.append(change) }
            }
        }
    }

    /// For the terminal.
    public var text: String {
        var lines = warnings.map { "differs: \($0)" }
        let rows = changes.map { change in
            let percent = Numbers.fixed(abs(change.factor - 1) * 100, 0)
            return [
                change.row, change.subject,
                "\(Numbers.short(change.before.median)) -> \(Numbers.short(change.after.median))",
                change.heading, change.factor > 1 ? "\(percent) % dearer" : "\(percent) % cheaper",
            ]
        }
        let widths = (0..<5).map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            let cells = row.enumerated().map { $1 + String(repeating: " ", count: widths[$0] - $1.count) }
            lines.append(cells.joined(separator: "  "))
        }
        let same = compared - changes.count
        lines.append("\(changes.count) of \(compared) costs changed beyond the spread of their rounds, \(same) did not")
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Spread {
    /// The same in another unit.
    func scaled(_ divisor: Double) -> Spread {
        var spread = self
        spread.median /= divisor
        spread.min /= divisor
        spread.max /= divisor
        return spread
    }
}
