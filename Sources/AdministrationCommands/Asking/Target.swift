import AdministrationAPI
import Top

/// The targets of requests: paths and queries of the API.
enum Target {
    static let status = "/v1/status"
    static let events = "/v1/events"
    static let sessions = "/v1/sessions"
    static let configuration = "/v1/config"
    static let reload = "/v1/config/reload"
    static let difference = "/v1/config/diff"

    static func backends(of pool: String) -> String { "/v1/pools/\(encoded(pool))/backends" }
    static func backend(_ reference: BackendReference) -> String {
        "\(backends(of: reference.pool))/\(encoded(reference.backend))"
    }
    static func state(of reference: BackendReference) -> String { "\(backend(reference))/state" }
    static func listener(_ name: String) -> String { "/v1/listeners/\(encoded(name))" }
    static func session(_ id: String) -> String { "\(sessions)/\(encoded(id))" }
    static func why(_ id: String) -> String { "\(session(id))/why" }

    /// A path with those of the pairs that have a value.
    static func query(_ path: String, _ pairs: [(name: String, value: String?)]) -> String {
        let parts = pairs.compactMap { pair in pair.value.map { "\(pair.name)=\(encoded($0))" } }
        return parts.isEmpty ? path : "\(path)?\(parts.joined(separator: "&"))"
    }

    /// Percent-encoded but for the unreserved characters of RFC 3986.
    static func encoded(_ text: String) -> String {
        text.utf8.reduce(into: "") { encoded, byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += "%" + (digits.count < 2 ? "0" : "") + digits
            }
        }
    }
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
