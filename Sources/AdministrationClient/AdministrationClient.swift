import AdministrationAPI
import NIOCore
import NIOHTTP1

/// Asks the administration of a running balancer, for commands: each call connects, waits for the answer on the calling
/// thread, and closes.
public struct AdministrationClient: Sendable {
    /// Where the balancer listens.
    public enum Place: Hashable, Sendable, CustomStringConvertible {
        /// The path of a Unix socket; with `@` at its beginning an abstract one.
        case unix(String)
        /// An address, or a name that resolves to one, and a port.
        case tcp(host: String, port: Int)

        /// `/run/balancer/admin.sock`, `127.0.0.1:9000`, `[::1]:9000`
        public var description: String {
            switch self {
            case .unix(let path): path
            case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            }
        }
    }

    /// A complete answer.
    public struct Response: Hashable, Sendable {
        /// 100 to 599.
        public var status: Int
        /// Names in lower case, and the first value of each.
        public var headers: [String: String]
        /// The body.
        public var body: [UInt8]
    }

    /// Where the balancer listens.
    public let place: Place
    /// The token that allows changes over TCP.
    public let token: String?
    /// How long a call waits: for the connection and the answer together.
    public let timeout: Duration

    /// The longest answer that is taken, in bytes: 10,000 sessions have about 4 MB.
    static let bodyBytesMax = 64 << 20

    /// A client that has not connected yet.
    public init(place: Place, token: String? = nil, timeout: Duration = .seconds(10)) {
        self.place = place
        self.token = token
        self.timeout = timeout
    }

    /// A target of these parts and this query, percent-encoded.
    public static func target(_ parts: [String], query: [(name: String, value: String)] = []) -> String {
        let path = parts.map { "/" + Target.encoded($0) }.joined()
        return Target.query(path.isEmpty ? "/" : path, query.map { ($0.name, $0.value) })
    }

    /// Asks for a target: `/v1/status`.
    public func get(_ target: String) throws(AdministrationClientError) -> Response {
        try send("GET", target)
    }

    /// Sends a request with this body, which is JSON. The answer may have any status.
    public func send(
        _ method: String, _ target: String, body: [UInt8]? = nil
    ) throws(AdministrationClientError) -> Response {
        let exchange = try Exchange(place, until: .now + timeout)
        defer { exchange.close() }
        try exchange.send(head(method, target, body: body), body: body)
        var response = Response(status: 0, headers: [:], body: [])
        while true {
            switch try exchange.next(until: exchange.deadline) {
            case .head(let head):
                response.status = Int(head.status.code)
                for field in head.headers.reversed() { response.headers[field.name.lowercased()] = field.value }
            case .body(let bytes):
                guard response.body.count + bytes.readableBytes <= Self.bodyBytesMax else {
                    throw AdministrationClientError(.tooLong, place)
                }
                response.body += bytes.readableBytesView
            case .end: return response
            }
        }
    }

    /// Sends a request and reads its answer. An answer with an error status is thrown, with what it says.
    public func ask<Value: Decodable>(
        _ type: Value.Type, _ method: String = "GET", _ target: String, body: (any Encodable)? = nil
    ) throws(AdministrationClientError) -> Value {
        let response = try send(method, target, body: body.map { APICoding.json($0) })
        try check(response)
        do {
            return try APICoding.decoded(type, from: response.body)
        } catch {
            throw AdministrationClientError(.unreadable, place, "the answer is not what was asked for: \(error)")
        }
    }

    /// Throws what an answer with an error status says.
    public func check(_ response: Response) throws(AdministrationClientError) {
        guard !(200..<300).contains(response.status) else { return }
        let refusal = APICoding.value(Refusal.self, from: response.body)
        throw AdministrationClientError(
            .refused(status: response.status), place,
            refusal?.error ?? "\(place): it refuses with status \(response.status)")
    }

    /// The head of a request.
    func head(_ method: String, _ target: String, body: [UInt8]? = nil) -> HTTPRequestHead {
        var head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method), uri: target)
        if case .tcp = place {
            head.headers.add(name: "Host", value: place.description)
        } else {
            head.headers.add(name: "Host", value: "localhost")
        }
        head.headers.add(name: "Connection", value: "close")
        if let token { head.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let body {
            head.headers.add(name: "Content-Type", value: "application/json")
            head.headers.add(name: "Content-Length", value: String(body.count))
        }
        return head
    }
}
