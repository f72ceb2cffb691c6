import Foundation
import Glibc
import Testing

/// The files in `examples/`, served by the real program on this machine: addresses are substituted by variables.
@Suite("Example files", .ownThread)
struct ExampleFilesTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../examples/").standardizedFileURL.path

    @Test(
        "a client of each is served",
        arguments: [
            ("two-databases.yaml", ["LISTEN"], ["PRIMARY", "STANDBY"]),
            ("sidecar.yaml", ["LISTEN"], ["REDIS_1", "REDIS_2"]),
            ("web.yaml", ["LISTEN"], ["WEB_1", "WEB_2"]),
            ("preface.yaml", ["LISTEN", "LISTEN_TLS"], ["WEB_1", "WEB_2", "DB"]),
            ("overload.yaml", ["LISTEN"], ["APP_1", "APP_2", "APP_3"]),
            (
                "several-listeners.yaml", ["LISTEN", "LISTEN_TLS", "LISTEN_MAIL", "LISTEN_TENANTS"],
                ["WEB_1", "WEB_2", "WEB_3", "MAIL_1", "MAIL_2"]
            ),
        ] as [(String, [String], [String])])
    func served(name: String, listen: [String], backends: [String]) throws {
        let socket = try TestFolder().path(of: "admin.sock")
        let servers = try backends.map { try EchoBackend(named: $0) }
        let ports = try Ports.free(listen.count)
        var environment = ["ADMIN_SOCKET": socket]
        for (variable, port) in zip(listen, ports) { environment[variable] = "127.0.0.1:\(port)" }
        for (variable, server) in zip(backends, servers) { environment[variable] = "127.0.0.1:\(server.port)" }
        let program = try RunningProgram.start(
            .balancer, ["run", "\(Self.folder)/\(name)"], environment: environment)
        for port in ports { try Ports.waitForListener(on: port, of: program) }
        let balancer = BalancerUnderTest(program: program, host: "127.0.0.1", port: ports[0])
        #expect(backends.contains(try balancer.connectAndGreet().backend))
    }

    /// The names of discovered pools exist in their clusters alone: what a look-up brings is tested in DiscoveredPoolsTests.
    /// Tests/Scripts/check-examples has the servers of checks.yaml.
    @Test(
        "those whose servers are not here listen, and end in order",
        arguments: [
            (
                "checks.yaml",
                ["REDIS", "PRIMARY", "REPLICAS", "POSTGRESQL", "MARIADB", "SMTP", "MQTT", "WEB"].map { "LISTEN_" + $0 }
            ),
            ("kubernetes-discovery.yaml", ["LISTEN_POSTGRES", "LISTEN_REDIS"]), ("compose-discovery.yaml", ["LISTEN"]),
        ] as [(String, [String])])
    func listening(name: String, listen: [String]) throws {
        let ports = try Ports.free(listen.count)
        var environment = ["ADMIN_SOCKET": try TestFolder().path(of: "admin.sock")]
        for (variable, port) in zip(listen, ports) { environment[variable] = "127.0.0.1:\(port)" }
        let program = try RunningProgram.start(
            .balancer, ["run", "\(Self.folder)/\(name)"], environment: environment)
        for port in ports { try Ports.waitForListener(on: port, of: program) }
        program.signal(SIGTERM)
        #expect(try program.waitForExit() == .exited(0))
    }
}
