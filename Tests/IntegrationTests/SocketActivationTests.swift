import Foundation
import Glibc
import Synchronization
import Testing

/// Listening sockets that a service manager hands over: `LISTEN_FDS`.
@Suite("Socket activation", .ownThread)
struct SocketActivationTests {
    @Test(
        "clients are served on a socket with any of the names for clients, and no other port is bound",
        arguments: [nil, "", "clients", "balancer.socket", "unknown"])
    func serves(names: String?) throws {
        let listener = try ListeningSocket()
        let backend = try EchoBackend(named: "A")
        let other = try Ports.free()
        let program = try start([listener.socket], names: names, to: backend, "--port", "\(other)")
        for number in 0..<8 {
            let client = try greeted(at: listener, "A", by: program)
            try client.send("number \(number)")
            try client.expect("number \(number)")
        }
        #expect(!Ports.isListening(other))
        program.signal(SIGHUP)
        try greeted(at: listener, "A", by: program).close()
    }

    @Test("with a handed-over socket SOURCE_IP is the source of connections to backends only")
    func source() throws {
        let listener = try ListeningSocket()
        let server = try ListeningSocket()
        let program = try RunningProgram.startBalancer(
            handing: [listener.socket], ["127.0.0.2", "127.0.0.1", "\(server.port)", "--port", "\(Ports.free())"])
        let client = try TCPSocket.connect(to: SocketAddress("127.0.0.1", listener.port))
        try client.send("hello")
        let connection = try server.acceptClient()
        #expect(try connection.peerAddress().host == "127.0.0.2", "\(program.summary)")
        try connection.expect("hello")
    }

    @Test("clients of a TCP socket and of a Unix socket are served at the same time", arguments: [1, 2])
    func twoSockets(threads: Int) throws {
        let path = try TestFolder().path(of: "clients")
        let listener = try ListeningSocket()
        let unix = try UnixSocket.listen(at: path)
        let backend = try EchoBackend(named: "A")
        let program = try start(
            [listener.socket, unix], names: "clients:clients", to: backend, "--threads", "\(threads)")
        for number in 0..<8 {
            let clients = try [greeted(at: listener, "A", by: program), UnixSocket.connect(to: path)]
            try clients[1].expect("A\n")
            for client in clients {
                try client.send("number \(number)")
                try client.expect("number \(number)")
                client.close()
            }
        }
        program.signal(SIGTERM)
        #expect(try program.waitForExit() == .exited(0), "\(program.summary)")
        // The sockets belong to the manager.
        #expect(unsafe access(path, F_OK) == 0)
        #expect(Ports.isListening(listener.port))
    }

    @Test("all threads accept from one socket, and each client is served once")
    func threads() throws {
        let listener = try ListeningSocket()
        let backend = try EchoBackend(named: "A")
        let status = try TestFolder().path(of: "status")
        let program = try start([listener.socket], to: backend, "--threads", "3", "--admin-socket", status)
        let clients = try (0..<60).map { _ in try greeted(at: listener, "A", by: program) }
        for (number, client) in clients.enumerated() {
            try client.send("number \(number)")
            try client.expect("number \(number)")
        }
        #expect(try StatusAnswer.read(at: status).sessions == 60)
        for client in clients { client.close() }
        try eventually("all sessions have ended") { try StatusAnswer.read(at: status).sessions == 0 }
    }

    @Test(
        "a socket named admin is the administration socket, in any position",
        arguments: ["clients:admin", "admin:clients"])
    func status(names: String) throws {
        let path = try TestFolder().path(of: "status")
        let listener = try ListeningSocket()
        let status = try UnixSocket.listen(at: path)
        let backend = try EchoBackend(named: "A")
        let sockets = names.hasPrefix("clients") ? [listener.socket, status] : [status, listener.socket]
        let program = try start(sockets, names: names, to: backend)
        let client = try greeted(at: listener, "A", by: program)
        let run = try StatusRun(path)
        #expect(run.exitCode == .exited(0))
        #expect(run.answer.sessions == 1, "\(run.output)")
        client.close()
        program.signal(SIGTERM)
        #expect(try program.waitForExit() == .exited(0))
        // The socket belongs to the manager.
        #expect(unsafe access(path, F_OK) == 0)
        let next = try start(sockets, names: names, to: backend)
        #expect(try StatusRun(path).answer.balancer["pid"] == "\(next.pid)")
    }

    @Test("when only an administration socket is handed over, clients connect to --port")
    func statusAlone() throws {
        let path = try TestFolder().path(of: "status")
        let backend = try EchoBackend(named: "A")
        let port = try Ports.free()
        let program = try start(
            [try UnixSocket.listen(at: path)], names: "admin", to: backend, "--port", "\(port)")
        try Ports.waitForListener(on: port, of: program)
        try TCPSocket.connect(to: SocketAddress("127.0.0.1", port)).expect("A\n")
        #expect(try StatusRun(path).exitCode == .exited(0))
    }

    @Test("sockets for another process are ignored, and the balancer binds its port")
    func anotherProcess() throws {
        let listener = try ListeningSocket()
        let backend = try EchoBackend(named: "A")
        let port = try Ports.free()
        let program = try start(
            [listener.socket], names: "of no meaning", process: "$PPID", to: backend, "--port", "\(port)")
        try Ports.waitForListener(on: port, of: program)
        try TCPSocket.connect(to: SocketAddress("127.0.0.1", port)).expect("A\n")
        let waiting = try TCPSocket.connect(to: SocketAddress("127.0.0.1", listener.port))
        #expect(listener.accept(Deadline(within: .seconds(10))) != nil)
        waiting.close()
    }

    // MARK: Mistakes

    /// A socket on which clients cannot be served.
    enum Mistake: String, Sendable, CaseIterable {
        case unknownName, twoForAdministration, datagrams, connected, file, missing, notANumber, tooMany
    }

    @Test("a wrong socket from the manager: exit code 78, and one line with the reason", arguments: Mistake.allCases)
    func mistake(_ mistake: Mistake) throws {
        let good = try ListeningSocket().socket
        let folder = try TestFolder()
        var sockets = [good]
        var names: String? = "clients:wrong"
        var environment: [String: String] = [:]
        let hints: [String]
        switch mistake {
        case .unknownName:
            sockets.append(try ListeningSocket().socket)
            hints = ["'wrong'", "FileDescriptorName="]
        case .twoForAdministration:
            sockets = try ["1", "2"].map { try UnixSocket.listen(at: folder.path(of: $0)) }
            names = "admin:admin"
            hints = ["'admin'", folder.path(of: "2"), "FileDescriptorName="]
        case .datagrams:
            sockets.append(try UnixSocket.receiving(at: folder.path(of: "1")))
            hints = ["'wrong'", "ListenStream="]
        case .connected:
            sockets.append(try TCPSocket.connect(to: SocketAddress("127.0.0.1", EchoBackend(named: "A").port)))
            hints = ["'wrong'", "Accept=no"]
        case .file:
            let descriptor = unsafe open(folder.path(of: "1"), O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
            sockets.append(TCPSocket(owning: descriptor))
            hints = ["'wrong'", "ListenStream="]
        case .missing:
            environment["LISTEN_FDS"] = "2"
            hints = ["'wrong'", "ListenStream="]
        case .notANumber:
            environment["LISTEN_FDS"] = "two"
            hints = ["LISTEN_FDS 'two'"]
        case .tooMany:
            environment["LISTEN_FDS"] = "1025"
            names = nil
            hints = ["LISTEN_FDS '1025'", "1024"]
        }
        let program = try RunningProgram.startBalancer(
            handing: sockets, names: names, ["127.0.0.1", "127.0.0.1", "8090", "--port", "\(Ports.free())"],
            environment: environment)
        #expect(try program.waitForExit() == .exited(78), "\(program.summary)")
        #expect(program.errors.texts.count == 1 && program.output.bytes == [], "\(program.summary)")
        for hint in hints { #expect(program.errors.text.contains(hint), "\(program.summary)") }
    }

    // MARK: Restarts

    @Test("clients that connect during a drain are not refused, and the next process serves them", arguments: [1, 3])
    func comesWhileItDrains(threads: Int) throws {
        let listener = try ListeningSocket()
        let backend = try EchoBackend(named: "A")
        let first = try start([listener.socket], to: backend, "--threads", "\(threads)", "--drain-time", "1h")
        let old = try greeted(at: listener, "A", by: first)
        first.signal(SIGTERM)
        try first.wait("the balancer drains") { first.errors.text.contains("may finish: 1,") }
        let waiting = try (0..<8).map { _ in try TCPSocket.connect(to: SocketAddress("127.0.0.1", listener.port)) }
        try old.send("still here")
        try old.expect("still here")
        #expect(waiting.allSatisfy { !$0.wait(for: POLLIN, Deadline(within: .zero)) })

        let next = try start([listener.socket], to: backend, "--threads", "\(threads)")
        for client in waiting { try client.expect("A\n") }
        try old.send("and here")
        try old.expect("and here")
        old.close()
        #expect(try first.waitForExit() == .exited(0), "\(first.summary)")
        #expect(next.isRunning)
    }

    @Test("restarts under a stream of clients refuse and lose no client", arguments: [1, 3])
    func restarts(threads: Int) throws {
        let listener = try ListeningSocket()
        let backend = try EchoBackend(named: "A")
        let address = SocketAddress("127.0.0.1", listener.port)
        let served = Progress()
        let isOver = Flag()
        defer { isOver.raise() }
        let streams = (1...3).map { stream in
            Background {
                while !isOver.isRaised {
                    let client = try TCPSocket.connect(to: address)
                    defer { client.close() }
                    try client.expect("A\n", within: .seconds(30))
                    try client.send("stream \(stream)")
                    try client.expect("stream \(stream)", within: .seconds(30))
                    served.add(1)
                }
            }
        }
        for round in 1...5 {
            let program = try start([listener.socket], to: backend, "--threads", "\(threads)")
            let before = served.value
            try program.wait("clients are served in round \(round)", within: .seconds(30)) {
                if let ended = streams.first(where: \.isFinished) { try ended.value(within: .zero) }
                return served.value >= before + 30
            }
            program.signal(SIGTERM)
            #expect(try program.waitForExit() == .exited(0), "\(program.summary)")
            #expect(program.errors.text.contains("stopped; sessions cut: 0"), "\(program.summary)")
        }
        isOver.raise()
        // The clients that wait at this moment.
        _ = try start([listener.socket], to: backend)
        for stream in streams { try stream.value(within: .seconds(30)) }
    }

    /// A flag that one thread sets for others.
    private final class Flag: Sendable {
        private let value = Atomic(false)

        var isRaised: Bool { value.load(ordering: .relaxed) }

        func raise() { value.store(true, ordering: .relaxed) }
    }

    // MARK: Steps

    /// Starts a balancer on 127.0.0.1 with `backend`.
    private func start(
        _ sockets: [TCPSocket], names: String? = nil, process: String = "$$", to backend: EchoBackend,
        _ options: String..., at location: SourceLocation = #_sourceLocation
    ) throws -> RunningProgram {
        try RunningProgram.startBalancer(
            handing: sockets, names: names, process: process,
            ["127.0.0.1", "127.0.0.1", "\(backend.port)"] + options, at: location)
    }

    /// Connects a client to `listener` and checks that the backend of this name greets it.
    private func greeted(
        at listener: ListeningSocket, _ name: String, by program: RunningProgram,
        at location: SourceLocation = #_sourceLocation
    ) throws -> TCPSocket {
        let client = try TCPSocket.connect(to: SocketAddress("127.0.0.1", listener.port), at: location)
        do {
            try client.expect("\(name)\n", at: location)
        } catch {
            throw TestFailure("no greeting: \(error)\n\(program.summary)", at: location)
        }
        return client
    }
}
