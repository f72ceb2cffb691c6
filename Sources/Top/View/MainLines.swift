import AdministrationAPI

extension TopModel {
    /// The table of backends, and below it listeners and events where there is room.
    func mainLines(rows room: Int) -> [Line] {
        guard let status else { return [] }
        let backends = backendRows
        let wanted = 1 + max(backends.count, 1)
        // At least a few backends stay visible before anything else gets rows.
        let left = room - min(wanted, max(8, room / 2))
        let pools = Array(poolLines(status).prefix(max(min(left, 3), 0)))
        let listeners = listenerLines(status, rows: left - pools.count)
        var lines = backendTable(backends, rows: min(wanted, room - pools.count - listeners.count))
        lines += pools + listeners
        return lines + eventLines(rows: room - lines.count)
    }

    // MARK: backends

    private static let sortMarks = (descending: "v", ascending: "^")

    private func backendTable(_ rows: [BackendRow], rows room: Int) -> [Line] {
        func title(_ text: String, _ sort: BackendSort?) -> String {
            guard sort == self.sort, sort != .order || isReversed else { return text }
            return (isReversed ? Self.sortMarks.ascending : Self.sortMarks.descending) + text
        }
        var table = Table(
            [
                .init("  " + title("BACKEND", .order), columnsMin: 14, columnsCut: max(14, min(columns / 5, 26))),
                .init(title("STATE", .state), columnsMin: 9),
                .init(title("SESS", .sessions), isRight: true, columnsMin: 7),
                .init(title("NEW/s", .new), isRight: true, columnsMin: 6),
                .init(title("FAIL/s", .failures), isRight: true, columnsMin: 6, rank: 2),
                .init(title("UP/s", .bytesUp), isRight: true, columnsMin: 6, rank: 5),
                .init(title("DOWN/s", .bytesDown), isRight: true, columnsMin: 6, rank: 4),
                .init(title("P99", .connect), isRight: true, columnsMin: 6, rank: 3),
                .init(title("SINCE", .change), isRight: true, columnsMin: 6, rank: 1),
                .init("P50", isRight: true, columnsMin: 6, rank: 9), .init("WEIGHT", isRight: true, rank: 7),
                .init("STALL", isRight: true, columnsMin: 5, rank: 8), .init("ADDRESS", rank: 10),
                .init("NOTE", columnsMin: 4, columnsCut: 12, rank: 6),
            ], gap: columns < 100 ? 1 : 2, titleStyle: { _ in .bold })
        let chosen = chosenIndex
        for (index, row) in rows.enumerated() { table.add(cells(row, isChosen: index == chosen)) }
        let (titles, lines) = table.lines(columns: columns)
        guard !rows.isEmpty else {
            return [
                titles, Line(filter.isEmpty ? "  no backend is configured" : "  no backend matches the filter", .dim),
            ]
        }
        // Where there is no room for all, the last row says which are visible.
        let isCut = lines.count > room - 1
        let visible = Self.window(of: lines.count, around: chosen ?? 0, rows: isCut ? room - 2 : room - 1)
        let shown = visible.map { index in index == chosen ? mark(lines[index]) : lines[index] }
        let rest = Line("  backends \(visible.lowerBound + 1) to \(visible.upperBound) of \(lines.count)", .dim)
        return [titles] + shown + (isCut ? [rest] : [])
    }

    /// The row of what is chosen: with a mark, and reversed as a whole.
    func mark(_ line: Line) -> Line {
        var marked = line
        marked.pad(to: columns)
        return marked.styled { $0.isReversed = true }
    }

    /// The places that are visible of so many, with the chosen one in the middle where possible.
    static func window(of count: Int, around chosen: Int, rows room: Int) -> Range<Int> {
        let room = min(max(room, 0), count)
        let first = min(max(chosen - room / 2, 0), count - room)
        return first..<first + room
    }

    private func cells(_ row: BackendRow, isChosen: Bool) -> [Table.Cell] {
        let backend = row.backend
        let flow = row.flow
        func figure(_ number: Double?) -> Table.Cell { Table.Cell(number.map(Figures.short) ?? "-") }
        func time(_ seconds: Double?) -> Table.Cell { Table.Cell(seconds.map(Figures.time) ?? "-") }
        let stalls = flow.map { $0.clientStalls + $0.backendStalls }
        let state = backend.remarks.isEmpty || !backend.isUsable ? backend.state : backend.state + "*"
        return [
            Table.Cell((isChosen ? "> " : "  ") + row.reference.description),
            Table.Cell(state, backend.isUsable && !backend.remarks.isEmpty ? .of(.yellow) : .ofState(backend.state)),
            Table.Cell(backend.load), figure(flow?.sessions),
            Table.Cell(flow.map { Figures.short($0.failures) } ?? "-", (flow?.failures ?? 0) > 0 ? .of(.red) : .plain),
            figure(flow?.bytesUp), figure(flow?.bytesDown), time(backend.connectP99Seconds),
            Table.Cell(backend.changedSeconds.map(Figures.age) ?? "-"), time(backend.connectP50Seconds),
            Table.Cell(
                backend.weight == backend.configuredWeight
                    ? "\(backend.weight)" : "\(backend.weight)/\(backend.configuredWeight)"),
            Table.Cell(stalls.map(Figures.percent) ?? "-"),
            Table.Cell(backend.address == backend.name ? "" : backend.address ?? "no address"),
            Table.Cell(backend.note),
        ]
    }

    // MARK: pools, listeners, events

    /// Pools that want to be looked at.
    private func poolLines(_ status: Status) -> [Line] {
        status.pools.compactMap { pool in
            var parts: [String] = []
            if pool.isInPanic { parts.append("panic, all backends are used") }
            if pool.queueLength > 0 {
                parts.append("\(pool.queueLength)\(pool.queueMax.map { " of \($0)" } ?? "") clients wait")
            }
            if let rate = rates?.noBackend[pool.name], rate > 0 {
                parts.append("\(Figures.short(rate)) clients/s meet no backend")
            }
            guard !parts.isEmpty else { return nil }
            return Line("pool \(pool.name): \(parts.joined(separator: "; "))", .of(.yellow)).cut(to: columns)
        }
    }

    private func listenerLines(_ status: Status, rows room: Int) -> [Line] {
        // A blank row, the titles, and one listener.
        guard room >= 3, !status.listeners.isEmpty else { return [] }
        var table = Table(
            [
                .init("  LISTENER", columnsMin: 14, columnsCut: 14), .init("STATE", columnsMin: 9),
                .init("SESS", isRight: true, columnsMin: 7), .init("NEW/s", isRight: true, columnsMin: 6),
                .init("REJ/s", isRight: true, columnsMin: 6, rank: 2),
                .init("WAIT", isRight: true, columnsMin: 4, rank: 3),
                .init("POOL", rank: 4), .init("ADDRESSES", columnsCut: 12, rank: 1),
            ], gap: columns < 100 ? 1 : 2, titleStyle: { _ in .bold })
        for listener in status.listeners {
            let flow = rates?.listeners[listener.name]
            table.add([
                Table.Cell("  " + listener.name), Table.Cell(listener.state, .ofState(listener.state)),
                Table.Cell(listener.sessionsMax.map { "\(listener.sessions)/\($0)" } ?? "\(listener.sessions)"),
                Table.Cell(flow.map { Figures.short($0.sessions) } ?? "-"),
                Table.Cell(flow.map { Figures.short($0.failures) } ?? "-"), Table.Cell("\(listener.waiting)"),
                Table.Cell(listener.pool ?? (listener.routes.isEmpty ? "-" : "by name")),
                Table.Cell(listener.addresses.joined(separator: " ")),
            ])
        }
        let (titles, lines) = table.lines(columns: columns)
        let shown = lines.count > room - 2 ? room - 3 : lines.count
        var all = [Line(), titles] + lines.prefix(max(shown, 0))
        if lines.count > shown { all.append(Line("  and \(lines.count - max(shown, 0)) more listeners", .dim)) }
        return all
    }

    /// The last events, the oldest first; none where only one or two would have room.
    func eventLines(rows room: Int) -> [Line] {
        guard room >= 3, !events.isEmpty else { return [] }
        return [Line()] + events.suffix(room - 1).map { $0.line.cut(to: columns) }
    }
}

extension EventRow {
    /// When, what and about what.
    var line: Line {
        let clock = time.split(separator: "T").last.map { String($0.prefix(8)) } ?? ""
        let style: Style =
            level == "error" ? Style(colour: .red, isBold: true) : level == "warning" ? .of(.red) : .plain
        var line = Line("\(clock) ", .dim)
        line.append(event, style)
        let subject = [fields["pool"], fields["backend"]].compactMap(\.self).joined(separator: "/")
        if let name = subject.isEmpty ? fields["listener"] : subject { line.append(" \(name)", .bold) }
        line.append(" \(message)")
        if let by = fields["by"] { line.append(" (\(by))") }
        return line
    }
}
