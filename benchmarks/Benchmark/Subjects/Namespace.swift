import Glibc
import Reactor

/// A network namespace for the run: without firewall, connection tracking and other programs' ports, and with its own
/// TCP settings.
public enum Namespace {
    /// The environment variable that is set while the program runs in the namespace.
    private static let mark = "BALANCER_BENCHMARK_NAMESPACE"

    /// Whether the program runs in its own namespace.
    public enum State: Equatable, Sendable {
        /// The program runs in its own namespace, which is set up.
        case own
        /// The program does not, for this reason.
        case none(String)
    }

    /// Moves the program into its own namespace by executing it again, in the same process, through `unshare -n`.
    ///
    /// Returns in the new program image, or when the move is not possible.
    public static func enter() -> State {
        if unsafe getenv(mark) != nil { return prepare() }
        guard geteuid() == 0 else { return .none("not root") }
        guard let unshare = Programs.find("unshare"), let ip = Programs.find("ip") else {
            return .none("unshare(1) or ip(8) is missing: apt-get install util-linux iproute2")
        }
        guard succeeds([unshare, "-n", ip, "link", "set", "lo", "up"]) else {
            return .none("this system does not allow it")
        }
        unsafe setenv(mark, "1", 1)
        _ = unsafe CStrings.with([unshare, "-n", ThisProgram.path] + CommandLine.arguments.dropFirst()) {
            arguments, name in
            unsafe execv(name, arguments)
        }
        unsafe unsetenv(mark)
        return .none("execv: \(Errno(rawValue: errno))")
    }

    /// Brings loopback up and applies the same TCP settings in every run.
    private static func prepare() -> State {
        guard let ip = Programs.find("ip"), succeeds([ip, "link", "set", "lo", "up"]) else {
            return .none("loopback could not be brought up")
        }
        for (name, value) in settings {
            // An older kernel may lack a setting; the report shows the congestion control in use.
            try? TextFile.write(value, to: "/proc/sys/net/\(name)")
        }
        return .own
    }

    /// All ports except the listening ones are ephemeral, TIME_WAIT is reused after a second, and the congestion
    /// control is cubic, the most common one, or else reno, the simplest: if the default differs, a kernel may forbid
    /// cubic in a namespace.
    private static let settings = [
        ("ipv4/ip_local_port_range", "1024 65535"),
        ("ipv4/ip_local_reserved_ports", "\(Ports.first)-\(Ports.last)"),
        ("ipv4/tcp_tw_reuse", "1"),
        ("ipv4/tcp_congestion_control", "reno"), ("ipv4/tcp_congestion_control", "cubic"),
        ("core/somaxconn", "4096"),
        ("ipv4/tcp_max_syn_backlog", "4096"),
    ]

    private static func succeeds(_ arguments: [String]) -> Bool {
        guard let child = try? Child(arguments, .init()) else { return false }
        guard child.wait(.seconds(5)) else {
            child.end()
            return false
        }
        return child.status == 0
    }
}

/// Ports for the origin and the subjects.
struct Ports {
    static let first: UInt16 = 2000
    static let last: UInt16 = 2999
    private var next = Ports.first
    /// In its own namespace all ports are free; elsewhere the kernel must assign each one.
    let isOwnNamespace: Bool

    init(isOwnNamespace: Bool) {
        self.isOwnNamespace = isOwnNamespace
    }

    /// A port on which no process listens.
    mutating func take() throws(SystemCallError) -> UInt16 {
        guard isOwnNamespace else {
            return try Listener(.ipv4(0, port: 0), keepalive: nil).address.port
        }
        let port = next
        next = next == Self.last ? Self.first : next + 1
        return port
    }
}
