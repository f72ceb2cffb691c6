import AdministrationAPI
import AdministrationClient
import FoundationEssentials
import Glibc
import Testing

@testable import Administration

@Suite("Client: what it says when there is no answer")
struct ClientTests {
    private static func client(_ path: String, timeout: Duration = .milliseconds(50)) -> AdministrationClient {
        AdministrationClient(place: .unix(path), timeout: timeout)
    }

    /// What asking there throws.
    private static func error(_ client: AdministrationClient) throws -> AdministrationClientError {
        try #require(throws: AdministrationClientError.self) { _ = try client.get("/v1/status") }
    }

    @Test("A missing file, one that is no socket, and one that nobody listens on are told apart")
    func files() throws {
        let folder = try makeFolder()
        let missing = try Self.error(Self.client("\(folder)/none"))
        #expect(missing.kind == .noSuchFile)
        #expect(missing.description.contains("\(folder)/none") && missing.description.contains("--admin-socket"))
        let file = "\(folder)/file"
        close(unsafe open(file, O_CREAT | O_WRONLY, 0o600))
        #expect(try Self.error(Self.client(file)).kind == .notASocket)
        #expect(try Self.error(Self.client("\(file)/below")).kind == .noSuchFile)
        let left = "\(folder)/left"
        close(try listen(at: left))
        let refused = try Self.error(Self.client(left))
        #expect(refused.kind == .nobodyListens)
        #expect(refused.description.contains("has ended"))
        #expect(try Self.error(Self.client(String(repeating: "x", count: 108))).kind == .badAddress)
        #expect(try Self.error(Self.client("")).kind == .badAddress)
        for path in [file, left] { _ = unsafe unlink(path) }
        _ = unsafe rmdir(folder)
    }

    @Test("A port on which nobody listens, and a name that is none")
    func ports() throws {
        let server = try TestServer()
        let port = server.port
        server.server.stop()
        let client = AdministrationClient(place: .tcp(host: "127.0.0.1", port: port), timeout: .seconds(20))
        #expect(try Self.error(client).kind == .nobodyListens)
    }

    @Test("A balancer that hangs: one that does not answer, and one that does not accept")
    func hangs() throws {
        let folder = try makeFolder()
        let path = "\(folder)/hangs"
        let socket = try listen(at: path, backlog: 0)
        let hanging = try Self.error(Self.client(path))
        #expect(hanging.kind == .timeout)
        #expect(hanging.description.contains("hangs"))
        // The first one still stands in the backlog, and there is room for no other.
        #expect(try Self.error(Self.client(path)).kind == .timeout)
        close(socket)
        _ = unsafe unlink(path)
        _ = unsafe rmdir(folder)
    }

    @Test("What answers and does not speak HTTP, and what closes without an answer")
    func others() throws {
        for (text, kind) in [
            ("SSH-2.0-OpenSSH\r\n", AdministrationClientError.Kind.notHTTP), ("", .closed),
            ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", .closed), ("HTTP/1.1 200 OK\r\nConte", .closed),
        ] {
            let folder = try makeFolder()
            let path = "\(folder)/other"
            let socket = try listen(at: path)
            let answer = Thread(socket, text)
            #expect(try Self.error(Self.client(path, timeout: RawConnection.patience)).kind == kind, "\(text)")
            answer.join()
            close(socket)
            _ = unsafe unlink(path)
            _ = unsafe rmdir(folder)
        }
    }

    @Test("An abstract socket is reached by its name with @")
    func abstractSocket() throws {
        let name = "@administration-tests-\(getpid())"
        var settings = AdministrationServer.Settings()
        settings.socket = try listen(at: name)
        let server = try AdministrationServer.start(settings, of: ScriptedBalancer())
        defer { server.stop() }
        let client = Self.client(name, timeout: RawConnection.patience)
        #expect(try client.ask(Status.self, "/v1/status").state == "serving")
        #expect(try Self.error(Self.client("@administration-tests-none")).kind == .nobodyListens)
    }

    @Test("What the balancer refuses is thrown with its words and its status")
    func refusals() throws {
        let server = try TestServer()
        server.balancer.answer(.refusing("There is no pool \"x\"; there is web."))
        let error = #expect(throws: AdministrationClientError.self) {
            try server.operatorClient.ask(Change.self, "POST", "/v1/config/reload")
        }
        #expect(error?.kind == .refused(status: 409))
        #expect(error?.description == "There is no pool \"x\"; there is web.")
        let stream = #expect(throws: AdministrationClientError.self) {
            try server.operatorClient.stream("/v1/events?x=1") { _ in true }
        }
        #expect(stream?.kind == .refused(status: 400))
        #expect(stream?.description.contains("only") == true)
    }

    @Test("A stream that the balancer ends is an error, after which the caller may try again")
    func streamEnds() throws {
        let server = try TestServer()
        let error = #expect(throws: AdministrationClientError.self) {
            try server.operatorClient.stream("/v1/events") { _ in
                server.server.stop()
                return true
            }
        }
        #expect(error?.kind == .closed)
    }

    @Test("Parts of a target are percent-encoded so that the server reads the same names")
    func targets() throws {
        for name in ["web", "a/b", "[::1]:80", "a b+c", "50%", "\u{FC}ber?#&=", "~", "10.0.0.1:80"] {
            let text = AdministrationClient.target(["v1", "pools", name], query: [("client", name), ("x", "1")])
            let target = try Administration.Target(text)
            #expect(target.path == ["v1", "pools", name])
            #expect(target.query == [.init(name: "client", value: name), .init(name: "x", value: "1")])
        }
        #expect(AdministrationClient.target([]) == "/")
    }

    @Test("Another user may not open the socket", .enabled(if: geteuid() == 0, "only root can become another user"))
    func otherUser() async {
        await #expect(processExitsWith: .success) {
            let server = try TestServer()
            let folder = String(server.path.prefix { $0 != "/" } + server.path.dropLast("/admin.sock".count))
            guard unsafe chmod(folder, 0o755) == 0, seteuid(65_534) == 0 else { exit(2) }
            do {
                _ = try server.operatorClient.get("/v1/status")
                exit(3)
            } catch let error as AdministrationClientError {
                guard error.kind == .noPermission, error.description.contains("sudo") else { exit(4) }
            }
            guard seteuid(0) == 0, try server.operatorClient.get("/v1/status").status == 200 else { exit(5) }
            exit(0)
        }
    }
}

/// A thread that accepts one client, reads its request, writes an answer and closes.
private final class Thread {
    private var thread = pthread_t()

    private final class Work {
        let socket: CInt
        let answer: [UInt8]

        init(_ socket: CInt, _ answer: [UInt8]) {
            self.socket = socket
            self.answer = answer
        }

        func run() {
            let client = accept(socket, nil, nil)
            var request = [UInt8](repeating: 0, count: 4096)
            _ = unsafe request.withUnsafeMutableBytes { unsafe recv(client, $0.baseAddress, $0.count, 0) }
            _ = unsafe answer.withUnsafeBytes { unsafe send(client, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            close(client)
        }
    }

    init(_ socket: CInt, _ answer: String) {
        let work = unsafe Unmanaged.passRetained(Work(socket, Array(answer.utf8))).toOpaque()
        _ = unsafe pthread_create(
            &thread, nil,
            { argument in
                if let argument = unsafe argument {
                    unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
                }
                return nil
            }, work)
    }

    func join() { pthread_join(thread, nil) }
}
