import AdministrationAPI
import NIOCore

extension Connection {
    /// Does what the router has decided.
    func act(on decision: Decision) {
        switch decision {
        case .answer(let answer): respond(answer)
        case .refuse(let refused): respond(Answer(refused))
        case .stream(let subscription): stream(subscription)
        case .ask(let question): ask(question)
        }
    }

    private func ask(_ question: Question) {
        switch question {
        case .status(let mayChange):
            respond(Answer(type: Answer.MediaType.json, body: core.snapshots.statusBody(mayChange: mayChange)))
        case .metrics: respond(Answer(type: Answer.MediaType.metrics, body: core.snapshots.metrics()))
        case .readiness: respondReadiness()
        case .configuration: respondConfiguration()
        case .events(let after):
            let list = EventList(events: core.balancer.events(after: after))
            respond(Answer(type: Answer.MediaType.json, body: JSONText.encoded(list)))
        case .sessions(let question): core.balancer.sessions(question, answer: awaited())
        case .story(let id): core.balancer.story(ofSession: id, answer: awaited())
        case .difference: core.balancer.difference(answer: awaited())
        case .wish(let wish, let asker):
            core.balancer.carryOut(wish, by: asker, answer: awaited(isChange: true))
        }
    }

    private func respondReadiness() {
        let state = core.snapshots.status().state
        respond(
            Answer(
                status: state == "serving" ? 200 : 503, type: Answer.MediaType.text,
                body: ByteBuffer(string: "\(state)\n")))
    }

    private func respondConfiguration() {
        guard let text = core.balancer.configuration() else {
            return respond(
                Answer(Refused(404, "The balancer was configured by its command line: there is no file to show.")))
        }
        respond(Answer(type: Answer.MediaType.yaml, body: ByteBuffer(string: text)))
    }

    /// Waits for an answer of the balancer, and gives what is to be called with it, on any thread.
    private func awaited<Value: Encodable & Sendable>(
        isChange: Bool = false
    ) -> @Sendable (Result<Value, Refusal>) -> Void {
        enter(.asking)
        setDeadline(core.times.question)
        questions += 1
        let number = questions
        let connection = NIOLoopBound(self, eventLoop: core.eventLoop)
        let door = core.door
        return { result in
            door.run { connection.value.balancerAnswered(result, number, isChange: isChange) }
        }
    }

    private func balancerAnswered(
        _ result: Result<some Encodable, Refusal>, _ number: UInt64, isChange: Bool
    ) {
        if isChange { core.snapshots.forget() }
        guard phase == .asking, number == questions else { return }
        switch result {
        case .success(let value): respond(Answer(type: Answer.MediaType.json, body: JSONText.encoded(value)))
        case .failure(let refusal): respond(Answer(Refused(refusal.kind.status, refusal.error)))
        }
    }
}

extension Refusal.Kind {
    /// As HTTP says it: RFC 9110, section 15.5 and 15.6.
    fileprivate var status: Int {
        switch self {
        case .missing: 404
        case .invalid: 400
        case .conflict: 409
        case .silent: 504
        }
    }
}
