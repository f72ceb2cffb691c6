import AdministrationAPI

/// The story of a session in sentences, in the order in which things happened.
struct StoryWords {
    private(set) var sentences: [String] = []

    init(_ story: SessionStory) {
        let session = story.session
        let name = story.serverName.map { ", and named the server \($0)" } ?? ""
        add("client \(session.client) came in by listener \(session.listener) at \(story.accepted)\(name)")
        if let time = story.prefaceSeconds { add("before it had a pool, \(Self.text(time)) passed") }
        if let time = story.queueSeconds { add("it waited \(Self.text(time)) for a place at a backend") }
        if let pick = story.pick { add(pick) }
        add(attempts: story)
        if let time = story.connectSeconds { add("it was connected \(Self.text(time)) after its accept") }
        add(stallOf: "client", story.clientStallSeconds, story.clientStalls, isNow: session.isStalled(by: "client"))
        add(stallOf: "backend", story.backendStallSeconds, story.backendStalls, isNow: session.isStalled(by: "backend"))
        if let end = story.end {
            let error = end.error.map { " (\($0))" } ?? ""
            add("it ended after \(Self.text(session.ageSeconds)): \(end.reason), by the \(end.by)\(error)")
        } else {
            add(
                "it is \(session.phase), \(Self.text(session.ageSeconds)) old, idle for \(Self.text(session.idleSeconds))"
            )
        }
    }

    private mutating func add(_ sentence: String) { sentences.append(sentence) }

    private mutating func add(_ pick: SessionStory.Pick) {
        guard let picked = pick.candidates.first(where: { $0.verdict == "picked" }) else { return }
        let skipped = pick.candidates.filter { !["picked", "possible"].contains($0.verdict) }
            .map { "\($0.backend ?? "a backend that has left") (\($0.verdict))" }
        let others = pick.candidates.count { $0.verdict == "possible" } + pick.notListed
        let passed = skipped.isEmpty ? "" : "; skipped: \(skipped.joined(separator: ", "))"
        let load = picked.sessions.map { " with \($0) session\($0 == 1 ? "" : "s")" } ?? ""
        add(
            "\(pick.policy) picked \(picked.backend ?? "a backend that has left")\(load), of \(others + 1) that could be"
                + passed)
    }

    private mutating func add(attempts story: SessionStory) {
        for attempt in story.attempts {
            guard let error = attempt.error else { continue }
            add(
                "connect to \(attempt.backend ?? "a backend that has left") failed after \(Self.text(attempt.seconds)): \(error)"
            )
        }
        let others = story.attemptsTotal - story.attempts.count
        if others > 0 { add("\(others) more attempts are not remembered") }
    }

    private mutating func add(stallOf party: String, _ seconds: Double, _ count: Int, isNow: Bool) {
        guard count > 0 else { return }
        let times = count == 1 ? "once" : "\(count) times"
        add("bytes waited \(times) for the \(party), \(Self.text(seconds)) in all\(isNow ? ", and they do now" : "")")
    }

    /// `0.4 ms`, `12 ms`, `3.2 s`, `2 h 5 min`.
    static func text(_ seconds: Double) -> String {
        switch seconds {
        case ..<0.01: "\(Double(Int(seconds * 10_000)) / 10) ms"
        case ..<1: "\(Int(seconds * 1000)) ms"
        case ..<60: "\(Double(Int(seconds * 10)) / 10) s"
        case ..<3600: "\(Int(seconds) / 60) min \(Int(seconds) % 60) s"
        default: "\(Int(seconds) / 3600) h \(Int(seconds) % 3600 / 60) min"
        }
    }
}

extension AdministrationAPI.SessionRow {
    /// This party is waited for now.
    fileprivate func isStalled(by party: String) -> Bool { stalledBy == party || stalledBy == "both" }
}
