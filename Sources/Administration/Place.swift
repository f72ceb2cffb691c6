/// What a path names.
enum Place: Hashable, Sendable {
    case page(Page)
    case health
    case readiness
    case metrics
    case status
    case events
    case sessions
    case session(id: String)
    case story(id: String)
    case backends(pool: String)
    case backend(pool: String, backend: String)
    case backendState(pool: String, backend: String)
    case listener(String)
    case listenerState(String)
    case configuration
    case difference
    case reload

    /// A method that a place may have.
    enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case patch = "PATCH"
        case delete = "DELETE"

        /// HEAD is answered as GET, without a body.
        func isGet(_ name: String) -> Bool { self == .get && name == "HEAD" }
    }

    /// The place with this path; nil where there is none.
    init?(_ path: [String]) {
        switch path.first {
        case "v1": self.init(api: path.dropFirst())
        case "metrics" where path.count == 1: self = .metrics
        case "healthz" where path.count == 1: self = .health
        case "readyz" where path.count == 1: self = .readiness
        default:
            guard let page = Page(path) else { return nil }
            self = .page(page)
        }
    }

    private init?(api path: ArraySlice<String>) {
        let name = path.first
        let rest = Array(path.dropFirst())
        switch (name, rest.count) {
        case ("status", 0): self = .status
        case ("events", 0): self = .events
        case ("sessions", 0): self = .sessions
        case ("sessions", 1): self = .session(id: rest[0])
        case ("sessions", 2) where rest[1] == "why": self = .story(id: rest[0])
        case ("pools", 2) where rest[1] == "backends": self = .backends(pool: rest[0])
        case ("pools", 3) where rest[1] == "backends": self = .backend(pool: rest[0], backend: rest[2])
        case ("pools", 4) where rest[1] == "backends" && rest[3] == "state":
            self = .backendState(pool: rest[0], backend: rest[2])
        case ("listeners", 1): self = .listener(rest[0])
        case ("listeners", 2) where rest[1] == "state": self = .listenerState(rest[0])
        case ("config", 0): self = .configuration
        case ("config", 1) where rest[0] == "diff": self = .difference
        case ("config", 1) where rest[0] == "reload": self = .reload
        default: return nil
        }
    }

    /// Its methods.
    var methods: [Method] {
        switch self {
        case .page, .health, .readiness, .metrics, .status, .events, .story, .configuration, .difference: [.get]
        case .sessions: [.get, .delete]
        case .session: [.delete]
        case .backends, .backendState, .listenerState, .reload: [.post]
        case .backend: [.patch, .delete]
        case .listener: [.patch]
        }
    }

    /// Their names for an `Allow` field.
    var allowed: [String] { methods.flatMap { $0 == .get ? ["GET", "HEAD"] : [$0.rawValue] } }

    /// Its path in error messages.
    var title: String {
        switch self {
        case .page(let page): page.path
        case .health: "/healthz"
        case .readiness: "/readyz"
        case .metrics: "/metrics"
        case .status: "/v1/status"
        case .events: "/v1/events"
        case .sessions: "/v1/sessions"
        case .session: "/v1/sessions/ID"
        case .story: "/v1/sessions/ID/why"
        case .backends: "/v1/pools/POOL/backends"
        case .backend: "/v1/pools/POOL/backends/BACKEND"
        case .backendState: "/v1/pools/POOL/backends/BACKEND/state"
        case .listener: "/v1/listeners/LISTENER"
        case .listenerState: "/v1/listeners/LISTENER/state"
        case .configuration: "/v1/config"
        case .difference: "/v1/config/diff"
        case .reload: "/v1/config/reload"
        }
    }

    /// All places, for error messages.
    static let list = [
        Place.page(.document), .health, .readiness, .metrics, .status, .events, .sessions, .session(id: ""),
        .story(id: ""), .backends(pool: ""), .backend(pool: "", backend: ""), .backendState(pool: "", backend: ""),
        .listener(""), .listenerState(""), .configuration, .difference, .reload,
    ].map(\.title).joined(separator: ", ")
}
