import Foundation
import Glibc
import Testing

/// The commands around a configuration file, as programs.
@Suite("Configuration file", .ownThread)
struct ConfigurationFileTests {
    private static func file(_ folder: TestFolder, _ text: String) throws -> String {
        let path = folder.path(of: "balancer.yaml")
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private static func text(port: UInt16, backends: [UInt16], _ more: String = "") -> String {
        """
        listeners:
          web: {bind: "127.0.0.1:\(port)", pool: web}
        pools:
          web:
            backends: [\(backends.map { "\"127.0.0.1:\($0)\"" }.joined(separator: ", "))]
        \(more)
        """
    }

    @Test("clients are served as the file says", arguments: [true, false])
    func run(byEnvironment: Bool) throws {
        let folder = try TestFolder()
        let first = try EchoBackend(named: "A")
        let second = try EchoBackend(named: "B")
        let port = try Ports.free()
        let path = try Self.file(folder, Self.text(port: port, backends: [first.port, second.port]))
        let program = try RunningProgram.start(
            .balancer, byEnvironment ? ["run"] : ["run", path],
            environment: byEnvironment ? ["BALANCER_CONFIG": path] : [:])
        try Ports.waitForListener(on: port, of: program)
        let balancer = BalancerUnderTest(program: program, host: "127.0.0.1", port: port)
        #expect(try balancer.backendsOfNextClients(4) == ["A", "B", "A", "B"])
        program.signal(SIGTERM)
        #expect(try program.waitForExit() == .exited(0))
    }

    @Test("[::] beside 0.0.0.0 has the clients of IPv6 alone, and without it those of both")
    func bothFamilies() throws {
        let folder = try TestFolder()
        let first = try EchoBackend(named: "A")
        let second = try EchoBackend(named: "B")
        let (port, both) = (try Ports.free(), try Ports.free())
        let path = try Self.file(
            folder,
            """
            listeners:
              four: {bind: "0.0.0.0:\(port)", pool: a}
              six: {bind: ["[::]:\(port)", "[::]:\(both)"], pool: b}
            pools:
              a: {backends: "127.0.0.1:\(first.port)"}
              b: {backends: "127.0.0.1:\(second.port)"}
            """)
        let program = try RunningProgram.start(.balancer, ["run", path])
        for port in [port, both] { try Ports.waitForListener(on: port, of: program) }
        for (host, port, backend) in [
            ("127.0.0.1", port, "A"), ("::1", port, "B"), ("127.0.0.1", both, "B"), ("::1", both, "B"),
        ] {
            let balancer = BalancerUnderTest(program: program, host: host, port: port)
            #expect(try balancer.connectAndGreet().backend == backend, "\(host) \(port)")
        }
    }

    @Test("a file without mistakes is one line on standard output")
    func check() throws {
        let folder = try TestFolder()
        let path = try Self.file(folder, Self.text(port: 8000, backends: [8001, 8002]))
        let program = try RunningProgram.start(.balancer, ["check", path])
        #expect(try program.waitForExit() == .exited(0))
        #expect(program.output.texts == ["\(path): ok: 1 listener, 1 pool, 2 backends"])
        #expect(program.errors.bytes == [])
    }

    @Test("all mistakes are on standard error, the exit code is 78, and nothing listens", arguments: ["check", "run"])
    func mistakes(command: String) throws {
        let folder = try TestFolder()
        let port = try Ports.free()
        let path = try Self.file(
            folder, Self.text(port: port, backends: [8001], "    polcy: round-robin\n    idle_timeout: 5"))
        let program = try RunningProgram.start(.balancer, [command, path])
        #expect(try program.waitForExit() == .exited(78))
        #expect(program.output.bytes == [])
        #expect(program.errors.text.contains("\(path):6:5: pools.web.polcy: no such key; did you mean 'policy'?"))
        #expect(program.errors.text.contains("\(path):7:19: pools.web.idle_timeout: '5': it has no unit"))
        #expect(program.errors.texts.last == "2 mistakes")
        #expect(!Ports.isListening(port))
    }

    @Test("without a file the usage says so", arguments: ["check", "run"])
    func noFile(command: String) throws {
        let program = try RunningProgram.start(.balancer, [command])
        #expect(try program.waitForExit() == .exited(64))
        #expect(program.errors.text.contains("BALANCER_CONFIG"))
    }

    @Test("the file that `config` prints is served, and its lines are the command's")
    func config() throws {
        let folder = try TestFolder()
        let backend = try EchoBackend(named: "A")
        let port = try Ports.free()
        let printed = try RunningProgram.start(
            .balancer, ["config", "127.0.0.1", "127.0.0.1", "\(backend.port)", "--port", "\(port)"])
        #expect(try printed.waitForExit() == .exited(0))
        let path = try Self.file(folder, printed.output.text)
        let program = try RunningProgram.start(.balancer, ["run", path])
        try Ports.waitForListener(on: port, of: program)
        let balancer = BalancerUnderTest(program: program, host: "127.0.0.1", port: port)
        try balancer.waitUntilAlive(backend.port)
        #expect(try balancer.connectAndGreet().backend == "A")
    }

    @Test("`config` prints a file with every key, the schema, and its mistakes")
    func configForms() throws {
        let folder = try TestFolder()
        let path = try Self.file(folder, Self.text(port: 8000, backends: [8001]))
        let full = try RunningProgram.start(.balancer, ["config", "--full", path])
        #expect(try full.waitForExit() == .exited(0))
        #expect(full.output.text.contains("idle_timeout: 1h                        # built in"))
        let schema = try RunningProgram.start(.balancer, ["config", "--schema"])
        #expect(try schema.waitForExit() == .exited(0))
        #expect(schema.output.text.hasPrefix("{\n"))
        let nothing = try RunningProgram.start(.balancer, ["config"])
        #expect(try nothing.waitForExit() == .exited(64))
        let wrong = try RunningProgram.start(.balancer, ["config", "127.0.0.1", "127.0.0.1", "0"])
        #expect(try wrong.waitForExit() == .exited(64))
        #expect(wrong.errors.text.contains("1 to 65535"))
    }
}
