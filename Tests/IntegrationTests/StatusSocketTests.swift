import Foundation
import Glibc
import Testing

/// The Unix socket of administration: its file, and that questions have no side effects.
@Suite("Administration socket", .ownThread)
struct StatusSocketTests {
    // MARK: The socket's file

    @Test(
        "the socket's file exists while the balancer runs, and not after its end", arguments: [1, 3], [SIGTERM, SIGINT])
    func takenAway(threads: Int, signal: Int32) throws {
        let folder = try TestFolder()
        let balancer = try start(at: folder.path(of: "s"), "--threads", "\(threads)")
        #expect(try folder.names == ["s"])
        balancer.program.signal(signal)
        #expect(try balancer.program.waitForExit() == .exited(0))
        #expect(try folder.names == [])
    }

    @Test("only the balancer's user may use the socket, whatever the umask", arguments: ["000", "022", "777"])
    func mode(umask: String) throws {
        let folder = try TestFolder()
        let path = folder.path(of: "s")
        let program = try RunningProgram.start(
            [
                "/bin/sh", "-c", "umask \(umask); exec \"$0\" \"$@\"", try Program.balancer.path(), "127.0.0.1",
                "127.0.0.1", "8090", "--port", "\(try Ports.free())", "--admin-socket", path,
            ], named: "balancer")
        try program.wait("makes its socket") { try folder.names == ["s"] }
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("the socket that a killed balancer left is replaced by the next balancer")
    func leftByKilled() throws {
        let folder = try TestFolder()
        let killed = try start(at: folder.path(of: "s"))
        killed.program.signal(SIGKILL)
        #expect(try killed.program.waitForExit() == .killed(signal: SIGKILL))
        #expect(try folder.names == ["s"])
        let next = try start(at: folder.path(of: "s"))
        next.program.signal(SIGTERM)
        #expect(try next.program.waitForExit() == .exited(0))
        #expect(try folder.names == [])
    }

    @Test("a path at which another balancer answers is an error at the start, and the other's socket is kept")
    func inUse() throws {
        let folder = try TestFolder()
        let path = folder.path(of: "s")
        let first = try start(at: path)
        let second = try RunningProgram.start(
            .balancer,
            ["127.0.0.1", "127.0.0.1", "8090", "--port", "\(try Ports.free())", "--admin-socket", path])
        #expect(try second.waitForExit() == .exited(69), "\(second.summary)")
        #expect(second.errors.text.contains("unix:\(path)") && second.errors.text.contains("another process answers"))
        #expect(try StatusAnswer.read(at: path).balancer["pid"] == "\(first.program.pid)")
        #expect(try folder.names == ["s"])
    }

    @Test(
        "a draining balancer's socket is taken over by the next one, which answers also after the first has ended"
    )
    func takenOver() throws {
        let folder = try TestFolder()
        let path = folder.path(of: "s")
        let backend = try EchoBackend(named: "A")
        let first = try BalancerUnderTest.start(
            backends: [backend.port].onLoopback, "--admin-socket", path, "--drain-time", "1h")
        let (client, _) = try first.connectAndGreet()
        first.program.signal(SIGTERM)
        try first.waitForStatus(at: path, "draining") { $0.state == "draining" }
        let second = try start(at: path)
        #expect(try StatusAnswer.read(at: path).balancer["pid"] == "\(second.program.pid)")
        client.close()
        #expect(try first.program.waitForExit() == .exited(0))
        #expect(try StatusAnswer.read(at: path).balancer["pid"] == "\(second.program.pid)")
        #expect(try folder.names == ["s"])
        second.program.signal(SIGTERM)
        #expect(try second.program.waitForExit() == .exited(0))
        #expect(try folder.names == [])
    }

    @Test(
        "a balancer that cannot start because its port is in use does not touch the other's socket", arguments: [1, 2])
    func cannotStart(threads: Int) throws {
        let folder = try TestFolder()
        let path = folder.path(of: "s")
        let balancer = try start(at: path)
        let program = try RunningProgram.start(
            .balancer,
            ["127.0.0.1", "127.0.0.1", "8090", "--port", "\(balancer.port)", "--threads", "\(threads)"]
                + ["--admin-socket", path])
        #expect(try program.waitForExit() == .exited(69), "\(program.summary)")
        #expect(try StatusAnswer.read(at: path).balancer["pid"] == "\(balancer.program.pid)")
        #expect(try folder.names == ["s"])
    }

    /// A path at which no socket can be created.
    enum WrongPath: String, Sendable, CaseIterable {
        case inMissingFolder = "missing/s"
        case aFolder = "folder"
        case aFile = "file"
        case tooLong

        /// An impossible path is a wrong argument, reported with the usage; the other errors occur at bind.
        var exitCode: Int32 { self == .tooLong ? 64 : 73 }

        func name() -> String {
            self == .tooLong ? String(repeating: "x", count: 90) : rawValue
        }
    }

    @Test(
        "a wrong path is an error at the start, whose message has the path, and no file is left",
        arguments: WrongPath.allCases)
    func wrongPath(_ wrong: WrongPath) throws {
        let folder = try TestFolder()
        try FileManager.default.createDirectory(
            atPath: folder.path(of: "folder"), withIntermediateDirectories: false)
        try "somebody's".write(toFile: folder.path(of: "file"), atomically: false, encoding: .utf8)
        for threads in ["1", "2"] {
            let path = folder.path(of: wrong.name())
            let port = try Ports.free()
            let program = try RunningProgram.start(
                .balancer,
                ["127.0.0.1", "127.0.0.1", "8090", "--port", "\(port)", "--threads", threads, "--admin-socket", path])
            #expect(try program.waitForExit() == .exited(wrong.exitCode), "\(program.summary)")
            #expect(program.errors.texts.count == 1 || wrong.exitCode == 64, "\(program.summary)")
            #expect(program.errors.text.contains(path), "\(program.summary)")
            #expect(!Ports.isListening(port))
            #expect(try folder.names == ["file", "folder"])
            #expect(try String(contentsOfFile: folder.path(of: "file"), encoding: .utf8) == "somebody's")
        }
    }

    // MARK: Queries

    @Test("200 queries, some of them unread, do not change sessions, log, backends or descriptors")
    func noTrace() throws {
        let path = try TestFolder().path(of: "s")
        let backend = try EchoBackend(named: "A")
        let balancer = try BalancerUnderTest.start(
            backends: [backend.port].onLoopback, "--admin-socket", path, "--probe-interval", "1h")
        try balancer.waitUntilAlive(backend.port)
        let (client, _) = try balancer.connectAndGreet()
        try balancer.waitForStatus(at: path, "of one session") { $0.sessions == 1 }
        let descriptors = try Self.settledDescriptors(of: balancer)
        let connections = backend.accepted
        let lines = balancer.output.texts

        var unread: [TCPSocket] = []
        for number in 1...200 {
            if number.isMultiple(of: 4) {
                let socket = try UnixSocket.connect(to: path)
                try socket.send(Self.question)
                unread.append(socket)
            } else {
                let answer = try StatusAnswer.read(at: path)
                #expect(answer.state == "serving" && answer.sessions == 1, "answer \(number): \(answer)")
            }
        }
        // The balancer has closed its end while the answers are still unread at the other end.
        try balancer.program.wait("as many descriptors are open as before") {
            try balancer.program.descriptors().count == descriptors
        }
        for socket in unread { socket.close() }
        #expect(try StatusRun(path).exitCode == .exited(0))

        try client.send("still here")
        try client.expect("still here")
        #expect(backend.accepted == connections)
        #expect(balancer.output.texts == lines)
        #expect(balancer.errors.texts == [])
    }

    /// How many descriptors a balancer has when two counts in a row are equal: the connection of a question before, whose
    /// answer was read, may be closed a moment later.
    private static func settledDescriptors(of balancer: BalancerUnderTest) throws -> Int {
        var last: Int?
        return try eventually("two counts of descriptors are equal", details: { balancer.program.summary }) {
            let count = try balancer.program.descriptors().count
            defer { last = count }
            return count == last ? count : nil
        }
    }

    @Test("many queries at the same time are all answered")
    func crowd() throws {
        let path = try TestFolder().path(of: "s")
        let balancer = try start(at: path)
        // The balancer is stopped until all clients have connected.
        balancer.program.signal(SIGSTOP)
        let askers = try (0..<50).map { _ in try UnixSocket.connect(to: path) }
        for asker in askers { try asker.send(Self.question) }
        balancer.program.signal(SIGCONT)
        for asker in askers {
            let (bytes, ending) = try asker.receiveToEnd()
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n") && text.contains("\"state\":\"serving\""), "\(text)")
            #expect(ending == .finished)
        }
    }

    /// A question of one who reads to the end.
    private static let question = "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    @Test("who sends something else, or leaves without an answer, disturbs nobody")
    func chatter() throws {
        let path = try TestFolder().path(of: "s")
        let balancer = try start(at: path)
        for text in ["hello\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", Self.question] {
            let asker = try UnixSocket.connect(to: path)
            try? asker.send(text)
            asker.reset()
        }
        let answer = try balancer.waitForStatus(at: path, "of any kind")
        #expect(answer.state == "serving")
        #expect(balancer.errors.texts == [], "\(balancer.program.summary)")
    }

    /// Starts a balancer with a backend and waits until its administration socket says that it serves.
    private func start(
        at path: String, _ options: String..., at location: SourceLocation = #_sourceLocation
    ) throws -> BalancerUnderTest {
        let backend = try EchoBackend(named: "A", at: location)
        let balancer = try BalancerUnderTest.start(
            backends: [backend.port].onLoopback, ["--admin-socket", path] + options, at: location)
        let pid = "\(balancer.program.pid)"
        try balancer.waitForStatus(at: path, "of its own", at: location) {
            $0.balancer["pid"] == pid && $0.state == "serving"
        }
        return balancer
    }
}
