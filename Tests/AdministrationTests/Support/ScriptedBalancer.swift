import AdministrationAPI
import FoundationEssentials
import Synchronization

/// A balancer that answers as a test wants it, and remembers what it was asked.
final class ScriptedBalancer: RunningBalancer {
    /// How it answers questions that may take a while.
    enum Manner: Sendable {
        case atOnce
        case never
        case refusing(String, Refusal.Kind = .conflict)
        /// When ``answerKept()`` is called.
        case later
    }

    private struct Memory {
        var manner = Manner.atOnce
        var state = "serving"
        var poolNameBytes = 0
        var statusCalls = 0
        var wishes: [(wish: Wish, asker: String)] = []
        var events: [EventRow] = []
        var listener: (@Sendable () -> Void)?
        var kept: [@Sendable () -> Void] = []
    }

    private let memory = Mutex(Memory())

    /// How it answers from now on.
    func answer(_ manner: Manner) { memory.withLock { $0.manner = manner } }
    /// What ``Status/state`` is from now on.
    func become(_ state: String) { memory.withLock { $0.state = state } }
    /// Makes each status longer than this, in bytes.
    func grow(_ bytes: Int) { memory.withLock { $0.poolNameBytes = bytes } }
    /// How often it was asked for its status.
    var statusCalls: Int { memory.withLock { $0.statusCalls } }
    /// What was to be changed, and by whom.
    var wishes: [(wish: Wish, asker: String)] { memory.withLock { $0.wishes } }

    /// Gives the answers that were kept back.
    func answerKept() {
        let kept = memory.withLock { memory in
            defer { memory.kept = [] }
            return memory.kept
        }
        for answer in kept { answer() }
    }

    /// How many answers are kept back.
    var keptCount: Int { memory.withLock { $0.kept.count } }

    /// Adds an event, and tells it.
    func add(event kind: String, message: String = "") {
        let listener = memory.withLock { memory in
            let number = UInt64(memory.events.count + 1)
            memory.events.append(
                EventRow(
                    number: number, time: "2026-11-27T21:15:00.000Z", level: "info", event: kind,
                    fields: ["pool": "web"],
                    message: message))
            return memory.listener
        }
        listener?()
    }

    func status() -> Status {
        let (state, bytes) = memory.withLock { memory in
            memory.statusCalls += 1
            return (memory.state, memory.poolNameBytes)
        }
        var status = Status.sample(state: state)
        if bytes > 0 {
            status.pools.append(
                Status.Pool(
                    name: String(repeating: "x", count: bytes), policy: "first_fit", sessions: 0, sessionsMax: nil,
                    queueLength: 0, queueMax: nil, isInPanic: false, noBackendTotal: 0, backends: []))
        }
        return status
    }

    func measurements() -> Measurements {
        Measurements(turns: Measurements.Distribution(bounds: [1], counts: [0, 0], sumSeconds: 0))
    }

    func sessions(_ question: SessionQuestion, answer: @escaping @Sendable (Result<SessionList, Refusal>) -> Void) {
        give(SessionList(sessions: [], matched: 7, unansweredLoops: []), answer)
    }

    func story(ofSession id: String, answer: @escaping @Sendable (Result<SessionStory, Refusal>) -> Void) {
        let row = SessionRow(
            id: id, client: "192.0.2.1:4000", listener: "web", pool: nil, backend: nil, backendAddress: nil,
            phase: "preface", ageSeconds: 1, idleSeconds: 1, bytesUp: 0, bytesDown: 0, stalledBy: nil,
            stalledSeconds: nil)
        give(SessionStory(session: row, isLive: true, accepted: "2026-11-27T21:15:00.000Z"), answer)
    }

    func carryOut(_ wish: Wish, by asker: String, answer: @escaping @Sendable (Result<Change, Refusal>) -> Void) {
        memory.withLock { $0.wishes.append((wish, asker)) }
        give(Change(subject: "backend web/b2", old: "up", new: "drain", sessions: 3, isDryRun: false), answer)
    }

    func configuration() -> String? { "pools:\n  web: {}\n" }

    func difference(answer: @escaping @Sendable (Result<ConfigurationDifference, Refusal>) -> Void) {
        give(ConfigurationDifference(changes: [], summary: "nothing changes"), answer)
    }

    func events(after number: UInt64) -> [EventRow] {
        memory.withLock { $0.events.filter { $0.number > number } }
    }

    func whenEvent(_ body: @escaping @Sendable () -> Void) { memory.withLock { $0.listener = body } }

    private func give<Value: Sendable>(
        _ value: Value, _ answer: @escaping @Sendable (Result<Value, Refusal>) -> Void
    ) {
        let manner = memory.withLock { memory in
            if case .later = memory.manner { memory.kept.append { answer(.success(value)) } }
            return memory.manner
        }
        switch manner {
        case .atOnce: answer(.success(value))
        case .refusing(let text, let kind): answer(.failure(Refusal(error: text, kind: kind)))
        case .never, .later: break
        }
    }
}

extension Status {
    /// A status with one pool.
    static func sample(state: String = "serving") -> Status {
        let text = """
            {"version":"1","pid":1,"started":"2026-11-27T21:15:00.000Z","time":"2026-11-27T21:15:01.000Z",
            "uptimeSeconds":1,"state":"\(state)","problems":[],
            "sessions":3,"sessionsMax":10,"acceptedTotal":4,"bytesUpTotal":5,
            "bytesDownTotal":6,"endsTotal":{"idle":1},"loops":[],"listeners":[],"audit":[],"mayChange":false,
            "resources":{"cpuSeconds":1,"residentBytes":1,"openFds":1,"maxFds":1},
            "pools":[{"name":"web","policy":"first_fit","sessions":0,"queueLength":0,"isInPanic":false,
            "noBackendTotal":0,"backends":[]}]}
            """
        do {
            return try JSONDecoder().decode(Status.self, from: Data(text.utf8))
        } catch {
            preconditionFailure("the sample is no status: \(error)")
        }
    }
}
