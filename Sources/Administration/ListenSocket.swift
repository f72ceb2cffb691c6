import Glibc
import NIOCore

/// Why the server does not listen.
public struct AdministrationServerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where it was to listen: `127.0.0.1:9000`.
    public var address: String
    /// The error's number; 0 where no system call has failed.
    public var errno: CInt
    /// What is wrong.
    public var reason: String
    /// What helps.
    public var remedy: String

    /// `Administration cannot listen on 127.0.0.1:9000: Address already in use; ...`
    public var description: String { "Administration cannot listen on \(address): \(reason); \(remedy)." }
}

/// A socket on which the server listens. It belongs to nobody until a channel takes it over.
struct ListenSocket: Sendable {
    /// What its clients are.
    enum Kind: Hashable, Sendable {
        /// Processes that may open the socket's file.
        case unix
        /// Anybody who reaches the address.
        case tcp
    }

    /// The socket.
    let descriptor: CInt
    /// What its clients are.
    let kind: Kind
    /// The port; 0 of a Unix socket.
    let port: Int

    /// The most clients that wait for an accept.
    static let backlog: CInt = 128

    /// A socket that listens already.
    init(descriptor: CInt, kind: Kind) {
        self.descriptor = descriptor
        self.kind = kind
        port = 0
    }

    /// A socket that listens on this address.
    init(_ address: AdministrationServer.Address) throws(AdministrationServerError) {
        guard (0...65_535).contains(address.port),
            let place = try? SocketAddress.makeAddressResolvingHost(address.host, port: address.port)
        else {
            throw AdministrationServerError(
                address: address.description, errno: 0, reason: "it is no address",
                remedy: "write an IP address of this machine and a port from 1 to 65535, as in 127.0.0.1:9000")
        }
        let family = place.protocol == .inet6 ? AF_INET6 : AF_INET
        let descriptor = socket(family, CInt(SOCK_STREAM.rawValue) | Self.nonBlocking, 0)
        guard descriptor >= 0 else { throw Self.error(address, "socket") }
        kind = .tcp
        self.descriptor = descriptor
        Self.set(SOL_SOCKET, SO_REUSEADDR, of: descriptor)
        // So that [::] and 0.0.0.0 can be listened on side by side.
        if family == AF_INET6 { Self.set(CInt(IPPROTO_IPV6), IPV6_V6ONLY, of: descriptor) }
        let isBound = unsafe place.withSockAddr { unsafe Glibc.bind(descriptor, $0, socklen_t($1)) } == 0
        guard isBound, Glibc.listen(descriptor, Self.backlog) == 0 else {
            let error = Self.error(address, isBound ? "listen" : "bind")
            _ = Glibc.close(descriptor)
            throw error
        }
        port = Self.port(of: descriptor) ?? address.port
    }

    /// Closes one that no channel has taken over.
    func close() { _ = Glibc.close(descriptor) }

    /// What ``accept()`` has found.
    enum Accepted {
        case client(CInt)
        case noDescriptor
        case nobody
    }

    /// Accepts a client, without waiting for one.
    func accept() -> Accepted {
        let client = Glibc.accept(descriptor, nil, nil)
        guard client >= 0 else { return errno == EMFILE || errno == ENFILE ? .noDescriptor : .nobody }
        _ = fcntl(client, F_SETFD, FD_CLOEXEC)
        return .client(client)
    }

    private static let nonBlocking = CInt(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

    private static func set(_ level: CInt, _ option: CInt, of descriptor: CInt) {
        var value: CInt = 1
        // Where it fails, bind tells.
        _ = unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<CInt>.size))
    }

    private static func port(of descriptor: CInt) -> Int? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let isKnown = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isKnown else { return nil }
        // Of both families it is what stands behind the two bytes of the family.
        return unsafe withUnsafeBytes(of: &storage) { Int(unsafe $0[2]) << 8 | Int(unsafe $0[3]) }
    }

    private static func error(_ address: AdministrationServer.Address, _ call: String) -> AdministrationServerError {
        let number = errno
        let remedy =
            switch number {
            case EADDRINUSE: "end what listens there (ss -ltnp shows it), or choose another port"
            case EADDRNOTAVAIL: "choose an address of this machine (ip address shows them)"
            case EACCES: "choose a port from 1024, or allow lower ones (CAP_NET_BIND_SERVICE)"
            case EMFILE, ENFILE: "allow more open files (ulimit -n, LimitNOFILE=)"
            default: "choose another address"
            }
        let reason = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
        return AdministrationServerError(
            address: address.description, errno: number, reason: "\(call): \(reason)", remedy: remedy)
    }
}
