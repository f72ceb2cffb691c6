import AdministrationAPI
import AdministrationClient
import Glibc
import Reactor
import Top

/// Reads the stream of a balancer on a thread of its own, again and again, and leaves what comes in an inbox.
enum TopFeed {
    /// Between two attempts, in microseconds.
    private static let retryMicroseconds: UInt32 = 1_000_000

    static func start(_ asker: any Asker, _ inbox: TopInbox) throws(SystemCallError) {
        _ = try LoopThread(name: "top-feed") {
            while true {
                read(asker, inbox)
                usleep(retryMicroseconds)
            }
        }
    }

    /// One connection, until it ends.
    private static func read(_ asker: any Asker, _ inbox: TopInbox) {
        var isFirst = true
        let fault = asker.stream(Target.events) { event in
            switch event.name {
            case "status":
                guard let status = APICoding.value(Status.self, from: event.data) else { return false }
                inbox.put(.status(status))
                // The events before the stream are asked for once, after the status that may tell of another process.
                if isFirst, let json = try? asker.get(Target.events),
                    let list = APICoding.value(EventList.self, from: json)
                {
                    for event in list.events.suffix(TopModel.eventsMax) { inbox.put(.event(event)) }
                }
                isFirst = false
            case "log":
                if let event = APICoding.value(EventRow.self, from: event.data) { inbox.put(.event(event)) }
            default: break
            }
            return true
        }
        inbox.put(.lost(fault?.reason ?? "its status is not understood: it is of another version than this program"))
    }
}

/// Asks what keys want to know, one question after the other, on a thread of its own.
final class TopQuestions: Sendable {
    /// More do not wait: a balancer that does not answer is asked no more for every key that is pressed.
    private static let questionsMax = 16

    private let asker: any Asker
    private let inbox: TopInbox
    private let queue = Guarded<[TopQuestion]>([])
    private let waker: Waker

    private init(_ asker: any Asker, _ inbox: TopInbox) throws(SystemCallError) {
        self.asker = asker
        self.inbox = inbox
        waker = try Waker()
    }

    static func start(_ asker: any Asker, _ inbox: TopInbox) throws(SystemCallError) -> TopQuestions {
        let questions = try TopQuestions(asker, inbox)
        _ = try LoopThread(name: "top-questions") { questions.answerAll() }
        return questions
    }

    /// Adds a question; its answer comes to the inbox. It is a fault when too many others wait.
    func ask(_ question: TopQuestion) {
        let isAdded = queue.withLock { queue in
            guard queue.count < Self.questionsMax else { return false }
            queue.append(question)
            return true
        }
        if isAdded { waker.wake() } else { inbox.put(.answer(Self.refusal(of: question))) }
    }

    private static func refusal(of question: TopQuestion) -> TopAnswer {
        let fault = TopFault("\(questionsMax) questions wait for the balancer's answer: wait, and press the key again")
        return switch question {
        case .sessions(let reference): .sessions(reference, .failure(fault))
        case .story(let id): .story(id, .failure(fault))
        case .change(let change, _): .change(change, .failure(fault))
        }
    }

    private func answerAll() {
        while true {
            while let question = next() { inbox.put(.answer(answer(question))) }
            _ = waker.wait(milliseconds: -1)
        }
    }

    private func next() -> TopQuestion? { queue.withLock { $0.isEmpty ? nil : $0.removeFirst() } }

    private func answer(_ question: TopQuestion) -> TopAnswer {
        switch question {
        case .sessions(let reference):
            let target = Target.query(
                Target.sessions,
                [("pool", reference.pool), ("backend", reference.backend), ("limit", "\(TopModel.sessionsMax)")])
            return .sessions(
                reference, result { () throws(Fault) in try asker.read(SessionList.self, from: asker.get(target)) })
        case .story(let id):
            return .story(
                id, result { () throws(Fault) in try asker.read(SessionStory.self, from: asker.get(Target.why(id))) })
        case .change(let change, let isDryRun):
            let wish = StateWish(state: change.state, dryRun: isDryRun ? true : nil)
            let request = ChangeRequest("POST", Target.state(of: change.backend), wish)
            return .change(change, result { () throws(Fault) in try asker.change(request).change })
        }
    }

    private func result<Value>(_ body: () throws(Fault) -> Value) -> Result<Value, TopFault> {
        do throws(Fault) {
            return .success(try body())
        } catch {
            return .failure(error.inTop)
        }
    }
}
