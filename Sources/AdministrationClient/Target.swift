/// The targets of requests: paths and queries of the API.
public enum Target {
    /// The state of the process, of its pools and of its listeners.
    public static let status = "/v1/status"
    /// The last events, or a stream of them.
    public static let events = "/v1/events"
    /// The live sessions.
    public static let sessions = "/v1/sessions"
    /// The configuration with all defaults written out.
    public static let configuration = "/v1/config"
    /// The configuration file is read again.
    public static let reload = "/v1/config/reload"
    /// What that would change.
    public static let difference = "/v1/config/diff"

    /// The backends of a pool.
    public static func backends(of pool: String) -> String { "/v1/pools/\(encoded(pool))/backends" }

    /// A backend.
    public static func backend(_ name: String, of pool: String) -> String {
        "\(backends(of: pool))/\(encoded(name))"
    }

    /// A listener.
    public static func listener(_ name: String) -> String { "/v1/listeners/\(encoded(name))" }

    /// The state of the backend or listener that has this target.
    public static func state(of target: String) -> String { "\(target)/state" }

    /// A live session.
    public static func session(_ id: String) -> String { "\(sessions)/\(encoded(id))" }

    /// What happened to a session.
    public static func why(_ id: String) -> String { "\(session(id))/why" }

    /// A path with those of the pairs that have a value.
    public static func query(_ path: String, _ pairs: [(name: String, value: String?)]) -> String {
        let parts = pairs.compactMap { pair in pair.value.map { "\(encoded(pair.name))=\(encoded($0))" } }
        return parts.isEmpty ? path : "\(path)?\(parts.joined(separator: "&"))"
    }

    /// Percent-encoded but for the unreserved characters of RFC 3986, section 2.3.
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
