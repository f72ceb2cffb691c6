import Drill
import Foundation
import Glibc
import Testing

/// Drills with the real program: a backend is taken away for a while, and put back.
@Suite("Drill", .ownThread)
struct DrillTests {
    /// A balancer with three servers that can be asked, and whose checks notice a lost one soon.
    private struct Stage {
        let balancer: ConfiguredBalancer
        let socket: String
        /// Where it answers HTTP; nil where it does not.
        let http: String?

        /// - Parameter patience: Of connects: long enough for a busy machine, where nothing is silent.
        init(pool: [String] = [], patience: String = "2s", http isHTTP: Bool = false) throws {
            let folder = try TestFolder()
            http = isHTTP ? "127.0.0.1:\(try Ports.free())" : nil
            socket = folder.path(of: "admin.sock")
            let servers = try (1...3).map { try EchoBackend(named: "b\($0)") }
            balancer = try ConfiguredBalancer.start(
                servers.enumerated().map { "{name: b\($0 + 1), address: \"127.0.0.1:\($1.port)\"}" },
                pool: ["check: {interval: 300ms, timeout: 300ms, fall: 2}", "connect_timeout: \(patience)"]
                    + pool,
                top: ["administration: {socket: \(socket)\(http.map { ", http: \"\($0)\"" } ?? "")}"],
                log: "log: {events: {to: stdout, level: info}}")
        }

        /// Starts a drill with the backend b2.
        func drill(_ options: String...) throws -> RunningProgram {
            try RunningProgram.start(
                .balancer, ["drill", socket, "--backend", "b2", "--baseline", "1s", "--yes"] + options, named: "drill")
        }

        /// Waits until an event of the backend b2 contains a text.
        func waitForEvent(_ text: String, within limit: Duration = .seconds(20)) throws {
            try balancer.program.waitForLine("an event with '\(text)'", within: limit) {
                $0.contains("backend=b2") && $0.contains(text)
            }
        }
    }

    /// The report that a drill has printed as JSON.
    private static func report(_ program: RunningProgram) throws -> DrillReport {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(DrillReport.self, from: Data(program.output.texts.joined(separator: "\n").utf8))
    }

    @Test("a backend that refuses costs no client its session, and the report tells how it was noticed and came back")
    func refusing() throws {
        let stage = try Stage()
        let clients = try (0..<3).map { _ in try stage.balancer.balancer.connectAndGreet() }
        let drill = try stage.drill("--for", "3s", "--json")
        #expect(try drill.waitForExit(within: .seconds(60)) == .exited(0), "\(drill.summary)")
        let report = try Self.report(drill)
        #expect(report.isPassed)
        #expect(report.plan.mode == .refusing)
        #expect(report.plan.listener == "web")
        #expect(report.before.probes > 0 && report.during.probes > 0 && report.after.probes > 0)
        #expect(report.during.failed == 0)
        #expect(report.during.affected > 0)
        #expect(report.clients.attemptsFailed > 0)
        #expect(report.detectedBy == "checks")
        #expect(report.recoverSeconds != nil)
        #expect(report.firstServedSeconds != nil)
        // The sessions that there were go on, those of the backend too.
        #expect(report.sessions.before == 1)
        #expect(report.sessions.kept == 1)
        for (client, _) in clients {
            try client.send("still here")
            #expect(try client.receive(10) == Array("still here".utf8))
        }
        try stage.waitForEvent("refusing -> ")
    }

    @Test("a silent backend of which clients get one attempt makes them fail, and the exit code says so")
    func silent() throws {
        let stage = try Stage(pool: ["retries: {max: 1}"], patience: "500ms")
        let drill = try stage.drill("--for", "3s", "--mode", "silent")
        #expect(try drill.waitForExit(within: .seconds(60)) == .exited(1), "\(drill.summary)")
        let texts = drill.output.texts
        #expect(texts.first == "Drill: backend web/b2 silent for 3 s")
        #expect(
            texts.contains { $0.hasPrefix("verdict") && $0.contains("clients of listener web failed") },
            "\(drill.summary)")
        #expect(texts.contains { $0.contains("connect-failed") }, "\(drill.summary)")
        for text in texts { #expect(text.count <= 80) }
        try stage.waitForEvent("silent -> ")
    }

    @Test("a drill that is killed leaves nothing behind: the balancer puts the backend back")
    func killed() throws {
        let stage = try Stage()
        let drill = try stage.drill("--for", "5s")
        try stage.waitForEvent("-> refusing")
        drill.destroy()
        try stage.waitForEvent("its time is over")
    }

    @Test("a signal ends a drill, and puts the backend back first", arguments: [SIGINT, SIGTERM, SIGHUP])
    func signal(number: Int32) throws {
        let stage = try Stage()
        let drill = try stage.drill("--for", "10m")
        try stage.waitForEvent("-> refusing")
        drill.signal(number)
        #expect(try drill.waitForExit() == .exited(128 + number), "\(drill.summary)")
        #expect(drill.errors.texts == ["balancer: backend web/b2: it is back; the drill was ended before its end"])
        try stage.waitForEvent("refusing -> ")
    }

    @Test("a balancer that ends during a drill ends that too, with what is to be known of it")
    func balancerEnds() throws {
        let stage = try Stage()
        let drill = try stage.drill("--for", "10m")
        try stage.waitForEvent("-> refusing")
        stage.balancer.program.signal(SIGKILL)
        #expect(try drill.waitForExit(within: .seconds(20)) == .exited(1), "\(drill.summary)")
        #expect(drill.errors.texts.contains { $0.contains("it could not be put back") }, "\(drill.summary)")
        #expect(drill.errors.texts.contains { $0.contains(stage.socket) }, "\(drill.summary)")
    }

    @Test("probes can speak, and wait for their answer")
    func answers() throws {
        let stage = try Stage()
        let drill = try stage.drill("--for", "2s", "--send", #"ping\n"#, "--expect", "ping", "--json")
        #expect(try drill.waitForExit(within: .seconds(60)) == .exited(0), "\(drill.summary)")
        let report = try Self.report(drill)
        #expect(report.plan.isAnswerAwaited)
        #expect(report.during.affected > 0)
        #expect(report.firstServedSeconds != nil)
    }

    @Test("an answer that does not come is a failure before the drill, which is then not made")
    func wrongAnswer() throws {
        let stage = try Stage()
        let drill = try stage.drill("--send", "ping", "--expect", "pong", "--patience", "200ms")
        #expect(try drill.waitForExit(within: .seconds(30)) == .exited(1), "\(drill.summary)")
        #expect(
            drill.errors.texts.contains { $0.contains("failed before anything was changed (no answer)") },
            "\(drill.summary)")
        #expect(!stage.balancer.program.output.texts.contains { $0.contains("-> refusing") })
    }

    @Test("a drill that is refused says why, and not that the backend is away")
    func refused() throws {
        let stage = try Stage(http: true)
        let place = try #require(stage.http)
        let drill = try RunningProgram.start(
            .balancer, ["drill", place, "--backend", "b2", "--yes", "--baseline", "1s"], named: "drill")
        #expect(try drill.waitForExit(within: .seconds(30)) == .exited(1), "\(drill.summary)")
        #expect(drill.errors.texts.contains { $0.contains("--token-file") }, "\(drill.summary)")
        #expect(
            !drill.errors.text.contains("put back") && !drill.errors.text.contains("it is back"), "\(drill.summary)")
    }

    @Test("without a terminal and --yes nothing is done")
    func unconfirmed() throws {
        let stage = try Stage()
        let drill = try RunningProgram.start(.balancer, ["drill", stage.socket, "--backend", "b2"], named: "drill")
        #expect(try drill.waitForExit() == .exited(1))
        #expect(drill.errors.texts.contains { $0.contains("give --yes") }, "\(drill.summary)")
    }

    @Test("a backend without others that are up is not taken away, unless that is asked for")
    func alone() throws {
        let folder = try TestFolder()
        let socket = folder.path(of: "admin.sock")
        let server = try EchoBackend(named: "b1")
        let balancer = try ConfiguredBalancer.start(
            ["{name: b1, address: \"127.0.0.1:\(server.port)\"}"], top: ["administration: {socket: \(socket)}"])
        let arguments = ["drill", socket, "--backend", "b1", "--baseline", "1s", "--for", "1s", "--yes"]
        let refused = try RunningProgram.start(.balancer, arguments, named: "drill")
        #expect(try refused.waitForExit() == .exited(1))
        #expect(refused.errors.texts.contains { $0.contains("give --force") }, "\(refused.summary)")
        let forced = try RunningProgram.start(.balancer, arguments + ["--force", "--json"], named: "drill")
        #expect(try forced.waitForExit(within: .seconds(60)) == .exited(1), "\(forced.summary)")
        #expect(try Self.report(forced).during.failed > 0)
        #expect(balancer.program.isRunning)
    }
}

/// Drills on a copy, with the real program.
@Suite("Drill on a copy", .ownThread)
struct DrillCopyTests {
    /// Starts a drill with a file.
    private static func drill(_ text: String, _ folder: TestFolder, _ options: String...) throws -> RunningProgram {
        let path = folder.path(of: "balancer.yaml")
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return try RunningProgram.start(
            .balancer, ["drill", path, "--baseline", "1s", "--for", "2s"] + options, named: "drill",
            environment: ["TMPDIR": folder.path])
    }

    @Test(
        "a file is tried out without its backends, whatever its policy and limits are",
        arguments: [
            "policy: round-robin", "policy: source-hash, source_hash: {prefix4: 32, load_max: 150%}",
            "policy: least-connections, queue: {max: 50, timeout: 2s}, sessions_max: 1000, slow_start: 1s",
            "retries: {max: 2, timeout: 3s}, passive: {failures: 3, within: 10s, ejected: 1s, share_max: 33.5%}, "
                + "panic_threshold: 12.5%",
        ])
    func settings(pool: String) throws {
        let folder = try TestFolder()
        let drill = try Self.drill(
            """
            listeners: {web: {bind: "192.0.2.1:80", pool: web}}
            pools:
              web: {backends: [{name: b1, address: "192.0.2.2:80", weight: 2}, "192.0.2.3:80", {address: "web3.example:80"}],
                check: {interval: 300ms, timeout: 300ms, fall: 2}, connect_timeout: 2s, \(pool)}
            """, folder, "--backend", "192.0.2.3:80", "--json")
        #expect(try drill.waitForExit(within: .seconds(60)) == .exited(0), "\(drill.summary)")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let report = try decoder.decode(DrillReport.self, from: Data(drill.output.texts.joined(separator: "\n").utf8))
        #expect(report.plan.isCopy)
        #expect(report.plan.backend == "192.0.2.3:80")
        #expect(report.detectSeconds != nil)
        #expect(report.during.probes > 0)
        // Nothing is left of the copy.
        #expect(try folder.names == ["balancer.yaml"])
    }

    @Test("checks that speak are connects in the copy, which the report says")
    func checks() throws {
        let folder = try TestFolder()
        let drill = try Self.drill(
            """
            listeners: {web: {bind: "192.0.2.1:80", pool: web, allow: [10.0.0.0/8]}}
            pools:
              web: {backends: [{name: b1, address: "192.0.2.2:80"}, {name: b2, address: "192.0.2.3:80"}],
                check: {kind: http, path: /health, interval: 300ms, timeout: 300ms, fall: 2}}
            """, folder, "--backend", "b2")
        #expect(try drill.waitForExit(within: .seconds(60)) == .exited(0), "\(drill.summary)")
        let text = drill.output.texts.joined(separator: " ")
        #expect(text.contains("(on a copy)"))
        #expect(text.contains("`kind: http`"))
        #expect(text.contains("limits of clients"))
    }

    @Test("a copy ends with its drill, also when that is killed")
    func killed() throws {
        let folder = try TestFolder()
        let drill = try Self.drill(
            """
            listeners: {web: {bind: "192.0.2.1:80", pool: web}}
            pools: {web: {backends: [{name: b1, address: "192.0.2.2:80"}, {name: b2, address: "192.0.2.3:80"}]}}
            """, folder, "--backend", "b2")
        func copies() throws -> [Substring] {
            try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.compactMap { pid in
                let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline").map {
                    String(decoding: $0, as: UTF8.self)
                }
                return line.flatMap { $0.contains("run\0\(folder.path)/balancer-drill-") ? $0[...] : nil }
            }
        }
        try eventually("the copy runs") { try !copies().isEmpty }
        drill.destroy()
        try eventually("the copy has ended") { try copies().isEmpty }
    }

    @Test(
        "a signal ends a drill whose copy does not serve yet, and leaves nothing", arguments: [SIGINT, SIGTERM, SIGHUP])
    func signal(number: Int32) throws {
        let folder = try TestFolder()
        let drill = try Self.drill(
            """
            listeners: {web: {bind: "192.0.2.1:80", pool: web}}
            pools: {web: {backends: [{name: b1, address: "192.0.2.2:80"}, {name: b2, address: "192.0.2.3:80"}]}}
            """, folder, "--backend", "b2")
        // It takes a while from then on until it serves.
        try eventually("the copy has its folder") {
            try folder.names.contains { $0.hasPrefix("balancer-drill-") }
        }
        drill.signal(number)
        #expect(try drill.waitForExit() == .exited(128 + number), "\(drill.summary)")
        #expect(drill.errors.texts.isEmpty, "\(drill.summary)")
        #expect(try folder.names == ["balancer.yaml"])
    }

    @Test("--dry-run says what would be done, and does nothing of it")
    func dryRun() throws {
        let folder = try TestFolder()
        let drill = try Self.drill(
            """
            listeners: {"null": {bind: "192.0.2.1:80", pool: "12"}}
            pools: {"12": {backends: [{name: b2, address: "192.0.2.2:80"}, "192.0.2.3:80"]}}
            """, folder, "--backend", "192.0.2.3:80", "--dry-run")
        #expect(try drill.waitForExit(within: .seconds(60)) == .exited(0), "\(drill.summary)")
        #expect(
            drill.output.texts.first?.hasPrefix("Backend 12/192.0.2.3:80 of a copy will be refusing for 2s") == true,
            "\(drill.summary)")
        #expect(drill.output.texts.contains { $0.contains("1 other takes its clients: b2.") }, "\(drill.summary)")
        #expect(try folder.names == ["balancer.yaml"])
    }

    @Test("what cannot be drilled is said, with what there is")
    func mistakes() throws {
        let folder = try TestFolder()
        let text = """
            listeners: {web: {bind: "192.0.2.1:80", pool: web}}
            pools: {web: {backends: [{name: b1, address: "192.0.2.2:80"}, {name: b2, address: "192.0.2.3:80"}]}}
            """
        let unknown = try Self.drill(text, folder, "--backend", "b9")
        #expect(try unknown.waitForExit() == .exited(1))
        #expect(unknown.errors.texts.contains { $0.contains("no backend 'b9'") && $0.contains("web/b1, web/b2") })
        let speaking = try Self.drill(text, folder, "--backend", "b2", "--send", "x")
        #expect(try speaking.waitForExit() == .exited(64))
        let asking = try Self.drill(text, folder, "--backend", "b2", "--timeout", "2s")
        #expect(try asking.waitForExit() == .exited(64))
        let named = try Self.drill(text, folder, "--backend", "b2", "--token-file", "/x")
        #expect(try named.waitForExit() == .exited(64))
        let wrong = try Self.drill("listeners: 5", folder, "--backend", "b2")
        #expect(try wrong.waitForExit() == .exited(78))
    }
}
