import AdministrationAPI

extension TopModel {
    /// The last rows: what is asked or was done, and the keys.
    var footLines: [Line] {
        var lines: [Line] = []
        if case .confirming(let change, let outcome) = question {
            lines += confirmationLines(change, outcome)
        } else {
            lines.append(messageLine)
        }
        lines.append(keyLine)
        return lines
    }

    private var messageLine: Line {
        switch question {
        case .asking(let change):
            return Line("\(change.state) \(change.backend): asking what would change ...", .of(.cyan))
        case .carrying(let change): return Line("\(change.state) \(change.backend) ...", .of(.cyan))
        case .confirming, nil: break
        }
        if isTypingFilter {
            var line = Line("filter: \(filter)")
            line.append(" ", Style(isReversed: true))
            return line
        }
        if let message {
            return Line(message.text, message.isFault ? Style(colour: .red, isBold: true) : .bold).cut(to: columns)
        }
        if !filter.isEmpty, view == .backends {
            let all = status?.backendsByReference.count ?? 0
            return Line("filter: \(filter) (\(backendRows.count) of \(all) backends; Esc ends it)", .of(.yellow))
        }
        return Line()
    }

    /// What would change and for how many sessions, and the keys that decide.
    private func confirmationLines(_ change: TopChange, _ outcome: Change) -> [Line] {
        let sessions = "\(Figures.grouped(outcome.sessions)) \(outcome.sessions == 1 ? "session" : "sessions")"
        let fate =
            switch change.state {
            case "ready": outcome.sessions == 0 ? "new clients come" : "\(sessions) stay, new clients come"
            default: outcome.sessions == 0 ? "no session is affected" : "\(sessions) go on, no new ones come"
            }
        let text = ([outcome.sentence(), fate] + outcome.remarks).joined(separator: "; ")
        let wrapped = ShownText.wrapped(ShownText.plain("\(change.state)? \(text)"), columns: columns)
        return wrapped.prefix(max(rows / 4, 1)).map { Line($0, Style(colour: .yellow, isBold: true)) }
    }

    private var keyLine: Line {
        var line = Line()
        for (key, meaning) in keys {
            let room = columns - line.columns - (line.columns > 0 ? 2 : 0)
            guard key.count + 1 + meaning.count <= room else { break }
            if line.columns > 0 { line.append("  ") }
            line.append(key, Style(isReversed: true))
            line.append(" \(meaning)")
        }
        return line
    }

    /// The keys of what is shown, the most important first.
    private var keys: [(String, String)] {
        if case .confirming(let change, _) = question {
            return [("y", change.state), ("n", "leave it"), ("q", "quit")]
        }
        if isTypingFilter { return [("Enter", "keep"), ("Esc", "clear"), ("^U", "empty"), ("^C", "quit")] }
        switch view {
        case .backends:
            return [
                ("q", "quit"), ("?", "keys"), ("d", "drain"), ("m", "maintain"), ("r", "ready"), ("s", "sessions"),
                ("/", "filter"), ("1-9", "sort"), ("p", "pause"), ("Enter", "details"), ("j k", "choose"),
            ]
        case .backend:
            return [
                ("q", "quit"), ("Esc", "back"), ("d", "drain"), ("m", "maintain"), ("r", "ready"), ("s", "sessions"),
                ("p", "pause"),
            ]
        case .sessions: return [("q", "quit"), ("Esc", "back"), ("Enter", "why"), ("j k", "choose"), ("p", "pause")]
        case .story, .help: return [("q", "quit"), ("Esc", "back"), ("j k", "scroll")]
        }
    }
}
