import AdministrationAPI
import AdministrationClient
import Glibc
import NIOCore
import TestSupport
import Testing

@testable import Administration

/// One after the other: each has many descriptors.
@Suite("Server: limits and deadlines", .serialized)
struct LimitTests {
    private static func impatient(_ change: (inout Times) -> Void) throws -> TestServer {
        var times = Times.patient
        change(&times)
        return try TestServer(times: times)
    }

    @Test("A connection that sends nothing is closed")
    func silence() throws {
        let server = try Self.impatient { $0.head = .milliseconds(20) }
        #expect(try server.tcp().readAll() == "")
    }

    @Test("A head that does not end in time is 408, also when a byte comes now and then")
    func slowHead() throws {
        let server = try Self.impatient { $0.head = .milliseconds(100) }
        let raw = try server.tcp()
        raw.send("GET /healthz HTTP/1.1\r\nHost: x\r\n")
        var isOpen = true
        // Slower than the deadline allows, and endless.
        let isEnded = eventually {
            Pause.brief()
            isOpen = isOpen && raw.send("X: y\r\n")
            return !isOpen
        }
        #expect(isEnded)
        let other = try server.tcp()
        other.send("GET /healthz HTTP/1.1\r\nHost: x\r\n")
        #expect(other.readAnswer()?.status == 408)
        #expect(other.readAll() == "")
    }

    @Test("A body that does not come in time is 408")
    func slowBody() throws {
        let server = try Self.impatient { $0.body = .milliseconds(20) }
        let raw = try server.unix()
        raw.send("POST /v1/config/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
        #expect(raw.readAnswer()?.status == 408)
        #expect(server.balancer.wishes.isEmpty)
    }

    @Test("A connection without another request is closed")
    func idle() throws {
        let server = try Self.impatient { $0.idle = .milliseconds(20) }
        let raw = try server.tcp()
        raw.send(server.request("GET", "/healthz"))
        #expect(raw.readAnswer()?.status == 200)
        #expect(raw.readAll() == "")
    }

    @Test("A client that does not take its answer is closed")
    func slowReader() throws {
        let server = try Self.impatient { $0.answer = .milliseconds(100) }
        server.balancer.grow(16 << 20)
        let raw = try server.tcp(receiveBuffer: 4096)
        raw.send(server.request("GET", "/v1/status"))
        // It is closed while it has not read: then the answer is not complete.
        #expect(eventually { (try? server.operatorClient.get("/healthz").status) == 200 })
        var isClosed = false
        #expect(
            eventually {
                isClosed = !raw.send("x")
                return isClosed
            })
    }

    @Test("Askers over TCP that take all their places do not lock the operator out")
    func reservedPlaces() throws {
        let server = try TestServer()
        let ofTCP = Connections.most - Connections.reservedForSocket
        var busy: [RawConnection] = []
        server.balancer.answer(.never)
        for _ in 0..<ofTCP {
            let raw = try server.tcp()
            raw.send(server.request("GET", "/v1/sessions"))
            busy.append(raw)
        }
        let refused = try server.tcp()
        refused.send(server.request("GET", "/healthz"))
        let answer = try #require(refused.readAnswer())
        #expect(answer.status == 503)
        #expect(answer.head.contains("Connection: close"))
        for _ in 0..<20 { #expect(try server.operatorClient.get("/healthz").status == 200) }
        withExtendedLifetime(busy) {}
    }

    @Test(
        "When all places are taken, the connection that has waited longest for another request is closed for a new one")
    func evictsLongestIdle() throws {
        let server = try TestServer()
        let ofTCP = Connections.most - Connections.reservedForSocket
        var idle: [RawConnection] = []
        for _ in 0..<ofTCP {
            let raw = try server.tcp()
            raw.send(server.request("GET", "/healthz"))
            #expect(raw.readAnswer()?.status == 200)
            idle.append(raw)
        }
        let newer = try server.tcp()
        newer.send(server.request("GET", "/healthz"))
        #expect(newer.readAnswer()?.status == 200)
        #expect(idle[0].readAll() == "")
        for raw in idle.dropFirst() {
            raw.send(server.request("GET", "/healthz"))
            #expect(raw.readAnswer()?.status == 200)
        }
    }

    @Test("A connection over TCP is not made room for with one of the Unix socket")
    func keepsOperators() throws {
        let server = try TestServer()
        var operators: [RawConnection] = []
        for _ in 0..<Connections.most {
            let raw = try server.unix()
            raw.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(raw.readAnswer()?.status == 200)
            operators.append(raw)
        }
        let refused = try server.tcp()
        #expect(refused.readAnswer()?.status == 503)
        for raw in operators {
            raw.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(raw.readAnswer()?.status == 200)
        }
    }

    @Test("With 1,000 connections over TCP the operator is answered, and when they have gone everybody is")
    func thousandConnections() throws {
        var limit = rlimit()
        _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = min(limit.rlim_max, 4096)
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let server = try TestServer()
        var crowd: [RawConnection] = []
        for number in 0..<1000 {
            let raw = try server.tcp()
            if number.isMultiple(of: 2) { raw.send("GET / HTTP/1.1\r\n") }
            crowd.append(raw)
        }
        for _ in 0..<50 { #expect(try server.operatorClient.get("/v1/status").status == 200) }
        crowd = []
        #expect(eventually { (try? server.tcpClient().get("/healthz").status) == 200 })
    }

    @Test("When the process has no descriptor left, the operator is answered all the same")
    func noDescriptors() async {
        await #expect(processExitsWith: .success) {
            let server = try TestServer()
            // All sockets of the clients are there before; afterwards nothing can be opened.
            var sockets: [CInt] = []
            for _ in 0..<(2 * SpareDescriptors.most) { sockets.append(socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)) }
            var limit = rlimit()
            _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            limit.rlim_cur = 256
            _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            for socket in sockets {
                // What the last client had is taken too.
                while unsafe open("/dev/null", O_RDONLY) >= 0 {}
                guard let raw = RawConnection(socket: socket, path: server.path) else { exit(2) }
                raw.send("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
                guard let answer = raw.readAnswer(), answer.status == 200 else { exit(3) }
            }
            exit(0)
        }
    }
}
