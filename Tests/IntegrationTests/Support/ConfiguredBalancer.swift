import Foundation
import Testing

/// A running balancer as a configuration file describes it: one listener and one pool.
struct ConfiguredBalancer {
    let balancer: BalancerUnderTest
    let manager: NotifySocket
    /// The file's folder.
    let folder: TestFolder

    var program: RunningProgram { balancer.program }

    /// Starts `balancer run FILE` and waits until it listens, and with `isReady` until each backend has been probed once.
    ///
    /// - Parameters:
    ///   - backends: Each as the file has it: an address in quotes, or a map.
    ///   - pool: Further lines of the pool, `listener` of the listener, and `top` of the file.
    ///   - bind: nil for a port of the loopback address.
    ///   - folder: That of the file; nil for a new one.
    static func start(
        _ backends: [String], pool: [String] = [], listener: [String] = [], top: [String] = [],
        log: String = "log: {mode: sessions}", bind: String? = nil, isReady: Bool = true,
        in folder: TestFolder? = nil, at location: SourceLocation = #_sourceLocation
    ) throws -> ConfiguredBalancer {
        let folder = try folder ?? TestFolder(at: location)
        let manager = try NotifySocket(at: location)
        let port = try Ports.free(at: location)
        let text = """
            listeners:
              web:
                bind: \(bind ?? "\"127.0.0.1:\(port)\"")
                pool: web
            \(listener.map { "    \($0)\n" }.joined())
            pools:
              web:
                backends: [\(backends.joined(separator: ", "))]
            \(pool.map { "    \($0)\n" }.joined())
            \(top.map { "\($0)\n" }.joined())
            \(log)
            """
        let path = folder.path(of: "balancer.yaml")
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let program = try RunningProgram.start(
            .balancer, ["run", path], environment: ["NOTIFY_SOCKET": manager.name], at: location)
        if bind == nil { try Ports.waitForListener(on: port, of: program, at: location) }
        if isReady { try manager.wait(for: "READY", from: program, at: location) }
        return ConfiguredBalancer(
            balancer: BalancerUnderTest(program: program, host: "127.0.0.1", port: port), manager: manager,
            folder: folder)
    }

    /// Starts one with servers on the loopback address.
    static func start(
        _ ports: [UInt16], pool: [String] = [], listener: [String] = [], log: String = "log: {mode: sessions}",
        at location: SourceLocation = #_sourceLocation
    ) throws -> ConfiguredBalancer {
        try start(ports.map { "\"127.0.0.1:\($0)\"" }, pool: pool, listener: listener, log: log, at: location)
    }

    /// Waits until the service manager was told of this state, for the time number `place`.
    func wait(
        forStatus status: String, number place: Int = 1, at location: SourceLocation = #_sourceLocation
    ) throws {
        try manager.wait(for: "STATUS", status, number: place, from: program, at: location)
    }

    /// What the log says of the sessions that have ended.
    var records: [LoggedSession] { balancer.output.texts.compactMap(LoggedSession.init) }

    /// Waits for the records of as many sessions.
    @discardableResult func waitForRecords(
        _ count: Int, within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation
    ) throws -> [LoggedSession] {
        try program.wait("\(count) sessions have ended", within: limit, at: location) { records.count >= count }
        return records
    }
}

/// A line of the log about a session.
struct LoggedSession: CustomStringConvertible {
    let description: String
    private let fields: [Substring: Substring]

    init?(_ line: String) {
        guard line.contains("session client=") else { return nil }
        description = line
        let pairs = line.split(separator: " ").compactMap { word -> (Substring, Substring)? in
            let parts = word.split(separator: "=", maxSplits: 1)
            return parts.count == 2 ? (parts[0], parts[1]) : nil
        }
        fields = Dictionary(pairs) { first, _ in first }
    }

    subscript(key: String) -> String? { fields[key[...]].map(String.init) }

    var reason: String? { self["reason"] }
    /// From the accept to the end.
    var duration: Duration { .milliseconds(self["duration_ms"].flatMap(Double.init) ?? -1) }
    /// How many backends were tried.
    var attempts: Int { self["attempts"].flatMap(Int.init) ?? -1 }
}
