import AdministrationAPI
import Top

/// The state of a balancer on one screen, for somebody who was just woken: what is wrong first, then pools, listeners
/// and the process. What is important stands in the first 80 columns.
struct StatusScreen {
    private let status: Status
    /// The width for text that is broken into lines.
    private let columns: Int
    /// The width of the terminal, at which tables are cut; nil for a file or a pipe.
    private let room: Int?

    /// Names that are longer are not cut, and move the rest of their row.
    private static let labelColumns = 11

    init(_ status: Status, columns: Int?) {
        self.status = status
        room = columns.map { max($0, Screen.columnsMin) }
        self.columns = max(columns ?? Output.standardColumns, Screen.columnsMin)
    }

    /// All lines.
    var lines: [Line] {
        var lines = [stateLine] + problemLines + poolLines
        if !status.listeners.isEmpty { lines += [Line()] + listenerLines }
        lines += [Line()] + processLines
        guard let room else { return lines }
        return lines.map { $0.cut(to: room) }
    }

    // MARK: what is wrong

    private var stateLine: Line {
        var line = Self.labelled("state")
        var style = Style.ofState(status.state)
        style.isBold = true
        line.append(status.state, style)
        let backends = status.pools.flatMap(\.backends)
        line.append(
            "  \(backends.count(where: \.isUsable)) of \(backends.count) backends take clients, "
                + "\(Figures.grouped(status.sessions)) of \(Figures.grouped(status.sessionsMax)) sessions")
        return line
    }

    private var problemLines: [Line] {
        let stuck = status.loops.filter { $0.state != "running" }.map { loop in
            "loop \(loop.index) is \(loop.state)\(loop.stuckSeconds.map { " for \(Figures.age($0))" } ?? "")"
        }
        // The balancer may have said so itself.
        let problems =
            status.problems + (status.problems.isEmpty ? stuck : []) + status.audit.map { "does not add up: \($0)" }
        guard !problems.isEmpty else {
            var line = Self.labelled("problems")
            line.append("none", .of(.green))
            return [line]
        }
        return problems.enumerated().flatMap { index, problem in
            let wrapped = ShownText.wrapped(ShownText.plain(problem), columns: columns - Self.labelColumns)
            return wrapped.enumerated().map { row, text in
                var line = Self.labelled(index == 0 && row == 0 ? "problems" : "")
                line.append(text, Style(colour: .red, isBold: index == 0))
                return line
            }
        }
    }

    private static func labelled(_ label: String) -> Line {
        var line = Line(label, .dim)
        line.pad(to: labelColumns)
        return line
    }

    // MARK: pools

    /// The pools with their backends, in columns that are the same for all; the titles stand once.
    private var poolLines: [Line] {
        var table = Table(
            [
                .init("  BACKEND", columnsMin: 12), .init("STATE", columnsMin: 8), .init("SESSIONS", isRight: true),
                .init("WEIGHT", isRight: true, rank: 3), .init("P99", isRight: true, columnsMin: 5, rank: 2),
                .init("SINCE", isRight: true, columnsMin: 6), .init("ADDRESS", rank: 1),
            ], titleStyle: { _ in .dim })
        for pool in status.pools {
            for backend in pool.backends { table.add(cells(backend)) }
        }
        let (titles, rows) = table.lines(columns: room)
        var rest = rows[...]
        var lines: [Line] = []
        for (index, pool) in status.pools.enumerated() {
            lines += [Line(), title(of: pool)]
            if index == 0 { lines.append(titles) }
            if pool.backends.isEmpty { lines.append(Line("  no backends", .dim)) }
            for (row, backend) in zip(rest, pool.backends) { lines += [row] + noteLines(backend) }
            rest = rest.dropFirst(pool.backends.count)
        }
        return lines
    }

    private func title(of pool: Status.Pool) -> Line {
        var line = Line("pool \(pool.name)", .bold)
        let most = pool.sessionsMax.map { " of \(Figures.grouped($0))" } ?? ""
        var parts = [pool.policy, "\(Figures.grouped(pool.sessions))\(most) sessions"]
        if let most = pool.queueMax { parts.append("\(pool.queueLength) of \(most) wait") }
        if pool.noBackendTotal > 0 { parts.append("\(Figures.grouped(pool.noBackendTotal)) clients met no backend") }
        line.append("  \(parts.joined(separator: ", "))")
        if pool.isInPanic { line.append("  PANIC: all backends are used", Style(colour: .red, isBold: true)) }
        return line
    }

    private func cells(_ backend: Status.Backend) -> [Table.Cell] {
        let weight =
            backend.weight == backend.configuredWeight
            ? "\(backend.weight)" : "\(backend.weight)/\(backend.configuredWeight)"
        return [
            Table.Cell("  " + backend.name), Table.Cell(backend.state, .ofState(backend.state)),
            Table.Cell(backend.load),
            Table.Cell(weight), Table.Cell(backend.connectP99Seconds.map(Figures.time) ?? "-"),
            Table.Cell(backend.changedSeconds.map(Figures.age) ?? "-"),
            Table.Cell(backend.address == backend.name ? "" : backend.address ?? "no address"),
        ]
    }

    /// What is to be said of a backend, on rows of its own: a cause may be long.
    private func noteLines(_ backend: Status.Backend) -> [Line] {
        guard !backend.note.isEmpty else { return [] }
        let indent = "    "
        return ShownText.wrapped(ShownText.plain(backend.note), columns: columns - indent.count).map {
            Line(indent + $0, backend.isUsable ? .plain : .ofState(backend.state))
        }
    }

    // MARK: listeners and the process

    private var listenerLines: [Line] {
        var table = Table(
            [
                .init("LISTENER", columnsMin: 12), .init("STATE", columnsMin: 8), .init("SESSIONS", isRight: true),
                .init("REJECTED", isRight: true, rank: 2), .init("WAIT", isRight: true, rank: 3), .init("POOL"),
                .init("ADDRESSES", columnsCut: 10, rank: 1),
            ], titleStyle: { _ in .dim })
        for listener in status.listeners {
            let rejected = listener.rejectedTotal.values.reduce(0) { $0 &+ $1 }
            table.add([
                Table.Cell(listener.name), Table.Cell(listener.state, .ofState(listener.state)),
                Table.Cell(listener.sessionsMax.map { "\(listener.sessions)/\($0)" } ?? "\(listener.sessions)"),
                Table.Cell(Figures.short(rejected)), Table.Cell("\(listener.waiting)"),
                Table.Cell(listener.pool ?? "-"), Table.Cell(listener.addresses.joined(separator: " ")),
            ])
            for route in listener.routes {
                table.add([
                    Table.Cell("  \(route.title)"), Table.Cell(""), Table.Cell(""), Table.Cell(""), Table.Cell(""),
                    Table.Cell(route.pool), Table.Cell("\(Figures.grouped(route.clientsTotal)) clients"),
                ])
            }
        }
        let (titles, rows) = table.lines(columns: room)
        return [titles] + rows
    }

    private var processLines: [Line] {
        let resources = status.resources
        let p99 = status.loops.map(\.turnP99Seconds).max() ?? 0
        let longest = status.loops.map(\.turnMaxSeconds).max() ?? 0
        let text =
            "balancer \(status.version), pid \(status.pid), up \(Figures.age(status.uptimeSeconds)) since "
            + "\(status.started); \(status.loops.count) \(status.loops.count == 1 ? "loop" : "loops"), turn p99 "
            + "\(Figures.time(p99)), longest \(Figures.time(longest)); cpu \(Figures.age(resources.cpuSeconds)), "
            + "memory \(Figures.short(resources.residentBytes))B, descriptors \(Figures.grouped(resources.openFds)) of "
            + "\(Figures.grouped(resources.maxFds)); \(Figures.grouped(status.acceptedTotal)) clients since the start"
        return ShownText.wrapped(ShownText.plain(text), columns: columns - Self.labelColumns).enumerated().map {
            index, part in
            var line = Self.labelled(index == 0 ? "process" : "")
            line.append(part)
            return line
        }
    }
}
