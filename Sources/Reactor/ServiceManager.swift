import Glibc

/// The service manager that started the process, when it wants to be told how it does: sd_notify(3).
///
/// The protocol is a datagram of a few lines `KEY=value` to the Unix socket that `NOTIFY_SOCKET` names.
public struct ServiceManager: ~Copyable {
    private let socket: FileDescriptor
    private let address: SocketAddress
    private let patience: Duration?

    private init(at address: SocketAddress, watchdog: Duration?) throws(SystemCallError) {
        socket = FileDescriptor(owning: try check(Kernel.datagramSocket(), "socket", "NOTIFY_SOCKET"))
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

    /// Tells it `state`: lines `KEY=value`. False when it did not take them, which nothing can be done about: a manager
    /// that restarts reads what is sent to its next socket.
    @discardableResult public func tell(_ state: String) -> Bool {
        let result = unsafe state.utf8.withContiguousStorageIfAvailable {
            unsafe Kernel.sendDatagram(socket.rawValue, UnsafeRawBufferPointer($0), to: address)
        }
        return result.map { $0 >= 0 } ?? false
    }
}

/// The environment of the process.
public enum Environment {
    /// The value of a variable; nil when it is not set.
    public static func value(_ name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// Takes a variable out, so that no child inherits it. Only while there is one thread: getenv(3).
    public static func remove(_ name: String) {
        unsafe unsetenv(name)
    }
}
