import AdministrationAPI
import NIOCore

/// Decides about requests. It has no state and asks nobody, so that arbitrary requests can be tried on it.
struct Router: Sendable {
    /// Which `Host` fields are taken over TCP.
    let hosts: HostRules
    /// What allows changes over TCP.
    let tokens: Tokens

    /// What becomes of a request.
    func decide(_ request: Request) -> Decision {
        do throws(Refused) {
            try Self.checkFields(of: request)
            let target = try Target(request.target)
            if request.peer == .tcp { try checkOrigin(of: request, target) }
            let asker = try asker(of: request)
            guard let place = Place(target.path) else {
                throw Refused(404, "There is no \(request.target.quoted). There are \(Place.list).")
            }
            guard let method = place.methods.first(where: { $0.rawValue == request.method || $0.isGet(request.method) })
            else { throw Self.wrongMethod(request, place) }
            if method != .get {
                let name = try checkedAsker(asker, request)
                return .ask(.wish(try wish(place, method, request, target), asker: name))
            }
            guard request.body.isEmpty else { throw Refused(400, "A GET takes no body.") }
            return try read(place, request, target, mayChange: asker != nil)
        } catch {
            return .refuse(error)
        }
    }

    private static func wrongMethod(_ request: Request, _ place: Place) -> Refused {
        var refused = Refused(
            405, "\(place.title) takes \(place.allowed.joined(separator: ", ")), not \(request.method.quoted).")
        refused.allowed = place.allowed
        return refused
    }

    /// The answer to a reading request.
    private func read(
        _ place: Place, _ request: Request, _ target: Target, mayChange: Bool
    ) throws(Refused) -> Decision {
        var query = Query(target)
        let decision: Decision
        switch place {
        case .sessions: decision = .ask(.sessions(try query.sessions()))
        case .events: decision = try events(request, &query, mayChange: mayChange)
        case .page(let page): decision = .answer(page.answer)
        case .health: decision = .answer(Answer(type: Answer.MediaType.text, body: ByteBuffer(string: "alive\n")))
        case .readiness: decision = .ask(.readiness)
        case .metrics: decision = .ask(.metrics)
        case .status: decision = .ask(.status(mayChange: mayChange))
        case .story(let id): decision = .ask(.story(id: try Self.sessionID(id)))
        case .configuration: decision = .ask(.configuration)
        case .difference: decision = .ask(.difference)
        // They have no GET. Written out, like those below: a new place must not fall to another's decision.
        case .session, .backends, .backend, .backendState, .listener, .listenerState, .reload:
            throw Self.wrongMethod(request, place)
        }
        try query.finish()
        return decision
    }

    private func events(
        _ request: Request, _ query: inout Query, mayChange: Bool
    ) throws(Refused) -> Decision {
        let only = try query.choice("only", of: ["log", "status"])
        let after = try query.number("after", in: 0...UInt64.max).map { EventID(number: $0) }
        try query.finish()
        guard request.accepts(Answer.MediaType.events) else {
            guard only != "status" else {
                throw Refused(
                    400,
                    "?only=status is for a stream: ask with Accept: \(Answer.MediaType.events), or GET /v1/status.")
            }
            return .ask(.events(after: after?.number ?? 0))
        }
        guard request.method != "HEAD" else {
            return .answer(Answer(type: Answer.MediaType.events, body: ByteBuffer()))
        }
        // A browser repeats the last id that it has seen when it connects again.
        let last = request.value("last-event-id").flatMap { EventID($0) }
        return .stream(
            Subscription(
                wantsStatus: only != "log", wantsLog: only != "status", after: last ?? after, mayChange: mayChange))
    }

    /// What a changing request wants.
    private func wish(
        _ place: Place, _ method: Place.Method, _ request: Request, _ target: Target
    ) throws(Refused) -> Wish {
        var query = Query(target)
        if method == .delete { return try removal(place, request, &query) }
        try query.finish()
        switch place {
        case .backendState(let pool, let backend):
            return .backendState(pool: pool, backend: backend, try request.stateWish(example: "drain"))
        case .listenerState(let listener):
            return .listenerState(listener: listener, try request.stateWish(example: "paused"))
        case .backend(let pool, let backend):
            return .backendSetting(pool: pool, backend: backend, try request.backendSetting())
        case .listener(let listener):
            return .listenerSetting(listener: listener, try request.listenerSetting())
        case .backends(let pool):
            return .addBackend(pool: pool, try request.newBackend())
        case .reload:
            try request.checkNoBody("GET /v1/config/diff tells what a reload would change")
            return .reload
        case .page, .health, .readiness, .metrics, .status, .events, .sessions, .session, .story, .configuration,
            .difference:
            throw Self.wrongMethod(request, place)
        }
    }

    /// What a `DELETE` wants.
    private func removal(_ place: Place, _ request: Request, _ query: inout Query) throws(Refused) -> Wish {
        let isDryRun = try query.flag("dry_run")
        try request.checkNoBody("what would change is asked with ?dry_run=yes")
        switch place {
        case .backend(let pool, let backend):
            try query.finish()
            return .removeBackend(pool: pool, backend: backend, isDryRun: isDryRun)
        case .session(let id):
            try query.finish()
            return .killSession(id: try Self.sessionID(id), isDryRun: isDryRun)
        case .sessions:
            let pool = try query.text("pool")
            guard let backend = try query.text("backend") else {
                throw Refused(
                    400, "DELETE /v1/sessions needs ?backend=NAME, and where several pools have it &pool=NAME.")
            }
            try query.finish()
            return .killSessions(pool: pool, backend: backend, isDryRun: isDryRun)
        case .page, .health, .readiness, .metrics, .status, .events, .story, .backends, .backendState, .listener,
            .listenerState, .configuration, .difference, .reload:
            throw Self.wrongMethod(request, place)
        }
    }

    /// A session's id in lower case.
    private static func sessionID(_ text: String) throws(Refused) -> String {
        guard text.utf8.count == 16, text.utf8.allSatisfy({ $0.hexDigit != nil }) else {
            throw Refused(
                400, "\(text.quoted) is no session's id, which has 16 hexadecimal digits: GET /v1/sessions lists them.")
        }
        return text.lowercased()
    }
}
