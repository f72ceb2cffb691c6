import Glibc

/// Connects to Unix sockets. NIO knows no abstract ones, and gives no error that tells a file from a socket.
enum UnixConnect {
    /// The longest path, in bytes; with its end, sun_path has 108.
    private static let pathBytesMax = 107
    /// How long to wait for room in the socket's backlog before the next try, in milliseconds.
    private static let retryMilliseconds: CInt = 20

    /// A connected socket. It waits while the socket's backlog is full: the balancer does not accept.
    static func connect(
        _ path: String, _ place: AdministrationClient.Place, until deadline: ContinuousClock.Instant
    ) throws(AdministrationClientError) -> CInt {
        let address = try address(path, place)
        let descriptor = socket(
            AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw AdministrationClientError(.system(errno: errno), place) }
        while true {
            let result = unsafe address.withUnsafeBytes { bytes in
                unsafe bytes.withMemoryRebound(to: sockaddr.self) {
                    unsafe Glibc.connect(descriptor, $0.baseAddress, socklen_t(address.count))
                }
            }
            let number = errno
            if result == 0 { return descriptor }
            if number == EINTR { continue }
            guard number == EAGAIN else {
                close(descriptor)
                throw isSocket(path) ? .connect(number, place) : AdministrationClientError(.notASocket, place)
            }
            guard ContinuousClock.now < deadline else {
                close(descriptor)
                throw AdministrationClientError(.timeout, place)
            }
            _ = poll(nil, 0, retryMilliseconds)
        }
    }

    /// `struct sockaddr_un`: the family and the path; of an abstract one a zero in place of the `@`, and no end.
    private static func address(
        _ path: String, _ place: AdministrationClient.Place
    ) throws(AdministrationClientError) -> [UInt8] {
        var name = [UInt8](path.utf8)
        guard (1...pathBytesMax).contains(name.count), !name.contains(0) else {
            throw AdministrationClientError(.badAddress, place, "a socket's path has 1 to \(pathBytesMax) bytes")
        }
        if name[0] == UInt8(ascii: "@") { name[0] = 0 } else { name.append(0) }
        let family = sa_family_t(AF_UNIX)
        return unsafe withUnsafeBytes(of: family) { unsafe Array($0) } + name
    }

    /// False of a file of another kind: connect says of it only that the connection is refused.
    private static func isSocket(_ path: String) -> Bool {
        var file = stat()
        guard !path.hasPrefix("@"), unsafe stat(path, &file) == 0 else { return true }
        return file.st_mode & S_IFMT == S_IFSOCK
    }
}
