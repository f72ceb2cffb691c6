import AdministrationAPI
import Reactor

// What operators want changed: texts are read here, and a loop carries the order out.
extension Inspector {
    /// Carries a wish out, or says what it would change.
    public func carryOut(
        _ wish: Wish, by asker: String, answer: @escaping @Sendable (Result<Change, Refusal>) -> Void
    ) {
        guard access.running != nil else { return answer(.failure(Self.notYet)) }
        do throws(Refusal) {
            switch wish {
            case .killSession(let id, let isDryRun): try kill(id, by: asker, isDryRun: isDryRun, answer)
            case .killSessions(let pool, let backend, let isDryRun):
                try kill(allOf: backend, in: pool, by: asker, isDryRun: isDryRun, answer)
            case .reload: try reload(by: asker, answer)
            case .backendState, .backendSetting, .addBackend, .removeBackend, .listenerState, .listenerSetting:
                if let order = try Order.make(of: wish, hooks) { post(order, wish.isDryRun, asker, answer) }
            }
        } catch {
            answer(.failure(error))
        }
    }

    private func post(
        _ order: Order, _ isDryRun: Bool, _ asker: String,
        _ answer: @escaping @Sendable (Result<Change, Refusal>) -> Void
    ) {
        let once = Once(answer)
        access.control.post(.order(order, by: asker, isDryRun: isDryRun) { once.call($0) })
        after(Self.answerTime) {
            once.call(
                .failure(
                    Refusal(error: "loop 0 does not answer: whether it is carried out is not known", kind: .silent)))
        }
    }

    private func reload(
        by asker: String, _ answer: @escaping @Sendable (Result<Change, Refusal>) -> Void
    ) throws(Refusal) {
        guard let reload = hooks.reload else {
            throw Refusal(
                error: "there is no file to read again: the balancer was started without one (balancer run FILE)")
        }
        access.control.post(.reloadAsked(by: asker))
        let once = Once(answer)
        reload { result in
            once.call(
                result.map {
                    Change(subject: "configuration", old: nil, new: $0, sessions: 0, isDryRun: false)
                })
        }
        after(Self.reloadTime) {
            once.call(
                .failure(Refusal(error: "the file is still being read: `balancer events` will tell what came of it")))
        }
    }

    /// How long a reload may take until its asker is told to look at the events.
    static let reloadTime: Duration = .seconds(4)

    // MARK: sessions

    private func kill(
        _ text: String, by asker: String, isDryRun: Bool,
        _ answer: @escaping @Sendable (Result<Change, Refusal>) -> Void
    ) throws(Refusal) {
        let (id, loop) = try find(text)
        let control = access.control
        ask(loop, isDryRun ? .session(id) : .kill(id)) { reply in
            switch reply {
            case .session(let named?) where named.facts.end == nil:
                answer(.success(Change(subject: "session \(id)", old: "live", new: nil, sessions: 1, isDryRun: true)))
            case .killed(1, _):
                control.post(.killed(1, subject: "session \(id)", by: asker))
                answer(.success(Change(subject: "session \(id)", old: "live", new: nil, sessions: 1, isDryRun: false)))
            case nil: answer(.failure(Self.silent(loop)))
            default:
                answer(
                    .failure(
                        Refusal(
                            error: "no session '\(id)' lives: `balancer sessions` lists those that do",
                            kind: .missing)))
            }
        }
    }

    static func silent(_ loop: Int) -> Refusal {
        Refusal(error: "loop \(loop) does not answer: it may be stuck, look at `balancer status`", kind: .silent)
    }

    /// The session of an id, and its loop.
    func find(_ text: String) throws(Refusal) -> (SessionID, loop: Int) {
        guard let id = SessionID(text) else {
            throw Refusal(
                error:
                    "'\(text)' is no id of a session: 16 hexadecimal digits, as in the log and in `balancer sessions`",
                kind: .invalid)
        }
        guard let running = access.running else { throw Self.notYet }
        let ids = SessionIDs(salt: running.shared.sessionSalt, loop: 0)
        guard let (loop, _) = ids.session(id), access.mailboxes.indices.contains(loop) else {
            throw Refusal(
                error: "no session '\(text)' of this process: it is of another one, or mistyped", kind: .missing)
        }
        return (id, loop)
    }

    private func kill(
        allOf backend: String, in pool: String?, by asker: String, isDryRun: Bool,
        _ answer: @escaping @Sendable (Result<Change, Refusal>) -> Void
    ) throws(Refusal) {
        guard let running = access.running else { throw Self.notYet }
        var question = SessionQuestion()
        (question.pool, question.backend) = (pool, backend)
        let roster = running.shared.roster.current()
        // Also of one that has left: its sessions may go on.
        let departed = running.shared.roster.departedTargets()
        let wanted = try SessionFilter(question, roster, departed).targets ?? []
        let places = roster.pools.filter { pool in pool.targets.contains { wanted.contains($0.id.rawValue) } }
        let gone = departed.targets.filter { wanted.contains($0.id.rawValue) }
        let pools = Set(places.map(\.name) + gone.map(\.pool)).sorted()
        guard pools.count <= 1 else {
            let names = pools.map { "\($0)/\(backend)" }.joined(separator: ", ")
            let verb = gone.isEmpty ? "is" : "is, or was,"
            throw Refusal(error: "backend '\(backend)' \(verb) in several pools: give one of \(names)")
        }
        let subject = "sessions of backend \(pools.first ?? "-")/\(backend)"
        let sessions = places.flatMap(\.targets).filter { wanted.contains($0.id.rawValue) }
            .reduce(0) { $0 + $1.counters.sessions }
        guard !isDryRun else {
            let remarks =
                gone.isEmpty ? [] : ["also those of one of this name that was removed, which are not counted here"]
            return answer(
                .success(
                    Change(
                        subject: subject, old: "live", new: nil, sessions: sessions, isDryRun: true, remarks: remarks)))
        }
        let control = access.control
        let tally = KillTally(loops: access.mailboxes.count) { killed, silent in
            control.post(.killed(killed, subject: subject, by: asker))
            let remarks = silent.map { "loop \($0) does not answer: its sessions may go on" }
            answer(
                .success(
                    Change(
                        subject: subject, old: "live", new: nil, sessions: killed, isDryRun: false, remarks: remarks)))
        }
        for loop in access.mailboxes.indices { killSome(loop, wanted, from: 0, tally) }
    }

    private func killSome(_ loop: Int, _ wanted: Set<UInt32>, from first: Int, _ tally: KillTally) {
        ask(loop, .killAll(of: wanted, from: first)) { [self] reply in
            guard case .killed(let count, let next) = reply else {
                return tally.end(loop, hasAnswered: access.mailboxes[loop].hasEnded)
            }
            tally.add(count)
            if let next { killSome(loop, wanted, from: next, tally) } else { tally.end(loop, hasAnswered: true) }
        }
    }
}

/// How many sessions the loops have ended so far.
private final class KillTally: Sendable {
    private let lock = Lock()
    private let answer: @Sendable (_ killed: Int, _ silentLoops: [Int]) -> Void
    /// Accessed only with the lock held.
    nonisolated(unsafe) private var killed = 0
    nonisolated(unsafe) private var loopsLeft: Int
    nonisolated(unsafe) private var silent: [Int] = []

    init(loops: Int, _ answer: @escaping @Sendable (_ killed: Int, _ silentLoops: [Int]) -> Void) {
        unsafe loopsLeft = loops
        self.answer = answer
    }

    func add(_ count: Int) {
        lock.lock()
        defer { lock.unlock() }
        unsafe killed += count
    }

    func end(_ loop: Int, hasAnswered: Bool) {
        lock.lock()
        if !hasAnswered { unsafe silent.append(loop) }
        unsafe loopsLeft -= 1
        let (isLast, killed, silent) = unsafe (loopsLeft == 0, killed, silent)
        lock.unlock()
        if isLast { answer(killed, silent) }
    }
}
