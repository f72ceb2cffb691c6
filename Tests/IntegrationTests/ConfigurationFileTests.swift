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

    @Test("one line with --listen serves on each address, and logs changes of health")
    func oneLine() throws {
        let backends = [try EchoBackend(named: "A"), try EchoBackend(named: "B")]
        let ports = try Ports.free(2)
        let program = try RunningProgram.start(
            .balancer,
            ["run", "--listen", "127.0.0.1:\(ports[0])", "127.0.0.1:\(backends[0].port)", "--listen=[::1]:\(ports[1])"]
                + ["127.0.0.1:\(backends[1].port)", "--threads", "1", "--source", "127.0.0.9"])
        for port in ports { try Ports.waitForListener(on: port, of: program) }
        let first = BalancerUnderTest(program: program, host: "127.0.0.1", port: ports[0])
        let second = BalancerUnderTest(program: program, host: "::1", port: ports[1])
        #expect(try first.connectAndGreet().backend == "A")
        #expect(try second.connectAndGreet().backend == "B")
        try backends[1].stop()
        try program.wait("a line about the backend") {
            (program.output.texts + program.errors.texts).contains { $0.contains("\(backends[1].port)") }
        }
    }

    @Test(
        "what is wrong with one line is a usage error with its remedy",
        arguments: [
            (["db1:5432"], "'db1:5432' is a backend and no file: say where clients come in"),
            (["--listen", "127.0.0.1:1"], "no backend: after --listen give at least one HOST:PORT"),
            (["--listen", "127.0.0.1:1", "db1"], "backend 'db1' has no port"),
            (["--listen", "127.0.0.1:1", "a.yaml"], "give either a file"),
            (["--listen", "5432", "db1:1"], "write 0.0.0.0:5432 for every IPv4 address"),
            (["--listen", "localhost:1", "db1:1"], "'localhost' is a name"),
            (["--listen", "/run/x", "db1:1"], "bind: {unix: PATH}"),
            (["--listen", "0.0.0.0:1", "--listen", "127.0.0.1:1", "db1:1"], "stands for every address"),
            (["--listen", "0.0.0.0:1", "--listen", "0.0.0.0:1", "db1:1"], "two listeners on 0.0.0.0:1"),
            (["--listen", "0.0.0.0:1", "127.0.0.1:1"], "is the balancer's own address"),
            (["--listen", "0.0.0.0:1", "db1:1", "--source", "127.0.0.1:3"], "a source address has no port"),
            (["a.yaml", "--threads", "2"], "--threads goes with --listen"),
            (["a.yaml", "b.yaml"], "2 files: give one"),
        ] as [([String], String)])
    func wrongLine(arguments: [String], fault: String) throws {
        let program = try RunningProgram.start(.balancer, ["run"] + arguments)
        #expect(try program.waitForExit() == .exited(64))
        #expect(program.errors.text.contains(fault), "\(program.summary)")
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

/// `balancer check --against`, as a program.
@Suite("Check against a running balancer", .ownThread)
struct CheckAgainstTests {
    @Test("a line says what becomes of each backend and its sessions; nothing changes, and mistakes are still 78")
    func against() throws {
        let folder = try TestFolder()
        let backends = [try EchoBackend(named: "A"), try EchoBackend(named: "B")]
        let port = try Ports.free()
        let socket = folder.path(of: "admin.sock")
        let path = folder.path(of: "balancer.yaml")
        func write(_ backends: [EchoBackend]) throws {
            try """
            listeners: {web: {bind: "127.0.0.1:\(port)", pool: web}}
            pools:
              web:
                backends: [\(backends.map { "\"127.0.0.1:\($0.port)\"" }.joined(separator: ", "))]
                when_removed: drain 30s
            administration: {socket: \(socket)}
            """.write(toFile: path, atomically: true, encoding: .utf8)
        }
        func check() throws -> RunningProgram {
            let program = try RunningProgram.start(.balancer, ["check", "--against", socket, path])
            return program
        }
        try write(backends)
        let unreachable = try check()
        #expect(try unreachable.waitForExit() == .exited(1))
        #expect(unreachable.errors.text.contains(socket))

        let program = try RunningProgram.start(.balancer, ["run", path])
        try Ports.waitForListener(on: port, of: program)
        let balancer = BalancerUnderTest(program: program, host: "127.0.0.1", port: port)
        let clients = try (0..<5).map { _ in try balancer.connectAndGreet() }
        let remark = "not compared: settings, such as policies, limits, checks, timeouts, networks and names of servers"
        let same = try check()
        #expect(try same.waitForExit() == .exited(0))
        #expect(same.output.texts == ["no backend, pool or listener changes, listener web unchanged", remark])

        try write([backends[1]])
        let changed = try check()
        #expect(try changed.waitForExit() == .exited(0))
        let name = "127.0.0.1:\(backends[0].port)"
        #expect(
            changed.output.texts == [
                "pool web: backend \(name) is removed, and drains for 30s: 3 sessions affected",
                "1 backend drains, 3 sessions affected, listener web unchanged", remark,
            ])
        // A session that has ended is not counted any more.
        clients[0].client.close()
        try balancer.waitForStatus(at: socket, "with a session less") { $0.sessions == 4 }
        let later = try check()
        #expect(try later.waitForExit() == .exited(0))
        #expect(later.output.texts.dropLast().last == "1 backend drains, 2 sessions affected, listener web unchanged")

        try "listeners: 1".write(toFile: path, atomically: true, encoding: .utf8)
        let wrong = try check()
        #expect(try wrong.waitForExit() == .exited(78))
        #expect(program.isRunning)
    }
}
