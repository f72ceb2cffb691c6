import Glibc
import Reactor

/// A network namespace of the run's own: no firewall, no connection tracking, no ports of others, and settings of TCP
/// that end with it.
public enum Namespace {
    /// Set in the environment of the program once it runs inside.
    private static let mark = "BALANCER_BENCHMARK_NAMESPACE"

    /// What became of it.
    public enum State: Equatable, Sendable {
        /// The program runs in a namespace of its own, which is ready.
        case own
        /// It does not; why not.
        case none(String)
    }

    /// Puts the program into a namespace of its own by starting it again, in the same process, through `unshare -n`.
    ///
    /// Returns when that has been done, or cannot be.
    public static func enter() -> State {
        if unsafe getenv(mark) != nil { return prepare() }
        guard geteuid() == 0 else { return .none("not root") }
        guard let unshare = Programs.find("unshare"), let ip = Programs.find("ip") else {
            return .none("unshare(1) or ip(8) is missing: apt-get install util-linux iproute2")
        }
        guard succeeds([unshare, "-n", ip, "link", "set", "lo", "up"]) else {
            return .none("this system does not let us have one")
        }
        unsafe setenv(mark, "1", 1)
        _ = unsafe CStrings.with([unshare, "-n", ThisProgram.path] + CommandLine.arguments.dropFirst()) {
            arguments, name in
            unsafe execv(name, arguments)
        }
        unsafe unsetenv(mark)
        return .none("execv: \(Errno(rawValue: errno))")
    }

    /// Loopback up, and TCP's settings the same for all runs.
    private static func prepare() -> State {
        guard let ip = Programs.find("ip"), succeeds([ip, "link", "set", "lo", "up"]) else {
            return .none("loopback could not be brought up")
        }
        for (name, value) in settings {
            // An older kernel may lack one; the report tells the congestion control that is in force.
            try? TextFile.write(value, to: "/proc/sys/net/\(name)")
        }
        return .own
    }

    /// All ports but those that are listened on, TIME_WAIT reused after a second, and the most common congestion
    /// control, or the plainest: a kernel whose default is another may keep cubic from namespaces.
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
    /// All ports of the namespace are free; elsewhere each has to be asked for.
    let isOwnNamespace: Bool

    init(isOwnNamespace: Bool) {
        self.isOwnNamespace = isOwnNamespace
    }

    /// A port that nobody listens on.
    mutating func take() throws(SystemCallError) -> UInt16 {
        guard isOwnNamespace else {
            return try Listener(.ipv4(0, port: 0), keepalive: nil).address.port
        }
        let port = next
        next = next == Self.last ? Self.first : next + 1
        return port
    }
}
