/// A report as lines of text.
public enum DrillText {
    /// Labels of lines take so many columns.
    private static let labelColumns = 15

    /// The lines, none longer than `columns`, except for names that are longer.
    public static func lines(_ report: DrillReport, columns: Int = 80) -> [String] {
        let plan = report.plan
        let copy = plan.isCopy ? " (on a copy)" : ""
        var lines = wrapped(
            "Drill: backend \(plan.pool)/\(plan.backend) \(plan.mode.rawValue) for "
                + "\(Times.text(plan.lengthSeconds))\(copy)",
            label: "", columns)
        lines += wrapped(
            "listener \(plan.listener) at \(plan.address), \(plan.probesPerSecond) per second at most; a probe "
                + "waits for "
                + (plan.isAnswerAwaited ? "its answer" : "its connection to a backend"), label: "probes", columns)
        lines.append("")
        lines.append(row("", ["probes", "failed", "affected", "wait p50", "p99", "longest"]))
        lines += [("before", report.before), ("away", report.during), ("put back", report.after)].map { name, part in
            row(
                name,
                [
                    "\(part.probes)", "\(part.failed)", "\(part.affected)", Times.text(part.waitP50Seconds),
                    Times.text(part.waitP99Seconds), Times.text(part.waitMaxSeconds),
                ])
        }
        lines.append("")
        for (label, text) in facts(report) { lines += wrapped(text, label: label, columns) }
        lines.append("")
        lines += wrapped(report.verdict, label: "verdict", columns)
        for remark in report.remarks { lines += wrapped(remark, label: "remark", columns) }
        return lines
    }

    private static func facts(_ report: DrillReport) -> [(String, String)] {
        var facts: [(String, String)] = []
        if report.addedP50Seconds != nil {
            facts.append(
                ("added wait", "p50 \(Times.text(report.addedP50Seconds)), p99 \(Times.text(report.addedP99Seconds))"))
        }
        if let first = report.firstAffectedSeconds, let last = report.lastAffectedSeconds {
            let affected = report.during.affected + report.after.affected
            facts.append(
                (
                    "affected",
                    "\(DrillWords.count(affected, "client")); the first came after \(Times.text(first)), the last "
                        + "after \(Times.text(last))"
                ))
        } else {
            facts.append(("affected", "no client"))
        }
        let by = report.detectedBy.map { ", by \($0)" } ?? ""
        facts.append(("detected", report.detectSeconds.map { "after \(Times.text($0))\(by)" } ?? "not at all"))
        var recovery = report.recoverSeconds.map { "\(Times.text($0)) after its return" } ?? "-"
        if let first = report.firstServedSeconds {
            recovery += "; it served the first client after \(Times.text(first))"
        }
        facts.append(("recovered", recovery))
        let sessions = report.sessions
        facts.append(
            (
                "its sessions",
                "\(sessions.before) before, \(sessions.kept) of them at its return; "
                    + (sessions.closed == 0
                        ? "none was closed for the drill" : "\(sessions.closed) were closed as it went down")
            ))
        let clients = report.clients
        facts.append(
            (
                "all clients",
                "\(DrillWords.count(Int(clamping: clients.attemptsFailed), "connect")) to the backend failed, "
                    + "\(DrillWords.count(Int(clamping: clients.redispatches), "connect")) to others followed; "
                    + "\(DrillWords.count(Int(clamping: clients.withoutBackend), "client")) found no backend"
            ))
        return facts
    }

    /// A row of the table: a label, and columns of figures on the right.
    private static func row(_ label: String, _ cells: [String]) -> String {
        let width = 10
        let text = cells.map { String(repeating: " ", count: max(1, width - $0.count)) + $0 }.joined()
        return label + String(repeating: " ", count: max(1, labelColumns - 2 - label.count)) + text
    }

    /// The text in lines between its label and the last column.
    private static func wrapped(_ text: String, label: String, _ columns: Int) -> [String] {
        let indent = label.isEmpty ? 0 : labelColumns
        let room = max(columns - indent, 20)
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > room {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        if !line.isEmpty { lines.append(line) }
        return lines.enumerated().map { index, text in
            let head = index == 0 ? label : ""
            return head + String(repeating: " ", count: max(0, indent - head.count)) + text
        }
    }
}
