import Foundation
import Glibc
import Testing

/// The log of a configuration file, written by the real program.
@Suite("Log", .ownThread)
struct LogTests {
    private let folder: TestFolder

    init() throws {
        folder = try TestFolder()
    }

    /// Starts a balancer without probes, so that a backend that refuses is tried first.
    private func start(
        log: String, backends: [UInt16], threads: Int = 1, environment: [String: String] = [:], limit: String? = nil
    ) throws -> BalancerUnderTest {
        let port = try Ports.free()
        let path = folder.path(of: "balancer.yaml")
        let list = backends.enumerated().map { "{name: b\($0 + 1), address: \"127.0.0.1:\($1)\"}" }
        try """
        process: {threads: \(threads)}
        listeners: {front: {bind: "127.0.0.1:\(port)", pool: web}}
        pools: {web: {backends: [\(list.joined(separator: ", "))], check: {kind: none}}}
        log: \(log)
        """.write(toFile: path, atomically: true, encoding: .utf8)
        let program: RunningProgram
        if let limit {
            let command = ["/bin/sh", "-c", "\(limit); exec \"$0\" run \"$1\"", try Program.balancer.path(), path]
            program = try RunningProgram.start(command, named: "balancer", environment: environment)
        } else {
            program = try RunningProgram.start(.balancer, ["run", path], environment: environment)
        }
        try Ports.waitForListener(on: port, of: program)
        return BalancerUnderTest(program: program, host: "127.0.0.1", port: port)
    }

    private func lines(_ name: String) -> [String] {
        let text = (try? String(contentsOfFile: folder.path(of: name), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    /// Each line as an object, by a parser that is not ours.
    private func objects(_ name: String) throws -> [[String: Any]] {
        try lines(name).map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\($0)")
        }
    }

    private func serve(_ count: Int, by balancer: BalancerUnderTest) throws {
        for _ in 0..<count { try balancer.connectAndGreet().client.close() }
    }

    @Test("sessions are objects with their names, and each has an id of its own", arguments: [1, 3])
    func json(threads: Int) throws {
        let dead = try Ports.free()
        let backend = try EchoBackend(named: "A")
        let balancer = try start(
            log: "{sessions: {to: \(folder.path(of: "sessions")), format: json}, events: {format: json}}",
            backends: [dead, backend.port], threads: threads)
        try serve(20, by: balancer)
        try balancer.program.wait("20 lines") { lines("sessions").count == 20 }
        let sessions = try objects("sessions")
        #expect(Set(sessions.compactMap { $0["id"] as? String }).count == 20)
        for session in sessions {
            #expect(session["event"] as? String == "session" && session["level"] as? String == "info")
            #expect(session["listener"] as? String == "front" && session["pool"] as? String == "web")
            #expect(session["backend"] as? String == "b2")
            #expect(session["address"] as? String == "127.0.0.1:\(backend.port)")
            #expect((session["client"] as? String)?.hasPrefix("127.0.0.1:") == true)
            #expect(session["down"] as? Int == 2)
            let wasTwice = session["attempts"] as? Int == 2
            #expect(session["first_failed"] as? String == (wasTwice ? "b1" : nil))
            #expect(session["first_failed_address"] as? String == (wasTwice ? "127.0.0.1:\(dead)" : nil))
        }
        #expect(sessions.contains { $0["first_failed"] != nil })
        balancer.program.signal(SIGTERM)
        #expect(try balancer.program.waitForExit() == .exited(0))
        let events = try balancer.errors.texts.map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\($0)")
        }
        let names = events.compactMap { $0["event"] as? String }
        #expect(names == ["listener-opened", "process-started", "process-draining", "process-stopped"])
        #expect(balancer.output.bytes == [])
    }

    @Test("a file that was renamed is written on until SIGUSR1, then the new one", arguments: [1, 2])
    func reopen(threads: Int) throws {
        let backend = try EchoBackend(named: "A")
        let path = folder.path(of: "sessions")
        let balancer = try start(log: "{sessions: {to: \(path)}}", backends: [backend.port], threads: threads)
        try serve(3, by: balancer)
        try balancer.program.wait("3 lines") { lines("sessions").count == 3 }
        #expect(unsafe rename(path, path + ".1") == 0)
        try serve(2, by: balancer)
        try balancer.program.wait("5 lines in the old file") { lines("sessions.1").count == 5 }
        balancer.program.signal(SIGUSR1)
        try balancer.program.wait("the file is there again") { FileManager.default.fileExists(atPath: path) }
        try serve(4, by: balancer)
        try balancer.program.wait("4 lines in the new file") { lines("sessions").count == 4 }
        #expect(lines("sessions.1").count == 5)
        #expect(balancer.countErrors(with: " info log the files of the log are opened anew") == 1)
        #expect(lines("sessions").allSatisfy { $0.contains("Z info session id=") && $0.hasSuffix("reason=finished") })
    }

    @Test("without a file SIGUSR1 ends nothing, and is told")
    func signalWithoutFile() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try start(log: "{events: {level: info}}", backends: [backend.port])
        balancer.program.signal(SIGUSR1)
        try balancer.program.wait("the signal is told") {
            balancer.countErrors(with: "SIGUSR1: the log has no file") == 1
        }
        try serve(1, by: balancer)
    }

    @Test("a folder that is missing is an error at the start, with the remedy")
    func missingFolder() throws {
        let path = folder.path(of: "balancer.yaml")
        try """
        listeners: {front: {bind: "127.0.0.1:\(try Ports.free())", pool: web}}
        pools: {web: {backends: "127.0.0.1:9"}}
        log: {events: {to: \(folder.path(of: "none/events"))}}
        """.write(toFile: path, atomically: true, encoding: .utf8)
        let program = try RunningProgram.start(.balancer, ["run", path])
        #expect(try program.waitForExit() == .exited(73))
        #expect(
            program.errors.texts == [
                "balancer: log.events.to: \(folder.path(of: "none/events")): No such file or directory "
                    + "(its folder does not exist: create it first)"
            ])
    }

    @Test("a file at its size limit costs lines, and no session")
    func sizeLimit() throws {
        let backend = try EchoBackend(named: "A")
        let balancer = try start(
            log: "{sessions: {to: \(folder.path(of: "sessions"))}}", backends: [backend.port], limit: "ulimit -f 16")
        try serve(120, by: balancer)
        try balancer.program.wait("it is told") {
            balancer.countErrors(with: " error log the destination of sessions cannot be written: File too large") == 1
        }
        try serve(1, by: balancer)
        #expect(lines("sessions").count > 20 && lines("sessions").count < 120)
        // What a write had begun before the limit is taken back: no line is torn.
        let torn = lines("sessions").filter {
            !$0.hasSuffix("reason=finished") && !$0.hasSuffix(" dropped: File too large")
        }
        #expect(torn == [])
    }

    @Test("the system's log gets a datagram for each line")
    func syslog() throws {
        let backend = try EchoBackend(named: "A")
        let path = folder.path(of: "log")
        let daemon = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(daemon) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let bound = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(daemon, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        let balancer = try start(
            log: "{sessions: {to: syslog}, events: {to: syslog}}", backends: [backend.port],
            environment: ["BALANCER_SYSLOG": path])
        try serve(2, by: balancer)
        var received: [String] = []
        try balancer.program.wait("2 sessions") {
            var bytes = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = unsafe recv(daemon, &bytes, bytes.count, Int32(MSG_DONTWAIT))
                guard count > 0 else { break }
                received.append(String(decoding: bytes.prefix(count), as: UTF8.self))
            }
            return received.count { $0.contains(" info session id=") } == 2
        }
        let form = /<30>[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d balancer\[\d+\]: info .*/
        #expect(received.count == 4 && received.allSatisfy { $0.wholeMatch(of: form) != nil }, "\(received)")
        #expect(balancer.errors.bytes == [])
    }
}
