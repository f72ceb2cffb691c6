import AdministrationAPI
import Reactor

// What happened to one session, and why.
extension Inspector {
    /// One session: a live one, or one of the last that have ended in its loop.
    public func story(
        ofSession text: String, answer: @escaping @Sendable (Result<SessionStory, Refusal>) -> Void
    ) {
        do throws(Refusal) {
            let (id, loop) = try find(text)
            guard let running = access.running else { throw Self.notYet }
            let names = TargetNames(running.shared.roster.current(), running.shared.roster.departedTargets())
            ask(loop, .session(id)) { reply in
                switch reply {
                case .session(let named?): answer(.success(SessionStory(named, names)))
                case nil: answer(.failure(Self.silent(loop)))
                default:
                    answer(
                        .failure(
                            Refusal(
                                error:
                                    "no session '\(id)': it has ended, and \(EndedSessions.countMax) others of its loop have "
                                    + "since; its line in the log may tell more", kind: .missing)))
                }
            }
        } catch {
            answer(.failure(error))
        }
    }
}

extension SessionStory {
    init(_ named: NamedFacts, _ names: TargetNames) {
        let now = (loop: named.now, wall: WallClock.system.nanoseconds())
        let facts = named.facts
        let trace = facts.trace
        /// The wall clock at a moment of the loop's.
        func time(_ moment: UInt64) -> String {
            Timestamp(nanoseconds: now.wall - min(now.wall, now.loop &- moment)).description
        }
        self.init(
            session: AdministrationAPI.SessionRow(named, names), isLive: facts.end == nil,
            accepted: time(facts.accepted))
        serverName = named.serverName
        if trace.prefaceMicroseconds > 0 { prefaceSeconds = Double(trace.prefaceMicroseconds) / 1e6 }
        if trace.queueMicroseconds > 0 { queueSeconds = Double(trace.queueMicroseconds) / 1e6 }
        if facts.connected > 0 { connectSeconds = Inspector.seconds(facts.connected &- facts.accepted) }
        if trace.pick.candidates > 0 { pick = Pick(trace.pick, policy: names.policy(facts.pool) ?? "-", names) }
        attempts = (0..<trace.attempts.remembered).map {
            Attempt(trace.attempts[$0], names, since: facts.accepted, facts.end?.time ?? now.loop)
        }
        attemptsTotal = Int(trace.attempts.count)
        let end = Instant(nanoseconds: facts.end?.time ?? now.loop)
        clientStallSeconds = Inspector.seconds(trace.client.total(end))
        clientStalls = Int(trace.client.count)
        backendStallSeconds = Inspector.seconds(trace.backend.total(end))
        backendStalls = Int(trace.backend.count)
        self.end = facts.end.map { End($0, time: time($0.time)) }
        sentences = StoryWords(self).sentences
    }
}

extension SessionStory.Pick {
    init(_ trace: PickTrace, policy: String, _ names: TargetNames) {
        let candidates = (0..<Int(trace.count)).map { place in
            SessionStory.Candidate(
                backend: names.target(trace[place].target)?.name, verdict: trace[place].verdict.name,
                sessions: trace.hasSessions ? Int(trace[place].sessions) : nil, weight: Int(trace[place].weight))
        }
        self.init(policy: policy, candidates: candidates, notListed: Int(trace.candidates) - candidates.count)
    }
}

extension SessionStory.Attempt {
    init(_ trace: AttemptTraces.Entry, _ names: TargetNames, since accepted: UInt64, _ now: UInt64) {
        let began = accepted + UInt64(trace.began) * 1000
        self.init(
            backend: names.target(trace.target)?.name,
            seconds: trace.isOver ? Double(trace.took) / 1e6 : Inspector.seconds(now > began ? now - began : 0),
            error: trace.error == 0 ? nil : Errno(rawValue: CInt(trace.error)).description)
    }
}

extension SessionStory.End {
    init(_ end: SessionFacts.End, time: String) {
        let reason = EndReason.allCases.first { $0.counter.rawValue == Int(end.reason) }
        self.init(
            reason: reason?.rawValue ?? "-", by: Party(code: end.by).rawValue,
            error: end.error == 0 ? nil : Errno(rawValue: CInt(end.error)).description, time: time)
    }
}

extension PickVerdict {
    /// As `SessionStory.Candidate.verdict` has it.
    fileprivate var name: String {
        switch self {
        case .picked: "picked"
        case .possible: "possible"
        case .suspect: "suspect"
        case .tried: "tried"
        case .full: "full"
        case .backup: "backup"
        case .drain: "drain"
        case .down: "down"
        }
    }
}
