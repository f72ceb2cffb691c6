import ConfigurationFile
import Foundation
import Glibc
import Reactor
import Testing

@testable import Balancer
@testable import Discovery
@testable import PoolDiscovery

extension DiscoveredPool {
    /// `db.example.`, with port 5432.
    static func names(_ name: String = "db", every: Duration? = nil) throws -> DiscoveredPool {
        let sought = try SoughtName("db.example.")
        return DiscoveredPool(
            name: name, source: .addresses(sought, port: 5432), preferredFamily: AF_INET, every: every)
    }

    /// `_db._tcp.example.`
    static func service(_ name: String = "db", every: Duration? = nil) throws -> DiscoveredPool {
        DiscoveredPool(
            name: name, source: .services(try SoughtName("_db._tcp.example.")), preferredFamily: AF_INET, every: every)
    }

    static func file(_ path: String, _ name: String = "db", every: Duration = .seconds(3600)) -> DiscoveredPool {
        DiscoveredPool(name: name, source: .file(path: path), preferredFamily: AF_INET, every: every)
    }

    func with(min: Int = 1, max: Int = 256) -> DiscoveredPool {
        var pool = self
        pool.min = min
        pool.max = max
        return pool
    }
}

extension Configuration.Backend {
    /// `a.example:5432 10.0.0.1:5432 weight 3 backup`
    var line: String {
        let where_ = address.map { title == $0.description ? title : "\(title) \($0)" } ?? title
        return where_ + (weight == 1 ? "" : " weight \(weight)") + (isBackup ? " backup" : "")
            + (sessionsMax.map { " max \($0)" } ?? "")
    }
}

extension ControlRequest {
    /// `db: 10.0.0.1:5432, 10.0.0.2:5432`
    var line: String {
        switch self {
        case .backends(let backends, let pool): "\(pool): \(backends.map(\.line).joined(separator: ", "))"
        case .undiscovered(let pool, let reason): "\(pool)! \(reason)"
        case .remark(let text, let pool): "\(pool)# \(text)"
        case .configuration, .noConfiguration, .order, .killed, .reloadAsked: "another request"
        }
    }
}

extension SourceAnswer {
    var lines: [String] {
        switch self {
        case .backends(let backends, let remarks, _): backends.map(\.line) + remarks.map { "# \($0)" }
        case .failed(let failure): ["! \(failure.reason)"]
        case .unchanged: ["unchanged"]
        case .unsettled: ["unsettled"]
        }
    }
}

/// The loops' end of a channel.
final class Told {
    let channel: ControlChannel
    private(set) var lines: [String] = []

    init() throws { channel = try ControlChannel() }

    /// Waits until a line has come that the condition holds of; false when none ever did.
    func hears(_ condition: (String) -> Bool) -> Bool {
        for _ in 0..<20_000 {
            lines += channel.take().map(\.line)
            if lines.contains(where: condition) { return true }
            // The shortest pause that lets others run: the condition is what is waited for.
            _ = poll(nil, 0, 1)
        }
        return false
    }

    func hears(_ line: String) -> Bool { hears { $0 == line } }

    /// Forgets what has come.
    func clear() {
        lines += channel.take().map(\.line)
        lines = []
    }
}

/// A folder for one test, which ends with it.
struct Folder: ~Copyable {
    let path: String

    init() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("discovery-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        path = folder.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func path(_ name: String) -> String { "\(path)/\(name)" }

    func write(_ text: String, to name: String) throws {
        let descriptor = unsafe open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        _ = unsafe Array(text.utf8).withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }

    func replace(_ name: String, with text: String) throws {
        try write(text, to: ".new")
        guard unsafe rename(path(".new"), path(name)) == 0 else { throw Errno(rawValue: errno) }
    }
}
