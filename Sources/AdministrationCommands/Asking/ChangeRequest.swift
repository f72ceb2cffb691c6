import AdministrationAPI
import AdministrationClient
import Top

extension Target {
    /// A backend.
    static func backend(_ reference: BackendReference) -> String {
        backend(reference.backend, of: reference.pool)
    }

    /// Its state.
    static func state(of reference: BackendReference) -> String { state(of: backend(reference)) }
}

/// A request that changes something, or asks what would change.
struct ChangeRequest: Hashable, Sendable {
    let method: String
    let target: String
    /// JSON; nil without a body.
    let body: [UInt8]?

    /// `POST` or `PATCH` of a wish.
    init(_ method: String, _ target: String, _ wish: some Encodable) {
        self.method = method
        self.target = target
        body = APICoding.json(wish)
    }

    /// `DELETE` of what the path and the query name.
    init(deleting path: String, _ pairs: [(name: String, value: String?)] = [], isDryRun: Bool) {
        method = "DELETE"
        target = Target.query(path, pairs + [("dry_run", isDryRun ? "yes" : nil)])
        body = nil
    }

    /// The file is to be read again.
    static let reload = ChangeRequest("POST", Target.reload)

    private init(_ method: String, _ target: String) {
        self.method = method
        self.target = target
        body = nil
    }
}
