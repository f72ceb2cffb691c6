import AdministrationAPI
import Reactor
import TestSupport

@testable import Balancer

/// What operators order while a loop runs, and what they ask of it, from one seed.
///
/// Orders are carried out between two turns; questions wait in the loop's mailbox, which answers them in a turn.
struct OrderScript {
    private var random: SeededGenerator
    private let percent: Int
    /// How many orders were carried out.
    private(set) var count = 0
    /// How many sessions were killed, and how many answers have come.
    private let answers = Guarded<Answers>(Answers())
    private var asked = 0
    /// What did not hold, for people.
    private(set) var found: [String] = []

    /// What the loop has answered.
    fileprivate struct Answers {
        var killed = 0
        var count = 0
        var ids: [SessionID] = []
        var violations: [String] = []
    }

    init(seed: UInt64, percent: Int) {
        random = SeededGenerator(seed: seed ^ 0x0_1DE4_5A5E)
        self.percent = percent
    }

    var violations: [String] { found + answers.withLock(\.violations) }
    var killed: Int { answers.withLock(\.killed) }
    var answered: Int { answers.withLock(\.count) }

    /// Orders or asks something, at times. True when the roster may have changed.
    mutating func act(on loop: inout BalancerLoop) -> Bool {
        guard loop.state == .running, random.chance(percent) else { return false }
        if random.chance(50) {
            ask(loop)
            return false
        }
        let roster = loop.shared.roster.current()
        guard let order = order(roster) else { return false }
        let isDryRun = random.chance(20)
        let before = loop.shared.roster.version
        guard case .success(let change) = loop.carryOut(order, by: "user alice", isDryRun: isDryRun) else {
            found.append("an order was refused: \(order)")
            return true
        }
        if change.isDryRun != isDryRun { found.append("a dry run is said to be none, or the other way round") }
        if isDryRun, loop.shared.roster.version != before { found.append("a dry run has changed something") }
        count += 1
        return true
    }

    private mutating func order(_ roster: Roster) -> Order? {
        if random.chance(15), let listener = roster.listeners.randomElement(using: &random) {
            // Always for a while: the run ends when all clients have come.
            return Order(
                subject: .listener(listener.settings.name), action: .pause(true),
                time: .seconds(Int.random(in: 1...3, using: &random)))
        }
        guard let pool = roster.pools.randomElement(using: &random),
            let target = pool.targets.randomElement(using: &random)
        else { return nil }
        let time: Duration? = random.chance(50) ? nil : .seconds(Int.random(in: 1...20, using: &random))
        let states: [TargetSteering.State] = [.ready, .ready, .drain, .maintain, .silent, .refusing]
        let action: Order.Action =
            switch Int.random(in: 0..<10, using: &random) {
            case ..<6: .state(states.randomElement(using: &random) ?? .ready)
            case ..<8: .weight(random.chance(30) ? nil : .count(Int32.random(in: 0...3, using: &random)))
            default:
                .sessionsMax(
                    random.chance(30)
                        ? nil
                        : random.chance(30)
                            ? TargetSteering.SessionsMax.none : .count(Int32.random(in: 1...3, using: &random)))
            }
        return Order(subject: .backend(pool: pool.name, name: target.name), action: action, time: time)
    }

    // MARK: questions

    private mutating func ask(_ loop: borrowing BalancerLoop) {
        guard let mailbox = loop.mailbox else { return }
        let answers = answers
        let known = answers.withLock(\.ids)
        let question: LoopQuestion
        switch Int.random(in: 0..<10, using: &random) {
        case ..<4: question = .sessions(SessionFilter(), from: 0)
        case ..<6: question = known.randomElement(using: &random).map { .session($0) } ?? .isAlive
        case ..<9: question = known.randomElement(using: &random).map { .kill($0) } ?? .isAlive
        default:
            let target = loop.targets.roster.pools.flatMap(\.targets).randomElement(using: &random)
            question = .killAll(of: Set([target?.id.rawValue].compactMap(\.self)), from: 0)
        }
        asked += 1
        let isAsked = mailbox.ask(question) { answer in answers.withLock { $0.take(answer) } }
        if !isAsked { found.append("a question was not taken") }
    }

    /// Every question has an answer before the loop ends.
    mutating func end(of loop: inout BalancerLoop) {
        guard loop.isRunning else { return }
        for _ in 0..<Mailbox.lettersMax { loop.answerQuestions() }
        if answered != asked { found.append("\(asked) questions, and \(answered) answers") }
    }
}

extension OrderScript.Answers {
    fileprivate mutating func take(_ answer: LoopAnswer) {
        count += 1
        switch answer {
        case .alive: break
        case .sessions(let sessions, _):
            ids = sessions.map { SessionID(rawValue: $0.facts.id) }
            for session in sessions { look(at: session) }
        case .session(let session): if let session { look(at: session) }
        case .killed(let count, _): killed += count
        }
    }

    private mutating func look(at session: NamedFacts) {
        let (facts, trace) = (session.facts, session.facts.trace)
        if facts.end == nil, facts.phase == .ended { violations.append("a live session is said to have ended") }
        if trace.attempts.count != facts.attempts {
            violations.append("\(trace.attempts.count) attempts are remembered of \(facts.attempts)")
        }
        for place in 0..<max(0, trace.attempts.remembered - 1) where !trace.attempts[place].isOver {
            violations.append("an attempt has begun before the last one was over")
        }
        if facts.connected > 0, facts.connected < facts.accepted {
            violations.append("a session was connected before it came")
        }
        if facts.lastActive < facts.accepted { violations.append("a session has moved before it came") }
    }
}
