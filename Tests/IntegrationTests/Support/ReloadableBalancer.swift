import Foundation
import Glibc
import Testing

/// A balancer that serves as a configuration file says, which the test can change.
struct ReloadableBalancer {
    let program: RunningProgram
    private let path: String

    /// Starts `balancer run` with a file, and waits until it listens on `port`.
    static func start(
        _ text: String, port: UInt16, environment: [String: String] = [:],
        at location: SourceLocation = #_sourceLocation
    ) throws -> ReloadableBalancer {
        let path = try TestFolder().path(of: "balancer.yaml")
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let program = try RunningProgram.start(.balancer, ["run", path], environment: environment, at: location)
        try Ports.waitForListener(on: port, of: program, at: location)
        return ReloadableBalancer(program: program, path: path)
    }

    /// Replaces the file, asks for a reload, and waits until it was carried out or refused.
    func reload(_ text: String, at location: SourceLocation = #_sourceLocation) throws {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let before = reloads
        program.signal(SIGHUP)
        try program.wait("reload \(before + 1)", at: location) { reloads > before }
    }

    /// How many reloads were carried out or refused.
    private var reloads: Int { program.errors.count { $0.contains("configuration taken over") } + refusals }

    /// How many were refused.
    var refusals: Int { program.errors.count { $0.contains("new configuration was not taken over") } }

    /// As a balancer with one port.
    func under(_ port: UInt16) -> BalancerUnderTest {
        BalancerUnderTest(program: program, host: "127.0.0.1", port: port)
    }
}
