import AdministrationAPI

/// What happened to a session, and why, for people.
public enum StoryText {
    /// The lines, each at most so wide.
    public static func lines(_ story: SessionStory, columns: Int) -> [Line] {
        var lines = [title(story)]
        for sentence in story.sentences {
            let wrapped = ShownText.wrapped(ShownText.plain(sentence), columns: max(columns - 2, 10))
            lines += wrapped.enumerated().map { Line(($0 == 0 ? "- " : "  ") + $1) }
        }
        let times = times(story)
        if !times.isEmpty {
            lines.append(Line())
            lines += ShownText.wrapped(times, columns: columns).map { Line($0) }
        }
        if let pick = story.pick { lines += self.pick(pick, columns) }
        if story.attemptsTotal > 0 { lines += attempts(story, columns) }
        return lines.map { $0.cut(to: columns) }
    }

    private static func title(_ story: SessionStory) -> Line {
        let session = story.session
        var line = Line("session \(session.id)", .bold)
        line.append("  client \(session.client)  listener \(session.listener)")
        let place = [session.pool, session.backend].compactMap(\.self).joined(separator: "/")
        if !place.isEmpty { line.append("  backend \(place)") }
        line.append(story.isLive ? "  \(session.phase)" : "  ended", story.isLive ? .of(.green) : .of(.yellow))
        return line
    }

    private static func times(_ story: SessionStory) -> String {
        var parts = ["accepted \(story.accepted)"]
        if let name = story.serverName { parts.append("server name \(ShownText.plain(name))") }
        if let seconds = story.prefaceSeconds { parts.append("preface \(Figures.time(seconds))") }
        if let seconds = story.queueSeconds { parts.append("queue \(Figures.time(seconds))") }
        if let seconds = story.connectSeconds { parts.append("connected after \(Figures.time(seconds))") }
        parts.append("age \(Figures.age(story.session.ageSeconds))")
        parts.append("up \(Figures.short(story.session.bytesUp))B, down \(Figures.short(story.session.bytesDown))B")
        if story.clientStalls > 0 {
            parts.append(
                "waited for the client \(Figures.time(story.clientStallSeconds)) in \(story.clientStalls) stalls")
        }
        if story.backendStalls > 0 {
            parts.append(
                "waited for the backend \(Figures.time(story.backendStallSeconds)) in \(story.backendStalls) stalls")
        }
        if let end = story.end {
            let error = end.error.map { " (\(ShownText.plain($0)))" } ?? ""
            parts.append("ended \(end.time) by \(end.by): \(end.reason)\(error)")
        }
        return parts.joined(separator: "; ")
    }

    private static func pick(_ pick: SessionStory.Pick, _ columns: Int) -> [Line] {
        var table = Table([
            .init("  BACKEND", columnsCut: 12), .init("VERDICT"), .init("SESSIONS", isRight: true),
            .init("WEIGHT", isRight: true),
        ])
        for candidate in pick.candidates {
            table.add([
                Table.Cell("  " + (candidate.backend ?? "(has left)")),
                Table.Cell(
                    candidate.verdict, candidate.verdict == "picked" ? Style(colour: .green, isBold: true) : .plain),
                Table.Cell(candidate.sessions.map(String.init) ?? "-"), Table.Cell("\(candidate.weight)"),
            ])
        }
        let (titles, rows) = table.lines(columns: columns)
        let more = pick.notListed > 0 ? [Line("  and \(pick.notListed) more")] : []
        return [Line(), Line("the last pick, by \(pick.policy)", .bold), titles] + rows + more
    }

    private static func attempts(_ story: SessionStory, _ columns: Int) -> [Line] {
        var table = Table([.init("  BACKEND", columnsCut: 12), .init("TIME", isRight: true), .init("RESULT")])
        for attempt in story.attempts {
            table.add([
                Table.Cell("  " + (attempt.backend ?? "(has left)")), Table.Cell(Figures.time(attempt.seconds)),
                Table.Cell(
                    attempt.error ?? (story.connectSeconds == nil ? "goes on" : "connected"),
                    attempt.error == nil ? .plain : .of(.red)),
            ])
        }
        let (titles, rows) = table.lines(columns: columns)
        let count = "\(story.attemptsTotal) \(story.attemptsTotal == 1 ? "attempt" : "attempts") to connect"
        let hidden = story.attempts.count < story.attemptsTotal ? ", \(story.attempts.count) are listed" : ""
        return [Line(), Line(count + hidden, .bold), titles] + rows
    }
}
