import AdministrationAPI
import AdministrationClient
import ArgumentParser
import CommandSupport
import Drill
import Glibc
import Reactor
import Top

/// A drill with a balancer that runs: measures, takes the backend away, puts it back, and tells what came of it.
struct RunningDrill: ~Copyable {
    private enum Source: UInt8, TokenKind { case signals }

    private let asker: any Asker
    private let plan: DrillPlan
    private let reference: BackendReference
    /// What messages call the backend.
    private let title: String
    private let line: ProbeLine
    private var judge: ProbeJudge
    private let signals: Signals
    private let poller: Poller
    private var buffer = EventBuffer(capacity: 1)
    private let progress = ProgressLine()
    /// What the balancer has said of the backend since the drill began.
    private var events: [EventRow] = []
    private var lastEvent: UInt64 = 0
    private var hold = Hold.none
    /// What has become of the backend's state when somebody else has changed it; nil when nobody has.
    private var change: String?

    /// What is known of the backend's state.
    private enum Hold {
        /// It is not away.
        case none
        /// It may be away, or become so: the balancer was asked for that, and has not said what came of it.
        case asked
        /// It is away.
        case taken
    }

    /// Between two looks at the probes.
    private static let lookMilliseconds: CInt = 100
    /// The balancer puts the backend back by itself so long after the drill should have done it.
    private static let grace: Duration = .seconds(5)
    /// How long the backend's return is waited for.
    private static let returnTime: Duration = .seconds(60)
    /// How long, after that, a client that it serves is waited for; a policy may have none for it.
    private static let servedTime: Duration = .seconds(3)
    /// More of the backend's sessions are not looked at.
    private static let sessionsMax = 5000
    /// With a larger share of failed probes before the drill, it would measure something else.
    private static let failedShareMax = 0.05

    /// Why a drill has ended before its end.
    enum Stop: Error {
        case fault(Fault)
        case signal(Signal)
        case system(SystemCallError)

        /// As the result of a command.
        var reported: any Error {
            switch self {
            case .fault(let fault): return fault.reported()
            case .system(let error): return failure("balancer drill", error)
            case .signal(let signal): return ExitCode.signal(signal.rawValue)
            }
        }
    }

    /// Blocks the signals that end a process, from now on.
    init(_ asker: any Asker, _ setup: DrillSetup) throws(SystemCallError) {
        // Before any thread starts, which inherits what is blocked.
        let signals = try Signals(Signal.endings + [.hangup])
        let poller = try Poller()
        if let errno = signals.add(to: poller, Token(Source.signals)) {
            throw SystemCallError(call: "epoll_ctl", errno: errno)
        }
        let line = try ProbeLine.start(setup.probes)
        self.signals = signals
        self.poller = poller
        self.line = line
        self.asker = asker
        plan = setup.plan
        title = setup.title
        reference = BackendReference(pool: plan.pool, backend: plan.backend)
        let client = setup.probes.hasManySources ? ProbeLine.sources : setup.probes.address.host
        judge = ProbeJudge(asker, line, plan, client: client)
    }

    deinit { line.stop() }

    /// All of it. The backend is put back on every way out, unless the balancer does not answer: then its own time does that.
    mutating func run() throws(Stop) -> DrillReport {
        defer { progress.end() }
        try measureBefore()
        do throws(Stop) {
            return DrillReport(plan, try takeAndReturn())
        } catch {
            progress.end()
            giveBack(after: error)
            throw error
        }
    }

    private mutating func takeAndReturn() throws(Stop) -> DrillSamples {
        var samples = DrillSamples(restoredSeconds: plan.lengthSeconds)
        let before = try asking { asker throws(Fault) in try asker.status() }
        let sessions = try sessions()
        let start = Clock.monotonic.now()
        try take()
        try wait(.seconds(plan.lengthSeconds), "backend away")
        let away = try asking { asker throws(Fault) in try asker.status() }
        let kept = try self.sessions().intersection(sessions)
        let back = Clock.monotonic.now()
        try restore()
        if let change {
            samples.isRestored = false
            samples.remarks.append("The backend's \(change).")
        }
        samples.restoredSeconds = (back - start).milliseconds / 1000
        try waitForReturn(&samples, since: back)
        try waitForLast()
        samples.add(away, before, reference)
        (samples.sessionsBefore, samples.sessionsKept) = (sessions.count, kept.count)
        if sessions.count >= Self.sessionsMax {
            samples.remarks.append("Of the backend's sessions only the \(Self.sessionsMax) oldest were looked at.")
        }
        samples.skipped = line.skipped
        samples.probes = judge.samples(since: start)
        return samples
    }

    // MARK: parts of the drill

    private mutating func measureBefore() throws(Stop) {
        // Nothing that has happened before belongs to the drill.
        try readEvents()
        events = []
        try wait(.seconds(plan.baselineSeconds), "before")
        let results = judge.results
        let failed = results.count { $0.sample.failure != nil }
        if judge.isWaitingForPreface, results.count == failed {
            throw .fault(
                Fault(
                    "listener \(plan.listener): its clients have to send something before they get a backend (a "
                        + "PROXY header, or a "
                        + "server's name): name another listener with --listener, or give --send TEXT"))
        }
        if results.isEmpty || judge.found == 0 && !plan.isAnswerAwaited && failed < results.count {
            throw .fault(
                Fault(
                    "listener \(plan.listener): no session of a probe is known to the balancer: run the drill on "
                        + "its machine, or "
                        + "give --send or --expect"))
        }
        guard Double(failed) > Self.failedShareMax * Double(results.count) else { return }
        let reason = results.compactMap(\.sample.failure).first ?? "-"
        let hint =
            reason == "closed"
            ? "; where backends themselves close clients that say nothing, give --send and --expect" : ""
        throw .fault(
            Fault(
                "listener \(plan.listener): \(failed) of \(results.count) probes failed before anything was changed "
                    + "(\(reason)): "
                    + "`balancer status` tells what is wrong\(hint); the drill is not made"))
    }

    /// The ids of the backend's sessions, without the probes'.
    private func sessions() throws(Stop) -> Set<String> {
        let target = Target.query(
            Target.sessions,
            [("pool", reference.pool), ("backend", reference.backend), ("limit", "\(Self.sessionsMax)")])
        let list = try asking { asker throws(Fault) in try asker.read(SessionList.self, from: try asker.get(target)) }
        let own = line.clients
        return Set(list.sessions.filter { !own.contains($0.client) }.map(\.id))
    }

    /// Takes the backend away.
    private mutating func take() throws(Stop) {
        let seconds = plan.lengthSeconds + Self.grace.milliseconds / 1000
        let wish = StateWish(state: plan.mode.rawValue, forSeconds: seconds)
        let request = ChangeRequest("POST", Target.state(of: reference), wish)
        // Also when no answer comes, or a refusal because of the time: it may have been carried out, or may be later.
        hold = .asked
        do throws(Stop) {
            _ = try asking { asker throws(Fault) in try asker.change(request) }
        } catch {
            if case .fault(let fault) = error, fault.isRefusal { hold = .none }
            throw error
        }
        hold = .taken
    }

    /// Puts the backend back, unless somebody else has changed its state.
    private mutating func restore() throws(Stop) {
        guard hold != .none else { return }
        let (reference, mode, isTaken) = (reference, plan.mode.rawValue, hold == .taken)
        change = try asking { asker throws(Fault) -> String? in
            let state = try asker.status().backend(reference)?.state
            // A wish that has not been carried out yet does not show in the state. Wishes are carried out in their order,
            // so that `ready` undoes it also then.
            guard !isTaken || state == mode else {
                return "state was changed meanwhile, by somebody else or by the end of its time, to "
                    + "\(state ?? "none"): it stays so"
            }
            _ = try asker.change(ChangeRequest("POST", Target.state(of: reference), StateWish(state: "ready")))
            return nil
        }
        hold = .none
    }

    /// Puts the backend back after something has ended the drill, and says what came of that.
    private mutating func giveBack(after stop: Stop) {
        let wait = DurationRange.text(.seconds(plan.lengthSeconds) + Self.grace)
        let wasHeld = hold != .none
        do throws(Stop) {
            try restore()
            let state = change.map { "its \($0)" } ?? "it is back"
            if case .signal = stop {
                complain("balancer", "backend \(title): \(state); the drill was ended before its end")
            } else if wasHeld {
                complain("balancer", "backend \(title): \(state); the drill has failed")
            }
        } catch {
            complain(
                "balancer",
                "backend \(title): it could not be put back; where the balancer still runs, it comes back by "
                    + "itself, \(wait) "
                    + "after it was taken away at the latest")
        }
    }

    private mutating func waitForReturn(_ samples: inout DrillSamples, since back: Instant) throws(Stop) {
        let steered = events.first { $0.event == "backend-steered" && $0.fields["new"] == plan.mode.rawValue }
        let zero = steered.flatMap { EventTime.seconds($0.time) }
        let out = events.first {
            ["backend-down", "backend-ejected"].contains($0.event) && $0.number > steered?.number ?? 0
        }
        if let out, let time = EventTime.seconds(out.time), let zero {
            samples.detectedSeconds = max(0, time - zero)
            samples.detectedBy = out.event == "backend-down" ? "checks" : "clients"
        }
        let deadline = back + Self.returnTime
        var served: Instant?
        while Clock.monotonic.now() < deadline {
            try wait(.milliseconds(Int(Self.lookMilliseconds)), "put back")
            let restored = events.last { $0.event == "backend-steered" && $0.number > steered?.number ?? 0 }
            let isBack = events.first { event in
                ["backend-up", "backend-returned"].contains(event.event) && event.number > restored?.number ?? .max
            }
            if let isBack, let time = EventTime.seconds(isBack.time),
                let start = restored.flatMap({ EventTime.seconds($0.time) })
            {
                samples.recoveredSeconds = max(0, time - start)
            }
            guard samples.recoveredSeconds != nil || out == nil else { continue }
            let isServing = judge.results.contains {
                $0.began >= back && $0.sample.failure == nil && $0.sample.backend == plan.backend
            }
            // Without the balancer's word nobody knows who is served by it.
            if plan.probesPerSecond > DrillPlan.askedRateMax { return }
            served = served ?? Clock.monotonic.now() + Self.servedTime
            if isServing || Clock.monotonic.now() > served ?? deadline { return }
        }
    }

    /// The probes that are still waiting are waited for: theirs may be the longest waits.
    private mutating func waitForLast() throws(Stop) {
        line.stopStarting()
        let deadline = Clock.monotonic.now() + .seconds(plan.patienceSeconds) + .seconds(1)
        while Clock.monotonic.now() < deadline, !line.open().isEmpty {
            try wait(.milliseconds(Int(Self.lookMilliseconds)), "last probes")
        }
        // The last one may have ended after the last look at those that have.
        try look()
    }

    // MARK: waiting

    /// Looks at the probes and the events for so long.
    private mutating func wait(_ time: Duration, _ part: String) throws(Stop) {
        let start = Clock.monotonic.now()
        let deadline = start + time
        while true {
            try look()
            let now = Clock.monotonic.now()
            progress.show(
                "\(part), \(Figures.age((deadline - now).milliseconds / 1000)) to go: \(judge.results.count) probes, "
                    + "\(judge.affected) affected")
            guard now < deadline else { return }
            let step = min(CInt(clamping: Int((deadline - now).milliseconds.rounded(.up))), Self.lookMilliseconds)
            do throws(SystemCallError) {
                try poller.poll(into: &buffer, timeout: .milliseconds(step))
            } catch {
                throw .fault(Fault(error.description))
            }
        }
    }

    private mutating func look() throws(Stop) {
        if let signal = signals.next() { throw .signal(signal) }
        do throws(Fault) { try judge.look() } catch { throw .fault(error) }
        try readEvents()
    }

    /// Keeps those of the backend.
    private mutating func readEvents() throws(Stop) {
        let target = Target.query(Target.events, [("after", "\(lastEvent)")])
        let list = try asking { asker throws(Fault) in try asker.read(EventList.self, from: try asker.get(target)) }
        lastEvent = max(lastEvent, list.events.last?.number ?? 0)
        events += list.events.filter {
            $0.fields["pool"] == reference.pool && $0.fields["backend"] == reference.backend
        }
    }

    private func asking<Value>(_ body: (any Asker) throws(Fault) -> Value) throws(Stop) -> Value {
        do throws(Fault) { return try body(asker) } catch { throw .fault(error) }
    }
}
