import AdministrationAPI

extension TopModel {
    /// The first rows: the state of the process, its figures, and what is wrong.
    var headLines: [Line] {
        guard let status else {
            var line = Line("balancer top", .bold)
            line.append("  \(place)")
            return [line] + connectionLines
        }
        var lines = [titleLine(status)]
        lines += figureLines(status)
        lines += connectionLines
        if connection == .live { lines += problemLines(status) }
        return lines
    }

    private func titleLine(_ status: Status) -> Line {
        var line = Line("balancer \(status.version) ", .bold)
        var style = Style.ofState(status.state)
        style.isBold = true
        if connection != .live { style = .dim }
        line.append(" \(status.state) ", style)
        line.append(" up \(Figures.age(status.uptimeSeconds))")
        // `2026-11-27T21:15:00.000Z`: the time of day.
        let clock = status.time.split(separator: "T").last.map { String($0.prefix(8)) } ?? ""
        let right = (isPaused ? "PAUSED  " : "") + clock + "Z"
        let room = columns - line.columns - ShownText.columns(right) - 4
        if room >= 8 { line.append("  " + ShownText.fitted(ShownText.plain(place), columns: room), .dim) }
        line = line.cut(to: columns - right.count - 1)
        line.pad(to: columns - right.count)
        line.append(right, isPaused ? Style(isReversed: true) : .plain)
        return line
    }

    /// As many rows as the figures need, at most two.
    private func figureLines(_ status: Status) -> [Line] {
        let total = rates?.total
        func rate(_ number: Double?) -> String { number.map(Figures.short) ?? "-" }
        let backends = status.pools.flatMap(\.backends)
        var items = [
            "sessions \(Figures.grouped(status.sessions))/\(Figures.grouped(status.sessionsMax))",
            "backends \(backends.count(where: \.isUsable))/\(backends.count)",
            "new \(rate(total?.sessions))/s", "failed \(rate(total?.failures))/s",
            "up \(rate(total?.bytesUp))B/s", "down \(rate(total?.bytesDown))B/s",
        ]
        let stuck = status.loops.count { $0.state != "running" }
        let p99 = status.loops.map(\.turnP99Seconds).max() ?? 0
        let longest = status.loops.map(\.turnMaxSeconds).max() ?? 0
        items += [
            "cpu \(rates.map { Figures.percent($0.processor) } ?? "-")",
            "mem \(Figures.short(status.resources.residentBytes))B",
            "fds \(Figures.short(Double(status.resources.openFds)))/\(Figures.short(Double(status.resources.maxFds)))",
            "loops \(status.loops.count)\(stuck > 0 ? " (\(stuck) stuck)" : "")",
            "turn p99 \(Figures.time(p99)) max \(Figures.time(longest))", "pid \(status.pid)",
        ]
        return flow(items, rowsMax: rows < 14 ? 1 : 2)
    }

    /// Items side by side, on so many rows at most; those that have no room are left out.
    private func flow(_ items: [String], rowsMax: Int) -> [Line] {
        var lines: [String] = [""]
        for item in items {
            let gap = lines[lines.count - 1].isEmpty ? "" : "  "
            if ShownText.columns(lines[lines.count - 1] + gap + item) <= columns {
                lines[lines.count - 1] += gap + item
            } else if lines.count < rowsMax {
                lines.append(item)
            } else {
                break
            }
        }
        return lines.map { Line($0) }
    }

    private var connectionLines: [Line] {
        switch connection {
        case .live: []
        case .waiting: [Line("asking \(place) ...", .of(.cyan))]
        case .lost(let reason):
            // One row: what is below must not move while attempts follow each other.
            [Line("no answer, these figures are old: \(reason)", Style(colour: .red, isBold: true)).cut(to: columns)]
        }
    }

    private func problemLines(_ status: Status) -> [Line] {
        let all = status.problems + status.audit
        let room = rows < 14 ? 1 : rows < 30 ? 3 : 6
        guard !all.isEmpty else { return [] }
        let shown = all.count > room ? room - 1 : all.count
        var lines = all.prefix(shown).map { Line("! \($0)", .of(.red)).cut(to: columns) }
        if all.count > shown {
            let more =
                shown == 0
                ? "! \(all[0]) (and \(all.count - 1) more)" : "! and \(all.count - shown) more: `balancer status`"
            lines.append(Line(more, .of(.red)).cut(to: columns))
        }
        return lines
    }
}
