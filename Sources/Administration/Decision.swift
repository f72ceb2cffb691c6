import AdministrationAPI
import NIOCore

/// What becomes of a request.
enum Decision: Equatable, Sendable {
    /// The answer is known.
    case answer(Answer)
    /// The balancer knows the answer.
    case ask(Question)
    /// The answer is a stream of server-sent events.
    case stream(Subscription)
    /// It is not answered, for this reason.
    case refuse(Refused)
}

/// What the balancer is asked.
enum Question: Hashable, Sendable {
    /// `GET /v1/status`; the asker may change something or not.
    case status(mayChange: Bool)
    /// `GET /metrics`.
    case metrics
    /// `GET /readyz`.
    case readiness
    /// `GET /v1/sessions`.
    case sessions(SessionQuestion)
    /// `GET /v1/sessions/ID/why`.
    case story(id: String)
    /// `GET /v1/events` as JSON: those after this number.
    case events(after: UInt64)
    /// `GET /v1/config`.
    case configuration
    /// `GET /v1/config/diff`.
    case difference
    /// All that changes something, and who asks for it.
    case wish(Wish, asker: String)
}

/// What a subscriber wants of `GET /v1/events`.
struct Subscription: Hashable, Sendable {
    /// `event: status` every second.
    var wantsStatus = true
    /// `event: log` for each event.
    var wantsLog = true
    /// The last event that the subscriber has seen; nil for new ones only.
    var after: EventID?
    /// The `mayChange` of its ``Status``.
    var mayChange = false
}

/// Why a request is not answered.
struct Refused: Error, Hashable, Sendable {
    /// 400 to 599.
    var status: Int
    /// What is wrong, and what would have been right.
    var text: String
    /// The methods that the target has, where the status is 405.
    var allowed: [String] = []

    /// A refusal with this status.
    init(_ status: Int, _ text: String) {
        self.status = status
        self.text = text
    }
}

/// A complete answer.
struct Answer: Equatable, Sendable {
    /// 200 to 599.
    var status = 200
    /// Its media type.
    var type: String
    /// Fields besides those that each answer has.
    var fields: [Request.Field] = []
    /// The body.
    var body: ByteBuffer

    /// Media types of what is answered.
    enum MediaType {
        static let json = "application/json"
        static let text = "text/plain; charset=utf-8"
        static let yaml = "text/yaml; charset=utf-8"
        static let html = "text/html; charset=utf-8"
        static let script = "text/javascript; charset=utf-8"
        static let style = "text/css; charset=utf-8"
        static let events = "text/event-stream"
        /// Prometheus 3 refuses a scrape without a valid type.
        static let metrics = "text/plain; version=0.0.4; charset=utf-8"
    }

    /// The answer to a request that was refused: a ``Refusal``.
    init(_ refused: Refused) {
        status = refused.status
        type = MediaType.json
        body = JSONText.encoded(Refusal(error: refused.text))
        if !refused.allowed.isEmpty {
            fields.append(Request.Field(name: "Allow", value: refused.allowed.joined(separator: ", ")))
        }
        if status == 401 { fields.append(Request.Field(name: "WWW-Authenticate", value: "Bearer")) }
    }

    /// An answer with this body.
    init(status: Int = 200, type: String, body: ByteBuffer, fields: [Request.Field] = []) {
        self.status = status
        self.type = type
        self.body = body
        self.fields = fields
    }
}
