import Glibc

/// The service manager that started the process, when it wants to be told how it does: sd_notify(3).
///
/// The protocol is a datagram of a few lines `KEY=value` to the Unix socket that `NOTIFY_SOCKET` names.
public struct ServiceManager: ~Copyable {
    private let socket: FileDescriptor
    private let address: SocketAddress
    private let patience: Duration?
    /// What must not be missed, and has not been taken.
    private var untold: [String] = []

    /// More than one life needs: ready, reloading, ready, stopping.
    private static let untoldMax = 4

    private init(at address: SocketAddress, watchdog: Duration?) throws(SystemCallError) {
        socket = FileDescriptor(owning: try check(LinuxKernel.datagramSocket(), "socket", "NOTIFY_SOCKET"))
        self.address = address
        patience = watchdog
    }

    /// How long the process may be silent before the manager takes it for dead; nil when it does not watch. (A function,
    /// since a property of an optional that cannot be copied would consume it.)
    public func watchdogPatience() -> Duration? { patience }

    /// The manager that the environment names; nil when there is none. Throws EINVAL for what can be no socket.
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

    /// `WATCHDOG_USEC`, unless `WATCHDOG_PID` says that it is meant for another process. Source:
    /// sd_watchdog_enabled(3).
    private static func watchdog(_ environment: (String) -> String?) -> Duration? {
        guard let microseconds = environment("WATCHDOG_USEC").flatMap(Int64.init), microseconds > 0 else { return nil }
        if let process = environment("WATCHDOG_PID"), Int32(process) != getpid() { return nil }
        return .microseconds(microseconds)
    }

    /// Tells it `state`: lines `KEY=value`. False when it did not take them: it has no room, or is not there.
    @discardableResult public func tell(_ state: String) -> Bool {
        send(state) == .taken
    }

    /// Tells it what it must not miss. False when it has no room now: ``retry()``, in a moment.
    ///
    /// sd_notify(3) waits; a loop cannot. That the manager is not there is no reason to repeat: one that restarts
    /// remembers what it was told.
    public mutating func tellSurely(_ state: String) -> Bool {
        untold.append(state)
        // The later word holds: READY after RELOADING, say.
        if untold.count > Self.untoldMax { untold.removeFirst() }
        return retry()
    }

    /// Tells what it had no room for, in its order; true when nothing is left.
    public mutating func retry() -> Bool {
        while let state = untold.first {
            if send(state) == .noRoom { return false }
            untold.removeFirst()
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
