import CEpoll
import Glibc

/// The result of an accept.
public enum AcceptResult: ~Copyable {
    /// A new connection and the address that it comes from.
    case accepted(Stream, SocketAddress)
    /// No connection is waiting.
    case wouldBlock
    /// This connection ended before it was accepted; others may be waiting. Source: accept(2), "Error handling".
    case aborted(Errno)
    /// A resource has run out, so no connection can be accepted for now. The listener itself still works.
    case exhausted(Errno)
}

/// A bound socket that accepts streams.
public struct Listener: ~Copyable {
    private let descriptor: FileDescriptor
    /// The address it is bound to; with port 0 asked for, the port that the kernel chose.
    public let address: SocketAddress
    /// The service manager has made the socket and holds it open: connections that wait there when this process ends
    /// are accepted by the next one.
    public let isInherited: Bool
    private let isIPv6Only: Bool

    /// `net.core.somaxconn`: to how many connections that wait to be accepted the kernel lowers every backlog. Since
    /// Linux 5.4 it is 4,096 unless set.
    public static func backlogMax() -> Int {
        SmallFile.text("/proc/sys/net/core/somaxconn").flatMap { Int($0.prefix { $0.isNumber }) } ?? 4096
    }

    /// Binds and listens.
    ///
    /// SO_REUSEADDR allows a restart to bind while old connections are in TIME_WAIT. Accepted sockets inherit
    /// TCP_NODELAY, SO_OOBINLINE, TCP_USER_TIMEOUT and the keepalive settings from the listener (tested), which saves the
    /// calls per connection. A listener on `::` accepts IPv4 as well, unless it is not to.
    ///
    /// - Parameters:
    ///   - isIPv6Only: A listener on `::` leaves the connections of IPv4 to others (IPV6_V6ONLY).
    ///   - keepalive: Of accepted sockets; nil for none.
    ///   - userTimeout: TCP_USER_TIMEOUT of accepted sockets, in milliseconds; 0 for the kernel's own time.
    ///   - backlog: How many connections wait to be accepted at the most; nil for as many as the kernel allows.
    ///   - joining: Other listeners may have the same address if ``share()`` was called on them.
    ///   - mode: The permissions of a Unix socket's file, whatever the umask is; nil for those that the umask leaves.
    ///   - owner: The user that the file belongs to; nil for this process's.
    ///   - group: Likewise.
    ///   - path: Where the file will be moved to, and the path of ``address``.
    public init(
        _ address: SocketAddress, isIPv6Only: Bool = false, keepalive: Keepalive? = .standard, userTimeout: CInt = 0,
        backlog: Int? = nil, joining: Bool = false, mode: mode_t? = nil, owner: uid_t? = nil, group: gid_t? = nil,
        movingTo path: SocketAddress? = nil
    ) throws(SystemCallError) {
        let subject = address.description
        let descriptor = FileDescriptor(owning: try check(kernel.socket(domain: address.family), "socket", subject))
        let number = descriptor.rawValue
        try check(kernel.setOption(number, level: SOL_SOCKET, option: SO_REUSEADDR, value: 1), "setsockopt", subject)
        if joining {
            try check(
                kernel.setOption(number, level: SOL_SOCKET, option: SO_REUSEPORT, value: 1), "setsockopt", subject)
        }
        if case .ipv6 = address {
            _ = kernel.setOption(number, level: CInt(IPPROTO_IPV6), option: IPV6_V6ONLY, value: isIPv6Only ? 1 : 0)
        }
        if address.family != AF_UNIX { Self.setInheritedOptions(descriptor, keepalive, userTimeout) }
        try check(kernel.bind(number, to: address), "bind", subject)
        // Before anybody can connect.
        if case .unix(let path) = address {
            if let mode { try check(kernel.setMode(ofPath: path, mode), "chmod", subject) }
            if owner != nil || group != nil {
                try check(kernel.setOwner(ofPath: path, owner, group: group), "chown", subject)
            }
        }
        try check(kernel.listen(number, backlog: CInt(clamping: backlog ?? .max)), "listen", subject)
        self.address = path ?? kernel.localAddress(number) ?? address
        self.descriptor = descriptor
        isInherited = false
        self.isIPv6Only = isIPv6Only
    }

    /// Listens at a socket that the service manager made, through a descriptor of its own: several loops that have one
    /// each accept from one queue.
    ///
    /// Loops otherwise share a port with SO_REUSEPORT. Here that is impossible, because the kernel refuses a socket of
    /// another user, the manager's; and connections that wait at a socket of this process would be lost at a restart.
    public init(
        sharing socket: InheritedSocket, keepalive: Keepalive? = .standard, userTimeout: CInt = 0
    ) throws(SystemCallError) {
        let number = try check(LinuxKernel.duplicate(socket.descriptor), "fcntl", socket.address.description)
        descriptor = FileDescriptor(owning: number)
        address = socket.address
        isInherited = true
        isIPv6Only = socket.isIPv6Only
        if address.family != AF_UNIX { Self.setInheritedOptions(descriptor, keepalive, userTimeout) }
    }

    /// Changes what accepted sockets inherit from now on, and how many connections wait at the most; nil for as many as
    /// the kernel allows. The backlog of a socket that was handed over stays what its maker has chosen.
    ///
    /// - Parameter userTimeout: TCP_USER_TIMEOUT in milliseconds, 0 for the kernel's own time; nil leaves it as it is.
    public func change(keepalive: Keepalive?, userTimeout: CInt?, backlog: Int?) {
        let number = descriptor.rawValue
        if address.family != AF_UNIX {
            if keepalive == nil { _ = kernel.setOption(number, level: SOL_SOCKET, option: SO_KEEPALIVE, value: 0) }
            Self.setInheritedOptions(descriptor, keepalive, 0)
            if let userTimeout { UserTimeout.apply(userTimeout, to: descriptor) }
        }
        // listen(2) again changes the backlog alone; those that wait stay.
        if !isInherited { _ = kernel.listen(number, backlog: CInt(clamping: backlog ?? .max)) }
    }

    /// The address, with which connections reach the listener.
    public var ownAddress: OwnAddress { OwnAddress(address, isIPv6Only: isIPv6Only) }

    /// Sets the options that accepted sockets inherit.
    private static func setInheritedOptions(
        _ descriptor: borrowing FileDescriptor, _ keepalive: Keepalive?, _ userTimeout: CInt
    ) {
        let number = descriptor.rawValue
        _ = kernel.setOption(number, level: CInt(IPPROTO_TCP), option: TCP_NODELAY, value: 1)
        _ = kernel.setOption(number, level: SOL_SOCKET, option: SO_OOBINLINE, value: 1)
        keepalive?.apply(to: descriptor)
        // 0 would undo what the socket unit of the service manager may have set.
        if userTimeout > 0 { UserTimeout.apply(userTimeout, to: descriptor) }
    }

    /// Lets other listeners bind to the same address (SO_REUSEPORT): the kernel then distributes connections among them
    /// by a hash of both addresses. TCP only.
    ///
    /// Only after the bind: a first bind without the option fails when any process listens there, even one of the same
    /// user that would share the port. With the option the two would silently serve the same port. The kernel makes the
    /// group when the second socket listens (Linux, `reuseport_add_sock`).
    public func share() throws(SystemCallError) {
        try check(
            kernel.setOption(descriptor.rawValue, level: SOL_SOCKET, option: SO_REUSEPORT, value: 1), "setsockopt",
            address.description)
    }

    /// Undoes ``share()`` for sockets that would be bound from now on.
    public func shareNoMore() {
        _ = kernel.setOption(descriptor.rawValue, level: SOL_SOCKET, option: SO_REUSEPORT, value: 0)
    }

    /// Adds the listener to a poller; each arrival is one event, so accept until `wouldBlock`.
    public func add(to poller: borrowing Poller, _ token: Token) -> Errno? {
        poller.add(descriptor, token, .arrivals)
    }

    /// Removes the listener from a poller. A close does that too, unless other descriptors of the socket are open.
    public func remove(from poller: borrowing Poller) {
        poller.remove(number: descriptor.rawValue)
    }

    /// True while a connection waits to be accepted.
    public var hasWaiting: Bool { kernel.isReadable(descriptor.rawValue) }

    /// Accepts one connection. No result ends the listener.
    public func accept() -> AcceptResult {
        let (number, peer) = kernel.accept(descriptor.rawValue)
        guard number < 0 else {
            return .accepted(Stream(FileDescriptor(owning: number)), peer ?? .unix(path: ""))
        }
        let errno = Errno(rawValue: -number)
        switch errno.rawValue {
        case EAGAIN: return .wouldBlock
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted(errno)
        default: return .aborted(errno)
        }
    }
}
