import AdministrationClient
import Glibc
import NIOCore
import TestSupport

@testable import Administration

/// A server of a scripted balancer, on a Unix socket in a folder of its own and on a port of 127.0.0.1.
final class TestServer {
    let balancer = ScriptedBalancer()
    let server: AdministrationServer
    /// The path of the Unix socket.
    let path: String
    private let folder: String

    static let token = "a-token-of-the-tests"

    /// Starts it.
    init(tokens: [String] = [TestServer.token], hosts: [String] = [], times: Times = .patient) throws {
        folder = try makeFolder()
        path = folder + "/admin.sock"
        var settings = AdministrationServer.Settings()
        settings.socket = try listen(at: path)
        settings.addresses = [AdministrationServer.Address(host: "127.0.0.1", port: 0)]
        settings.tokens = tokens.map { Array($0.utf8) }
        settings.hosts = hosts
        server = try AdministrationServer.start(settings, of: balancer, times: times)
    }

    deinit {
        server.stop()
        _ = unsafe unlink(path)
        _ = unsafe rmdir(folder)
    }

    /// The port of TCP.
    var port: Int { server.addresses[0].port }

    /// A client of the Unix socket.
    var operatorClient: AdministrationClient {
        AdministrationClient(place: .unix(path), timeout: RawConnection.patience)
    }

    /// A client over TCP.
    func tcpClient(token: String? = nil) -> AdministrationClient {
        AdministrationClient(place: .tcp(host: "127.0.0.1", port: port), token: token, timeout: RawConnection.patience)
    }

    /// A connection over TCP.
    func tcp(receiveBuffer: CInt? = nil) throws -> RawConnection {
        guard let connection = RawConnection(port: port, receiveBuffer: receiveBuffer) else {
            throw TestFault("connect")
        }
        return connection
    }

    /// A connection over the Unix socket.
    func unix() throws -> RawConnection {
        guard let connection = RawConnection(path: path) else { throw TestFault("connect") }
        return connection
    }

    /// The head of a request over TCP, as a browser or curl sends it.
    func request(_ method: String, _ target: String, _ fields: String...) -> String {
        "\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
    }
}

/// What a test needs and does not get.
struct TestFault: Error {
    let text: String
    init(_ text: String) { self.text = text }
}

/// A new folder below the one for temporary files.
func makeFolder() throws -> String {
    var name = Array("/tmp/administration-tests-XXXXXX".utf8CString)
    guard unsafe mkdtemp(&name) != nil else { throw TestFault("mkdtemp") }
    return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// A Unix socket that listens, with a file that only its owner may open. With `@` at the beginning of the path it is an
/// abstract one.
func listen(at path: String, backlog: CInt = 128) throws -> CInt {
    let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var name = Array(path.utf8)
    if path.hasPrefix("@") { name[0] = 0 } else { name.append(0) }
    let address = unsafe withUnsafeBytes(of: sa_family_t(AF_UNIX)) { unsafe Array($0) } + name
    let isBound = unsafe address.withUnsafeBytes { bytes in
        unsafe bytes.withMemoryRebound(to: sockaddr.self) {
            unsafe bind(descriptor, $0.baseAddress, socklen_t(address.count)) == 0
        }
    }
    let isClosed = unsafe chmod(path, 0o600) == 0 || path.hasPrefix("@")
    guard isBound, isClosed, listen(descriptor, backlog) == 0 else {
        throw TestFault("bind")
    }
    return descriptor
}

/// Waits for a condition.
func eventually(_ isTrue: () throws -> Bool) rethrows -> Bool {
    let deadline = ContinuousClock.now + RawConnection.patience
    while ContinuousClock.now < deadline {
        if try isTrue() { return true }
        Pause.brief()
    }
    return false
}

/// Waits until a value has not changed for a while.
func settles<Value: Equatable>(_ value: () -> Value) -> Bool {
    let calm = 150
    var last = value()
    var unchanged = 0
    return eventually {
        let now = value()
        unchanged = now == last ? unchanged + 1 : 0
        last = now
        return unchanged == calm
    }
}

extension Times {
    /// No connection is closed for its slowness: a test that is about one of these times sets it.
    static var patient: Times {
        var times = Times()
        times.head = .hours(1)
        times.body = .hours(1)
        times.question = .hours(1)
        times.answer = .hours(1)
        times.idle = .hours(1)
        return times
    }
}
