import AdministrationAPI
import AdministrationClient
import Drill
import Reactor
import Top

/// Finds out what became of each client of a ``ProbeLine``.
///
/// A client that says nothing cannot see by itself whether it has a backend: the balancer accepts before it connects to one.
/// So the list of sessions is asked for the probes' addresses, ten times a second whatever their rate, and each session's
/// story once, as soon as it relays or has ended. That costs the balancer one request per probe on the thread of
/// administration, and a loop one short question for each.
struct ProbeJudge {
    private let asker: any Asker
    private let line: ProbeLine
    private let plan: DrillPlan
    private let client: String
    private let asksStories: Bool
    /// The sessions' ids, by the probe's number.
    private var ids: [Int: String] = [:]
    /// What is known of probes so far.
    private(set) var results: [(began: Instant, sample: DrillSample)] = []
    /// How many are affected so far, for people who wait.
    private(set) var affected = 0
    /// How many probes were found in the list of sessions.
    private(set) var found = 0
    /// There were probes whose session waited for something that a client is to say first.
    private(set) var isWaitingForPreface = false

    /// More sessions of the probes' addresses are not looked at.
    private static let rowsMax = 1000
    /// An answered probe that the list does not have after this time is judged without.
    private static let listTime: Duration = .seconds(1)

    init(_ asker: any Asker, _ line: ProbeLine, _ plan: DrillPlan, client: String) {
        self.asker = asker
        self.line = line
        self.plan = plan
        self.client = client
        asksStories = plan.probesPerSecond <= DrillPlan.askedRateMax
    }

    /// Looks at all probes once.
    mutating func look() throws(Fault) {
        for ended in line.takeEnded() { try judge(ended) }
        let open = line.open()
        guard !open.isEmpty else { return }
        let rows = try asksStories ? self.rows() : [:]
        for probe in open {
            if let row = rows[probe.client] {
                if ids.updateValue(row.id, forKey: probe.number) == nil { found += 1 }
                if row.phase == "preface" { isWaitingForPreface = true }
            }
            try judge(probe, rows[probe.client])
        }
    }

    private func rows() throws(Fault) -> [String: SessionRow] {
        let target = Target.query(
            Target.sessions, [("client", client), ("listener", plan.listener), ("limit", "\(Self.rowsMax)")])
        let list = try asker.read(SessionList.self, from: try asker.get(target))
        return Dictionary(list.sessions.map { ($0.client, $0) }) { first, _ in first }
    }

    /// A probe that is open: it is done when it has a backend, and its answer if one is waited for.
    private mutating func judge(_ probe: ProbeLine.Open, _ row: SessionRow?) throws(Fault) {
        let isConnected = row.map { ["relaying", "lingering"].contains($0.phase) } ?? false
        let now = Clock.monotonic.now()
        if plan.isAnswerAwaited {
            guard let answered = probe.answered, isConnected || !asksStories || now - answered > Self.listTime else {
                return
            }
            let story = isConnected ? try story(probe.number) : nil
            add(probe, waited: answered - probe.began, story)
        } else {
            guard isConnected, let story = try story(probe.number), let connected = story.connectSeconds else { return }
            add(probe, waited: .seconds(connected), story)
        }
        line.release(probe.number)
        ids[probe.number] = nil
    }

    private mutating func judge(_ ended: ProbeLine.Ended) throws(Fault) {
        let story = try story(ended.open.number)
        ids[ended.open.number] = nil
        if let answered = ended.open.answered { return add(ended.open, waited: answered - ended.open.began, story) }
        // It was connected, and its backend has ended it before it was looked at.
        if !plan.isAnswerAwaited, let connected = story?.connectSeconds {
            return add(ended.open, waited: .seconds(connected), story)
        }
        let reason = ended.reason == ProbeLine.givenUp ? ended.reason : story?.end?.reason ?? ended.reason
        add(ended.open, waited: ended.ended - ended.open.began, story, failure: reason)
    }

    /// nil when the session is not known, or the balancer has forgotten it.
    private func story(_ number: Int) throws(Fault) -> SessionStory? {
        guard let id = ids[number] else { return nil }
        let json: [UInt8]
        do throws(Fault) {
            json = try asker.get(Target.why(id))
        } catch {
            // A refusal has no place; a balancer that is not there has one.
            guard error.place.isEmpty else { throw error }
            return nil
        }
        return try asker.read(SessionStory.self, from: json)
    }

    private mutating func add(
        _ probe: ProbeLine.Open, waited: Duration, _ story: SessionStory?, failure: String? = nil
    ) {
        let attempts = story?.attempts ?? []
        let hasMet = attempts.contains { $0.backend == plan.backend && $0.error != nil }
        let sample = DrillSample(
            beganSeconds: 0, waitedSeconds: waited.milliseconds / 1000, failure: failure,
            backend: failure == nil ? story?.session.backend : nil, hasMetDrill: hasMet, isTold: story != nil)
        if sample.failure != nil || sample.hasMetDrill { affected += 1 }
        results.append((probe.began, sample))
    }

    /// All samples, with the time since the backend was taken away.
    func samples(since taken: Instant) -> [DrillSample] {
        results.map { began, sample in
            var sample = sample
            let seconds = began >= taken ? (began - taken).milliseconds / 1000 : -(taken - began).milliseconds / 1000
            sample.beganSeconds = seconds
            // What was met before the drill was no drill.
            if seconds + sample.waitedSeconds < 0 { sample.hasMetDrill = false }
            return sample
        }
    }
}
