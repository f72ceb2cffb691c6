import AdministrationAPI
import Reactor

// The session table: asked of each loop in slices, all loops at the same time.
extension Inspector {
    /// The sessions that match. A loop that does not answer in time is named, and its sessions are missing.
    public func sessions(
        _ question: SessionQuestion, answer: @escaping @Sendable (Result<SessionList, Refusal>) -> Void
    ) {
        guard let running = access.running else { return answer(.failure(Self.notYet)) }
        let roster = running.shared.roster.current()
        let filter: SessionFilter
        let departed = running.shared.roster.departedTargets()
        do throws(Refusal) { filter = try SessionFilter(question, roster, departed) } catch {
            return answer(.failure(error))
        }
        let limit = min(max(1, question.limit), Self.rowsMax)
        let isWaiting = tables.begin { [self] in
            let collector = SessionCollector(loops: access.mailboxes.count, limit: limit, TargetNames(roster, departed))
            {
                result in
                self.tables.end()
                answer(result)
            }
            for loop in access.mailboxes.indices { collect(loop, filter, from: 0, collector) }
        }
        guard isWaiting else {
            return answer(
                .failure(
                    Refusal(error: "too many ask for the session table at the same time: ask again", kind: .silent)))
        }
    }

    static let notYet = Refusal(error: "the balancer has not started yet: ask again in a moment")

    /// The most sessions of an answer.
    public static let rowsMax = 10_000

    private func collect(_ loop: Int, _ filter: SessionFilter, from first: Int, _ collector: SessionCollector) {
        ask(loop, .sessions(filter, from: first)) { [self] answer in
            guard case .sessions(let found, let next) = answer else {
                return collector.end(loop, hasAnswered: access.mailboxes[loop].hasEnded)
            }
            collector.add(found)
            if let next { collect(loop, filter, from: next, collector) } else { collector.end(loop, hasAnswered: true) }
        }
    }
}

/// What the loops have answered so far.
private final class SessionCollector: Sendable {
    private let lock = Lock()
    private let limit: Int
    private let names: TargetNames
    private let answer: @Sendable (Result<SessionList, Refusal>) -> Void
    /// Accessed only with the lock held.
    nonisolated(unsafe) private var rows: [NamedFacts] = []
    nonisolated(unsafe) private var matched = 0
    nonisolated(unsafe) private var loopsLeft: Int
    nonisolated(unsafe) private var unanswered: [Int] = []

    init(
        loops: Int, limit: Int, _ names: TargetNames,
        _ answer: @escaping @Sendable (Result<SessionList, Refusal>) -> Void
    ) {
        unsafe loopsLeft = loops
        self.limit = limit
        self.names = names
        self.answer = answer
    }

    /// Keeps the oldest.
    func add(_ found: [NamedFacts]) {
        lock.lock()
        defer { lock.unlock() }
        unsafe matched += found.count
        unsafe rows += found
        guard unsafe rows.count > 2 * limit else { return }
        keepOldest()
    }

    private func keepOldest() {
        unsafe rows.sort { $0.facts.accepted < $1.facts.accepted }
        unsafe rows.removeLast(max(0, rows.count - limit))
    }

    /// A loop has told all, or does not answer. The last one gives the answer.
    func end(_ loop: Int, hasAnswered: Bool) {
        lock.lock()
        if !hasAnswered { unsafe unanswered.append(loop) }
        unsafe loopsLeft -= 1
        guard unsafe loopsLeft == 0 else { return lock.unlock() }
        keepOldest()
        let (rows, matched, unanswered) = unsafe (rows, matched, unanswered.sorted())
        lock.unlock()
        answer(
            .success(
                SessionList(
                    sessions: rows.map { AdministrationAPI.SessionRow($0, names) }, matched: matched,
                    unansweredLoops: unanswered)))
    }
}

extension SessionFilter {
    /// What is asked for; the refusal names the part that means nothing, and what would have been right.
    init(_ question: SessionQuestion, _ roster: Roster, _ departed: DepartedTargets = .init()) throws(Refusal) {
        if let pool = question.pool {
            pools = Set([try Self.pool(pool, roster).id.rawValue])
        }
        if let backend = question.backend {
            let pools = try question.pool.map { name throws(Refusal) in [try Self.pool(name, roster)] } ?? roster.pools
            let present = pools.flatMap(\.targets).filter { $0.name == backend }.map(\.id)
            let gone = departed.targets.filter {
                $0.name == backend && (question.pool == nil || question.pool == $0.pool)
            }
            let found = present + gone.map(\.id)
            guard !found.isEmpty else {
                let names = pools.flatMap { pool in pool.targets.map { "\(pool.name)/\($0.name)" } }
                throw Refusal(error: "no backend '\(backend)': there are \(Self.list(names))", kind: .missing)
            }
            targets = Set(found.map(\.rawValue))
        }
        if let listener = question.listener {
            guard roster.listeners.contains(where: { $0.settings.name == listener }) else {
                throw Refusal(
                    error: "no listener '\(listener)': there are \(Self.list(roster.listeners.map(\.settings.name)))",
                    kind: .missing)
            }
            self.listener = listener
        }
        if let client = question.client {
            do throws(NetworkError) {
                self.client = NetworkSet([try Network(client)])
            } catch {
                throw Refusal(error: "client '\(client)': \(error)", kind: .invalid)
            }
        }
        age = Self.nanoseconds(question.olderSeconds)
        idle = Self.nanoseconds(question.idleSeconds)
        isStalled = question.isStalled
    }

    private static func pool(_ name: String, _ roster: Roster) throws(Refusal) -> PoolEntry {
        if let pool = roster.pools.first(where: { $0.name == name }) { return pool }
        throw Refusal(error: "no pool '\(name)': there are \(list(roster.pools.map(\.name)))", kind: .missing)
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(10).joined(separator: ", ") + (names.count > 10 ? " and \(names.count - 10) more" : "")
    }

    /// At most a century, so that sums with a clock do not overflow.
    private static func nanoseconds(_ seconds: Double?) -> UInt64 {
        guard let seconds, seconds > 0 else { return 0 }
        return UInt64(min(seconds, 3.2e9) * 1e9)
    }
}
