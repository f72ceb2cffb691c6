import CEpoll
import Glibc

/// A listening socket that the service manager made, and handed over: sd_listen_fds(3).
public struct InheritedSocket: Hashable, Sendable {
    /// Its descriptor. The manager keeps a copy, so closing this one refuses no client.
    public let descriptor: CInt
    /// `FileDescriptorName=` of the socket unit, by default the unit's own name.
    public let name: String
    /// The address it is bound to.
    public let address: SocketAddress
    /// On `::`: IPv4 does not reach it (`BindIPv6Only=ipv6-only`).
    public let isIPv6Only: Bool
}

/// A socket that was handed over and cannot be used: which one, why, and what to do about it.
public struct SocketActivationError: Error, CustomStringConvertible {
    /// One line for people.
    public let description: String

    /// An error from its line.
    public init(_ description: String) {
        self.description = description
    }
}

/// Socket activation: the sockets exist before the process starts and stay open when it ends, so that a restart refuses
/// no client.
public enum SocketActivation {
    /// The first descriptor handed over. Source: `SD_LISTEN_FDS_START` of <systemd/sd-daemon.h>.
    private static let first: CInt = 3
    /// More sockets than any service has: a larger number is a mistake.
    private static let socketsMax = 1024

    /// The sockets that were handed to this process, in their order. They are made non-blocking, and neither they nor
    /// the variables that announce them are inherited by child processes.
    ///
    /// To be called once, before threads are started.
    public static func takeSockets(
        environment: (String) -> String? = Environment.value, remove: (String) -> Void = Environment.remove
    ) throws(SocketActivationError) -> [InheritedSocket] {
        defer { for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { remove(name) } }
        guard let process = environment("LISTEN_PID"), Int32(process) == getpid() else { return [] }
        guard let count = environment("LISTEN_FDS").flatMap(Int.init), (0...socketsMax).contains(count) else {
            throw SocketActivationError(
                "LISTEN_FDS '\(environment("LISTEN_FDS") ?? "")' is no number from 0 to \(socketsMax)")
        }
        let names = (environment("LISTEN_FDNAMES") ?? "").split(separator: ":", omittingEmptySubsequences: false)
        var sockets: [InheritedSocket] = []
        for place in 0..<count {
            let name = place < names.count && !names[place].isEmpty ? String(names[place]) : "unknown"
            sockets.append(try adopt(first + CInt(place), name))
        }
        return sockets
    }

    private static func adopt(_ descriptor: CInt, _ name: String) throws(SocketActivationError) -> InheritedSocket {
        guard LinuxKernel.option(descriptor, level: SOL_SOCKET, option: SO_ACCEPTCONN) == 1,
            LinuxKernel.option(descriptor, level: SOL_SOCKET, option: SO_TYPE) == CInt(SOCK_STREAM.rawValue),
            [AF_INET, AF_INET6, AF_UNIX].contains(LinuxKernel.option(descriptor, level: SOL_SOCKET, option: SO_DOMAIN)),
            let address = kernel.localAddress(descriptor)
        else {
            throw SocketActivationError(
                "socket '\(name)' (descriptor \(descriptor)) from the service manager is no listening "
                    + "stream socket of IP or Unix: the socket unit needs ListenStream= and Accept=no")
        }
        let results = [LinuxKernel.setCloseOnExec(descriptor), LinuxKernel.setNonBlocking(descriptor)]
        if let failed = results.first(where: { $0 < 0 }) {
            throw SocketActivationError(
                "socket '\(name)' (descriptor \(descriptor)): fcntl: \(Errno(rawValue: -failed))")
        }
        let isIPv6Only = LinuxKernel.option(descriptor, level: CInt(IPPROTO_IPV6), option: IPV6_V6ONLY) == 1
        return InheritedSocket(descriptor: descriptor, name: name, address: address, isIPv6Only: isIPv6Only)
    }
}
