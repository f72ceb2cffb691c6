import AdministrationAPI
import AdministrationClient
import Testing

/// The administration of a running balancer, asked over its Unix socket.
struct AdministrationUnderTest {
    let client: AdministrationClient

    init(at path: String) {
        client = AdministrationClient(place: .unix(path), timeout: .seconds(20))
    }

    // MARK: questions

    func status() throws -> Status { try client.status() }

    /// A backend of any pool, by its name.
    func backend(_ name: String, at location: SourceLocation = #_sourceLocation) throws -> Status.Backend {
        let found = try status().pools.flatMap(\.backends).first { $0.name == name }
        return try #require(found, sourceLocation: location)
    }

    /// The sessions that match a query: `("backend", "b1")`.
    func sessions(_ query: (name: String, value: String)...) throws -> SessionList {
        try client.ask(SessionList.self, "GET", AdministrationClient.target(["v1", "sessions"], query: query))
    }

    /// What happened to one session.
    func story(_ id: String) throws -> SessionStory {
        try client.ask(SessionStory.self, "GET", AdministrationClient.target(["v1", "sessions", id, "why"]))
    }

    func events() throws -> [EventRow] { try client.ask(EventList.self, "GET", "/v1/events").events }

    /// The text at a target, and the status of HTTP.
    func text(_ target: String) throws -> (status: Int, text: String) {
        let response = try client.get(target)
        return (response.status, String(decoding: response.body, as: UTF8.self))
    }

    // MARK: wishes

    /// Sets the state of a backend of the pool `web`.
    @discardableResult func set(
        _ backend: String, _ state: String, for seconds: Double? = nil, dryRun: Bool? = nil
    ) throws -> Change {
        try client.ask(
            Change.self, "POST", AdministrationClient.target(["v1", "pools", "web", "backends", backend, "state"]),
            body: StateWish(state: state, forSeconds: seconds, dryRun: dryRun))
    }

    /// Sends a wish to a target of these parts.
    @discardableResult func wish(
        _ method: String, _ parts: [String], query: [(name: String, value: String)] = [],
        body: (any Encodable)? = nil
    ) throws -> Change {
        try client.ask(Change.self, method, AdministrationClient.target(parts, query: query), body: body)
    }

    /// What a refusal says, with its status of HTTP before it; nil when nothing is refused.
    func refusal(_ body: () throws -> Void) throws -> String? {
        do {
            try body()
            return nil
        } catch let error as AdministrationClientError {
            guard case .refused(let status) = error.kind else { throw error }
            return "\(status) \(error.reason)"
        }
    }
}

extension ConfiguredBalancer {
    /// The path of the administration socket of one that was started by ``startAdministered(_:threads:pool:)``.
    var adminPath: String { folder.path(of: "admin.sock") }

    var administration: AdministrationUnderTest { AdministrationUnderTest(at: adminPath) }

    /// The file that it serves by.
    var filePath: String { folder.path(of: "balancer.yaml") }

    /// Starts one with an administration socket and backends that are called `b0`, `b1` and so on.
    static func startAdministered(
        _ ports: [UInt16], threads: Int, pool: [String] = [], at location: SourceLocation = #_sourceLocation
    ) throws -> ConfiguredBalancer {
        let backends = ports.enumerated().map { "{name: b\($0), address: \"127.0.0.1:\($1)\"}" }
        let folder = try TestFolder(at: location)
        return try start(
            backends, pool: pool,
            top: [
                "process: {threads: \(threads)}", "administration: {socket: \"\(folder.path(of: "admin.sock"))\"}",
            ], in: folder, at: location)
    }
}
