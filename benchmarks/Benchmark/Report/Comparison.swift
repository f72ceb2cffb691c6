/// The changes from one report to another.
public struct Comparison: Sendable {
    /// A cost that changed beyond noise.
    public struct Change: Equatable, Sendable {
        /// The row's name.
        public var row: String
        /// The subject's name.
        public var subject: String
        /// The heading of the cost's unit.
        public var heading: String
        /// The cost before.
        public var before: Spread
        /// The cost now.
        public var after: Spread

        /// The cost now divided by the cost before: 1.1 when it has grown by a tenth.
        public var factor: Double { after.median / before.median }
    }

    /// The costs that changed beyond noise: the ranges of the rounds do not overlap, and the medians differ by more
    /// than ``leastChange``.
    public var changes: [Change] = []
    /// The costs that could be measured before but not now, with the reason.
    public var failures: [String] = []
    /// The smallest number of rounds of a compared cost.
    public var rounds = Int.max
    /// The number of compared costs.
    public var compared = 0
    /// Differences between the circumstances of the two runs.
    public var warnings: [String] = []

    /// Smaller relative changes are not reported, even if all rounds agree, because the rounds of one run do not show
    /// how much results vary from run to run.
    public static let leastChange = 0.03

    /// With this many rounds an unchanged cost seldom appears changed by chance: one of 126 does.
    public static let roundsWanted = 5

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
            guard let now = after.rows.first(where: { $0.name == row.name }) else {
                warnings.append("row \(row.name): only before")
                continue
            }
            for result in row.subjects where result.isSound { compare(row, result, now) }
        }
    }

    private mutating func compare(_ row: Report.RowResult, _ result: Report.SubjectResult, _ now: Report.RowResult) {
        let name = "\(row.name), \(result.subject)"
        guard let other = now.subjects.first(where: { $0.subject == result.subject }) else {
            return warnings.append("\(name): only before")
        }
        guard other.isSound else {
            return failures.append("\(name): \(other.summary.notes.first ?? "no figure")")
        }
        // A median of 0 or less (memory that was given back) has no factor.
        guard let one = result.summary.cost, let two = other.summary.cost, one.median > 0, two.median > 0 else {
            return
        }
        compared += 1
        rounds = min(rounds, result.samples.count, other.samples.count)
        let change = Change(
            row: row.name, subject: result.subject, heading: row.cost.heading(row.unit),
            before: one.scaled(row.cost.scale(row.unit)), after: two.scaled(row.cost.scale(row.unit)))
        if abs(change.factor - 1) > Self.leastChange, one.differs(from: two) { changes.append(change) }
    }

    /// One of this many unchanged costs appears changed by chance: (2n over n) / 2, for n rounds.
    private var falseAlarmOneIn: Int {
        let ways = (1...max(rounds, 1)).reduce(1.0) { $0 * Double(rounds + $1) / Double($1) }
        return max(1, Int(ways / 2))
    }

    /// The comparison as text for the terminal.
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
        lines += failures.map { "fails now: \($0)" }
        let same = compared - changes.count
        lines.append("\(changes.count) of \(compared) costs changed beyond the spread of their rounds, \(same) did not")
        if compared > 0, rounds < Self.roundsWanted {
            lines.append(
                "with \(rounds == 1 ? "1 round" : "\(rounds) rounds") one of \(falseAlarmOneIn) costs looks changed by chance: "
                    + "use --rounds \(Self.roundsWanted), or repeat the comparison")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Spread {
    /// The same spread in a unit that is `divisor` times as large.
    func scaled(_ divisor: Double) -> Spread {
        var spread = self
        spread.median /= divisor
        spread.min /= divisor
        spread.max /= divisor
        return spread
    }
}
