import Foundation
import Glibc
import Testing

/// Sockets with a path instead of an address and a port, or with an abstract name: `@name`, unix(7).
enum UnixSocket {
    static func listen(at path: String, at location: SourceLocation = #_sourceLocation) throws -> TCPSocket {
        let socket = try make(SOCK_STREAM, at: location)
        unsafe try check("bind", path, at: location) { unsafe bind(socket.descriptor, $0, $1) }
        guard Glibc.listen(socket.descriptor, 128) == 0 else {
            throw TestFailure("listen \(path): errno \(errno)", at: location)
        }
        return socket
    }

    static func connect(to path: String, at location: SourceLocation = #_sourceLocation) throws -> TCPSocket {
        let socket = try make(SOCK_STREAM, at: location)
        unsafe try check("connect", path, at: location) { unsafe Glibc.connect(socket.descriptor, $0, $1) }
        return socket
    }

    /// A socket that receives datagrams.
    static func receiving(at path: String, at location: SourceLocation = #_sourceLocation) throws -> TCPSocket {
        let socket = try make(SOCK_DGRAM, at: location)
        unsafe try check("bind", path, at: location) { unsafe bind(socket.descriptor, $0, $1) }
        return socket
    }

    /// Sends to a receiving socket until its queue is full, so that other senders find no room.
    static func fill(_ path: String, at location: SourceLocation = #_sourceLocation) throws {
        let socket = try make(SOCK_DGRAM, at: location)
        defer { socket.close() }
        unsafe try check("connect", path, at: location) { unsafe Glibc.connect(socket.descriptor, $0, $1) }
        // Some kernels count datagrams, others bytes: after large datagrams there may be room for small ones.
        for size in [8192, 1] {
            let bytes = [UInt8](repeating: 0, count: size)
            try eventually("the queue is full", at: location) {
                unsafe bytes.withUnsafeBytes { unsafe socket.sendNow($0) } == .noRoom
            }
        }
    }

    private static func make(_ type: __socket_type, at location: SourceLocation) throws -> TCPSocket {
        let flags = Int32(type.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, flags, 0)
        guard descriptor >= 0 else { throw TestFailure("socket: errno \(errno)", at: location) }
        return TCPSocket(owning: descriptor)
    }

    private static func check(
        _ call: String, _ path: String, at location: SourceLocation,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let length = unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in
            guard bytes.count < field.count else { return 0 }
            unsafe field.copyBytes(from: bytes)
            // An abstract name begins with a NUL and ends where the address does.
            if path.hasPrefix("@") { unsafe field[0] = 0 }
            return MemoryLayout<sa_family_t>.size + bytes.count + (path.hasPrefix("@") ? 0 : 1)
        }
        guard length > 0 else { throw TestFailure("too long for a Unix socket: \(path)", at: location) }
        let code = unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(length))
            }
        }
        guard code == 0 else { throw TestFailure("\(call) \(path): errno \(errno)", at: location) }
    }
}

/// A folder for one test, with a path short enough for sockets in it. It is removed when the
/// ``TestScope`` ends.
struct TestFolder {
    let path: String

    init(at location: SourceLocation = #_sourceLocation) throws {
        let path = "/tmp/balancer-test-\(UUID().uuidString.prefix(13))"
        guard unsafe mkdir(path, 0o700) == 0 else { throw TestFailure("mkdir \(path): errno \(errno)", at: location) }
        self.path = path
        TestScope.atEnd { try? FileManager.default.removeItem(atPath: path) }
    }

    func path(of name: String) -> String { "\(path)/\(name)" }

    /// The names of the files in the folder.
    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }
}
