import AdministrationAPI

extension TopModel {
    // MARK: one backend

    /// All that is known of a backend.
    func backendLines(_ reference: BackendReference) -> [Line] {
        var title = Line("backend \(reference)", .bold)
        guard let backend = status?.backend(reference) else {
            title.append("  is not configured any more")
            return [title]
        }
        if backend.address != backend.name { title.append("  \(backend.address ?? "without an address")") }
        var lines = [title, Line()]
        for (name, value, style) in entries(backend, rates?.backends[reference]) {
            lines += Self.entry(name, value, style, columns: columns)
        }
        let own = events.filter { $0.fields["pool"] == reference.pool && $0.fields["backend"] == reference.backend }
        if !own.isEmpty {
            lines +=
                [Line(), Line("its last events", .bold)] + own.suffix(20).reversed().map { $0.line.cut(to: columns) }
        }
        return lines
    }

    private static let nameColumns = 14

    /// A name and its value; of a value that is longer than a row, the rest stands below.
    private static func entry(_ name: String, _ value: String, _ style: Style, columns: Int) -> [Line] {
        let room = max(columns - nameColumns, 10)
        return ShownText.wrapped(ShownText.plain(value), columns: room).enumerated().map { index, part in
            var line = Line(index == 0 ? name : "", .dim)
            line.pad(to: nameColumns)
            line.append(part, style)
            return line
        }
    }

    private func entries(_ backend: Status.Backend, _ flow: Rates.Flow?) -> [(String, String, Style)] {
        func rate(_ number: Double?) -> String { number.map { " (\(Figures.short($0))/s)" } ?? "" }
        func share(_ number: Double?) -> String { number.map { " (\(Figures.percent($0)) now)" } ?? "" }
        var entries: [(String, String, Style)] = []
        entries.append(("state", ([backend.state] + backend.remarks).joined(separator: ", "), .ofState(backend.state)))
        entries.append(("since", backend.changedSeconds.map(Figures.age) ?? "the start", .plain))
        if let cause = backend.cause { entries.append(("because", cause, .plain)) }
        if let override = backend.override {
            let end = override.revertsSeconds.map { "goes back in \(Figures.age($0))" } ?? "until it is changed again"
            entries.append(("set by", "\(override.by), \(end)", .of(.yellow)))
        }
        entries.append(
            ("sessions", backend.sessionsMax.map { "\(backend.sessions) of \($0)" } ?? "\(backend.sessions)", .plain))
        let configured = backend.weight == backend.configuredWeight ? "" : " (configured: \(backend.configuredWeight))"
        entries.append(("weight", "\(backend.weight)\(configured)\(backend.isBackup ? ", backup" : "")", .plain))
        entries.append(("connects", Figures.grouped(backend.sessionsTotal) + rate(flow?.sessions), .plain))
        let failures = Self.counters(backend.connectFailuresTotal)
        entries.append(("failed", failures + rate(flow?.failures), failures == "none" ? .plain : .of(.red)))
        entries.append(
            ("retried here", "\(Figures.grouped(backend.redispatchesTotal)) after another had failed", .plain))
        let p50 = backend.connectP50Seconds.map(Figures.time) ?? "-"
        entries.append(
            ("connect time", "p50 \(p50), p99 \(backend.connectP99Seconds.map(Figures.time) ?? "-")", .plain))
        entries.append(("bytes up", Figures.grouped(backend.bytesUpTotal) + rate(flow?.bytesUp), .plain))
        entries.append(("bytes down", Figures.grouped(backend.bytesDownTotal) + rate(flow?.bytesDown), .plain))
        entries.append(("ended", Self.counters(backend.endsTotal), .plain))
        let stalls =
            "clients \(Figures.age(backend.clientStallSecondsTotal))\(share(flow?.clientStalls)), "
            + "the backend \(Figures.age(backend.backendStallSecondsTotal))\(share(flow?.backendStalls))"
        entries.append(("waited for", stalls, .plain))
        entries.append(("changes", "\(Figures.grouped(backend.stateChangesTotal)) of its state", .plain))
        return entries
    }

    /// `refused 10, timed-out 2`, the largest first; `none`.
    private static func counters(_ counters: [String: UInt64]) -> String {
        let sorted = counters.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return sorted.isEmpty ? "none" : sorted.map { "\($0.key) \(Figures.grouped($0.value))" }.joined(separator: ", ")
    }

    // MARK: sessions

    /// The sessions of a backend, the oldest first.
    func sessionLines(of reference: BackendReference, rows room: Int) -> [Line] {
        var title = Line("sessions of \(reference)", .bold)
        guard let list = sessionList else {
            title.append(isAskingSessions ? "  asking ..." : "")
            return [title]
        }
        title.append("  \(Figures.grouped(list.matched))")
        if list.sessions.count < list.matched { title.append(", the oldest \(list.sessions.count) are listed") }
        if !list.unansweredLoops.isEmpty {
            title.append(
                "  loops that did not answer: \(list.unansweredLoops.map(String.init).joined(separator: " "))",
                .of(.red))
        }
        let (titles, lines) = SessionTable.lines(
            list.sessions, columns: columns, mark: chosenSessionIndex, isOfOneBackend: true)
        let visible = Self.window(of: lines.count, around: chosenSessionIndex ?? 0, rows: room - 2)
        return [title, titles] + visible.map { $0 == chosenSessionIndex ? mark(lines[$0]) : lines[$0] }
    }

    /// What happened to a session.
    func storyLines(_ id: String) -> [Line] {
        guard let story else { return [Line("session \(id)", .bold)] + (message == nil ? [Line("asking ...")] : []) }
        return StoryText.lines(story, columns: columns)
    }

    // MARK: keys

    /// What the keys do.
    var helpLines: [Line] {
        let keys: [(String, String)] = [
            ("q, Ctrl-C", "quit"), ("j k, arrows", "choose; also PageUp, PageDown, Home, End"),
            ("Enter", "details of the backend; why, at a session"), ("Esc", "back; ends the filter"),
            ("s", "sessions of the backend"), ("d", "drain: no new sessions, those there go on"),
            ("m", "maintain: the same, and no checks"), ("r", "ready: what drain and maintain have done is over"),
            ("/", "filter by name, address, state or note"), ("p", "pause the picture, and go on"),
            (
                "1-9",
                "sort by: 1 configured order, 2 state, 3 sessions, 4 new, 5 failed, 6 bytes up, 7 bytes down, "
                    + "8 connect p99, 9 last change; again for the other way round"
            ),
            ("< >", "sort by the column before, or after"), ("Ctrl-L", "write the screen again"),
            ("Ctrl-Z", "stop; `fg` continues"),
        ]
        var lines = [Line("keys", .bold)]
        for (key, meaning) in keys { lines += Self.entry(key, meaning, .plain, columns: columns) }
        let words = [
            "UP is to backends, DOWN to clients, in bytes; k, M and G are steps of 1,000. P99: one connect in a "
                + "hundred takes longer. STALL: how much of the time bytes wait for somebody who does not take them; "
                + "above 100% for several. FAIL: attempts to connect. A state with * has a remark: see NOTE, or Enter."
        ]
        lines.append(Line())
        for word in words { lines += ShownText.wrapped(word, columns: columns).map { Line($0) } }
        return lines
    }
}
