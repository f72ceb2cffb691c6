import CEpoll
import Glibc

/// What an accept came to.
public enum AcceptResult: ~Copyable {
    /// A new connection and the address that it comes from.
    case accepted(Stream, SocketAddress)
    /// Nobody is waiting.
    case wouldBlock
    /// This connection ended before it was accepted; others may be waiting. Source: accept(2), "Error handling".
    case aborted(Errno)
    /// The shortage of a resource: nobody can be accepted for now. The listener itself is well.
    case exhausted(Errno)
}

/// A bound socket that accepts streams.
public struct Listener: ~Copyable {
    private let descriptor: FileDescriptor
    /// The address it is bound to; with port 0 asked for, the port that the kernel chose.
    public let address: SocketAddress
    /// The service manager has made the socket and holds it open: who waits there when this process ends is left to the
    /// next one.
    public let isInherited: Bool

    /// How many connections the kernel keeps for us until we accept them; it lowers the number to `net.core.somaxconn`.
    public static let backlogMax: CInt = 4096

    /// Binds and listens.
    ///
    /// SO_REUSEADDR lets a restart bind while old connections linger. Accepted sockets inherit TCP_NODELAY,
    /// SO_OOBINLINE and the keepalive settings from the listener (tested), which spares the calls per connection. `::`
    /// takes IPv4 as well.
    ///
    /// `joining`: binds beside a listener that has been opened to it with ``share()``, or beside nobody.
    public init(
        _ address: SocketAddress, keepalive: Keepalive? = .standard, joining: Bool = false
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
            _ = kernel.setOption(number, level: CInt(IPPROTO_IPV6), option: IPV6_V6ONLY, value: 0)
        }
        if address.family != AF_UNIX { Self.setInheritedOptions(descriptor, keepalive) }
        try check(kernel.bind(number, to: address), "bind", subject)
        try check(kernel.listen(number, backlog: Self.backlogMax), "listen", subject)
        self.address = kernel.localAddress(number) ?? address
        self.descriptor = descriptor
        isInherited = false
    }

    /// Listens at a socket that the service manager made, through a descriptor of its own: several loops that have one
    /// each accept from one queue.
    ///
    /// Not SO_REUSEPORT, which the loops of a process share a port with otherwise: the kernel lets nobody join the
    /// socket of another user, here the manager's, and what waits at a socket of ours would be lost at a restart.
    public init(sharing socket: InheritedSocket, keepalive: Keepalive? = .standard) throws(SystemCallError) {
        let number = try check(LinuxKernel.duplicate(socket.descriptor), "fcntl", socket.address.description)
        descriptor = FileDescriptor(owning: number)
        address = socket.address
        isInherited = true
        if address.family != AF_UNIX { Self.setInheritedOptions(descriptor, keepalive) }
    }

    /// What accepted sockets are to have.
    private static func setInheritedOptions(_ descriptor: borrowing FileDescriptor, _ keepalive: Keepalive?) {
        let number = descriptor.rawValue
        _ = kernel.setOption(number, level: CInt(IPPROTO_TCP), option: TCP_NODELAY, value: 1)
        _ = kernel.setOption(number, level: SOL_SOCKET, option: SO_OOBINLINE, value: 1)
        keepalive?.apply(to: descriptor)
    }

    /// Lets others bind beside it (SO_REUSEPORT): the kernel then deals connections out among them by a hash of both
    /// addresses. TCP only.
    ///
    /// Only now, not before the bind: a first bind without the option fails when anybody listens there, also another
    /// process of the same user that would share; with it the two would silently serve the same port. The kernel makes
    /// the group when the second listens (Linux, `reuseport_add_sock`).
    public func share() throws(SystemCallError) {
        try check(
            kernel.setOption(descriptor.rawValue, level: SOL_SOCKET, option: SO_REUSEPORT, value: 1), "setsockopt",
            address.description)
    }

    /// Adds the listener to a poller; each arrival is one event, so accept until `wouldBlock`.
    public func add(to poller: borrowing Poller, _ token: Token) -> Errno? {
        poller.add(descriptor, token, .arrivals)
    }

    /// Takes the listener out of a poller. A close does so too, but for a socket of which others have descriptors.
    public func remove(from poller: borrowing Poller) {
        poller.remove(number: descriptor.rawValue)
    }

    /// True while somebody is waiting to be accepted.
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
