import Glibc

/// The service manager that started the process, if it asked for notifications of the process's state: sd_notify(3).
///
/// A notification is a datagram of a few lines `KEY=value` to the Unix socket that `NOTIFY_SOCKET` names.
public struct ServiceManager: ~Copyable {
    private let socket: FileDescriptor
    private let address: SocketAddress
    private let watchdog: Duration?
    /// Notifications that must arrive and that the socket has not taken yet.
    private var unsent: [String] = []

    /// As many as can matter at a time: ready, reloading, ready, stopping.
    private static let unsentMax = 4

    private init(at address: SocketAddress, watchdog: Duration?) throws(SystemCallError) {
        socket = FileDescriptor(owning: try check(LinuxKernel.datagramSocket(), "socket", "NOTIFY_SOCKET"))
        self.address = address
        self.watchdog = watchdog
    }

    /// How long the process may send nothing before the manager kills it; nil without a watchdog. (A function, since a
    /// property of an optional that cannot be copied would consume it.)
    public func watchdogTimeout() -> Duration? { watchdog }

    /// The manager that the environment names; nil when there is none. Throws EINVAL when the name can be no socket's.
    public static func find(
        environment: (String) -> String? = Environment.value
    ) throws(SystemCallError) -> ServiceManager? {
        guard let path = environment("NOTIFY_SOCKET"), !path.isEmpty else { return nil }
        // A path or an abstract name; AF_VSOCK is for virtual machines that boot systemd.
        guard path.hasPrefix("/") || path.hasPrefix("@") && path.utf8.count > 1,
            let address = SocketAddress(unixPath: path)
        else {
            throw SystemCallError(
                call: "sendto", subject: "NOTIFY_SOCKET '\(path)', which is neither an absolute path nor @name",
                errno: Errno(rawValue: EINVAL))
        }
        return try ServiceManager(at: address, watchdog: watchdog(environment))
    }

    /// `WATCHDOG_USEC`, unless `WATCHDOG_PID` is the number of another process. Source:
    /// sd_watchdog_enabled(3).
    private static func watchdog(_ environment: (String) -> String?) -> Duration? {
        guard let microseconds = environment("WATCHDOG_USEC").flatMap(Int64.init), microseconds > 0 else { return nil }
        if let process = environment("WATCHDOG_PID"), Int32(process) != getpid() { return nil }
        return .microseconds(microseconds)
    }

    /// Sends `state`, lines `KEY=value`, once. False when it was not taken: the socket is full, or not there.
    @discardableResult public func notify(_ state: String) -> Bool {
        send(state) == .taken
    }

    /// Sends a notification that must arrive. False when the socket is full: call ``retry()`` a moment later.
    ///
    /// sd_notify(3) waits; a loop cannot. A manager that is not there is no reason to repeat: one that restarts keeps
    /// the state that it was sent before.
    public mutating func notifyReliably(_ state: String) -> Bool {
        unsent.append(state)
        // The later notification counts: READY after RELOADING, for example.
        if unsent.count > Self.unsentMax { unsent.removeFirst() }
        return retry()
    }

    /// Sends what the socket had no room for, in order; true when nothing is left.
    public mutating func retry() -> Bool {
        while let state = unsent.first {
            if send(state) == .noRoom { return false }
            unsent.removeFirst()
        }
        return true
    }

    private enum Sent {
        case taken, noRoom, failed
    }

    private func send(_ state: String) -> Sent {
        let result = unsafe state.utf8.withContiguousStorageIfAvailable {
            unsafe LinuxKernel.sendDatagram(socket.rawValue, UnsafeRawBufferPointer($0), to: address)
        }
        guard let result, result < 0 else { return .taken }
        return result == -Int(EAGAIN) || result == -Int(ENOBUFS) ? .noRoom : .failed
    }
}
