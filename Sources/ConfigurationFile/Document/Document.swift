import Balancer
import Reactor
import Wording

/// A configuration file and the files that it includes, checked: every key of the format, with what applies when the file
/// does not say it, and where each value comes from.
public struct Document: Sendable {
    /// The path it was read from.
    public let file: String
    /// What applies to the whole process.
    public let process: Process
    /// The listeners, in the order of the files.
    public let listeners: [Listener]
    /// The pools, in the order of the files.
    public let pools: [Pool]
    /// What is written about sessions and backends.
    public let log: Log
    /// How the running balancer is asked.
    public let administration: Administration
    /// The files of networks that listeners name.
    public let networkFiles: [NetworkFile]
    /// All of that as the table of keys has it.
    let fields: Fields
    /// The texts, so that what is found later can still be shown with its line.
    let mistakes: MistakeList

    /// `process`
    public struct Process: Sendable {
        /// How many loops share the work.
        public let threads: Setting<Int>
        /// The most sessions; nil for what the limit of descriptors allows.
        public let sessionsMax: Setting<Int?>
        /// How long sessions may continue after the request to stop.
        public let drainTime: Setting<Duration>
        /// Whether verdicts stay when all checks fail at once.
        public let freezesWhenAllFail: Setting<Bool>
        /// What a loop does when it has nothing to do.
        public let busyPoll: Setting<Configuration.Latency.BusyPoll>
        /// Send a client's first data with the SYN.
        public let fastOpen: Setting<Bool>
        /// Connections held ready to each backend.
        public let warmConnections: Setting<Int>
    }

    /// `administration`
    public struct Administration: Sendable {
        /// The path of the Unix socket; nil for that of the environment, or none.
        public let socket: Setting<String?>
        /// The addresses for HTTP.
        public let http: [Setting<SocketAddress>]
        /// The file with the token; nil for no changes over HTTP.
        public let tokenFile: Setting<String?>
        /// Names by which it may be asked over HTTP.
        public let hosts: [Setting<String>]
    }

    /// One of `listeners`.
    public struct Listener: Sendable {
        /// Its name, and where that stands.
        public let name: Setting<String>
        /// Where it listens; at least one.
        public let binds: [Setting<Bind>]
        /// The name of its pool, which exists; with ``serverNames`` that of clients without a route, or where these are
        /// closed, of the first route.
        public let pool: Setting<String>
        /// The names that lead to pools; nil where all clients go to ``pool``.
        public let serverNames: ServerNames?
        /// Whose headers of the PROXY protocol are believed; nil for nobody's.
        public let proxy: Configuration.ProxyAccept?
        /// Which clients may come, and how many.
        public let clients: Configuration.ClientRules
        /// How many clients wait in the kernel; nil for as many as it allows.
        public let backlog: Setting<Int?>
        /// The most sessions at the same time; nil for no limit.
        public let sessionsMax: Setting<Int?>
        /// TCP_USER_TIMEOUT of clients' sockets; nil for the kernel's own.
        public let userTimeout: Setting<Duration?>
        /// Of clients' sockets.
        public let keepalive: Keepalive
    }

    /// Where a listener listens.
    public enum Bind: Hashable, Sendable {
        /// Addresses with ports: several of a range.
        case addresses([SocketAddress])
        /// A Unix socket; without an owner or group those of the process.
        case unix(path: String, mode: UInt32, owner: UInt32?, group: UInt32?)
        /// The sockets that the service manager hands over under this name.
        case systemd(name: String)
    }

    /// One of `pools`.
    public struct Pool: Sendable {
        /// Its name, and where that stands.
        public let name: Setting<String>
        /// Its backends; at least one, unless they are found out.
        public let backends: [Backend]
        /// How its backends are found out; nil when they are listed.
        let discovery: Fields?
        /// How a backend is picked.
        public let policy: Setting<PolicyKind>
        /// What the policy `source-hash` goes by.
        public let sourceHash: Setting<SourceHash.Settings>
        /// How the backends are probed.
        public let check: Check
        /// What says beside each backend how it is; nil for nothing.
        public let agent: Configuration.AgentCheck?
        /// The source addresses; empty leaves it to the kernel.
        public let sources: [Setting<SocketAddress>]
        /// One attempt to connect.
        public let connectTimeout: Setting<Duration>
        /// A session in which nothing moves.
        public let idleTimeout: Setting<Duration>
        /// The same when one direction has ended; nil for the idle timeout.
        public let halfClosedTimeout: Setting<Duration?>
        /// The age at which a session is ended; nil for none.
        public let sessionAgeMax: Setting<Duration?>
        /// TCP_USER_TIMEOUT of backends' sockets; nil for the kernel's own.
        public let userTimeout: Setting<Duration?>
        /// Of backends' sockets.
        public let keepalive: Keepalive
        /// Attempts in all; nil for every backend once.
        public let retriesMax: Setting<Int?>
        /// The time of all attempts together; nil for no limit.
        public let retriesTimeout: Setting<Duration?>
        /// When clients' failures eject a backend; nil for never.
        public let passive: Setting<Configuration.PassiveCheck?>
        /// How long a backend that comes back takes to get its whole weight; nil for no time.
        public let slowStart: Setting<Duration?>
        /// How clients wait for a place; nil for not at all.
        public let queue: Setting<Configuration.Queue?>
        /// The most sessions on all backends together; nil for no limit.
        public let sessionsMax: Setting<Int?>
        /// How idle sessions of backends that have too many are ended; nil for not at all.
        public let rebalance: Setting<Configuration.Rebalance?>
        /// The header that backends are sent; nil for none.
        public let proxy: Configuration.ProxySend?
        /// The share of backends below which all are used, in millionths.
        public let panicThreshold: Setting<Int>
        /// Whether the sessions of a backend that goes down are closed.
        public let closesWhenDown: Setting<Bool>
        /// What becomes of the sessions of a backend that leaves the file.
        public let whenRemoved: Setting<Removal>
    }

    /// One of a pool's `backends`.
    public struct Backend: Sendable {
        /// Its configured name; nil for what stands as its address.
        public let name: Setting<String?>
        /// A host name or address.
        public let host: HostArgument
        /// The port.
        public let port: Port
        /// Where both stand.
        public let place: Place?
        /// Clients in proportion to the others.
        public let weight: Setting<Int>
        /// Used only while no other is up.
        public let isBackup: Setting<Bool>
        /// The most sessions at the same time; nil for no limit.
        public let sessionsMax: Setting<Int?>
    }

    /// `check`
    public struct Check: Sendable {
        /// What a probe is.
        public let kind: Setting<Configuration.HealthCheck.Kind>
        /// From the start of one probe to the start of the next.
        public let interval: Setting<Duration>
        /// The same while the state may be about to change; nil for the interval.
        public let fastInterval: Setting<Duration?>
        /// The same while the backend is down; nil for the interval.
        public let downInterval: Setting<Duration?>
        /// The port that is probed; nil for the backend's own.
        public let port: Setting<Int?>
        /// What is sent and expected, of `kind: exchange`.
        public let steps: [Configuration.ExchangeStep]
        /// What is asked for, of `kind: http`.
        public let http: Configuration.HTTPCheck
        /// A probe that has not succeeded within this time has failed.
        public let timeout: Setting<Duration>
        /// Failures in a row.
        public let fall: Setting<Int>
        /// Successes in a row.
        public let rise: Setting<Int>
        /// Whether a probe's connection is closed in order instead of by a reset.
        public let closesInOrder: Setting<Bool>
    }

    /// `keepalive`
    public struct Keepalive: Sendable {
        /// Silence before the first question.
        public let idle: Setting<Duration>
        /// Between two questions.
        public let interval: Setting<Duration>
        /// Questions without an answer.
        public let probes: Setting<Int>
    }

    /// What becomes of the sessions of a backend that leaves the file.
    public enum Removal: Hashable, Sendable, CustomStringConvertible {
        /// They continue.
        case keep
        /// Those that are left after this time are closed.
        case drain(Duration)
        /// They are closed at once.
        case close

        static let times = Duration.zero...Configuration.durationMax

        /// As it is written in a file.
        public var description: String {
            switch self {
            case .keep: "keep"
            case .drain(let time): "drain \(DurationRange.text(time))"
            case .close: "close"
            }
        }
    }
}
