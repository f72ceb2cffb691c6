import ArgumentParser
import Balancer
import CommandSupport
import ConfigurationFile
import Reactor

/// `balancer SOURCE_IP HOST PORT [HOST PORT ...]`, also with `HOST:PORT`: runs the balancer.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Balance clients over backends (the default subcommand).",
        usage: "balancer [serve] SOURCE_IP HOST PORT [HOST PORT ...] [options]",
        discussion: "A duration is \(DurationRange.format); without a unit it is in seconds.")

    private static let backlogCounts = NumberRange(1...Limits.backlogMax)
    private static let threadCounts = NumberRange(1...Limits.threadsMax)

    @Argument(
        help: ArgumentHelp(
            "The address to listen on, which is also the source address of connections to backends.",
            discussion: """
                Also a name of this machine. With 0.0.0.0, * or :: it listens on every address, and the kernel chooses \
                the source address. It does so too for backends on other machines when this is a loopback address. A \
                shell needs quotes around *.
                """),
        completion: .list(["0.0.0.0", "::"]))
    var sourceIP: String

    @Argument(
        help: ArgumentHelp(
            "The backends: a name or address and a port for each, as HOST PORT or HOST:PORT.",
            discussion: "An IPv6 address with its port in one word is written [ADDRESS]:PORT.", valueName: "host port"),
        completion: .host)
    var backends: [String] = []

    @Option(
        parsing: .unconditional,
        help: """
            The port to listen on, \(Port.range). Not used if a service manager hands over listening sockets. (default: \
            20000)
            """,
        transform: Port.parse)
    var port = Port(20000)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How many clients the kernel keeps until they are accepted, \(backlogCounts). (default: net.core.somaxconn, \
            which is also the most)
            """,
            discussion:
                "Not used if a service manager hands over listening sockets, which have a Backlog= of their own.",
            valueName: "count"),
        transform: backlogCounts.parse)
    var backlog: Int?

    @Flag(help: "Start even if a HOST has no address yet; that backend is down until it has one.")
    var allowUnresolved = false

    @Flag(
        help: ArgumentHelp(
            "Start even if a HOST has no address yet, as long as another backend has one.",
            discussion: "Where none has one within 5 s the exit code is 68. --allow-unresolved includes this option."))
    var allowSomeUnresolved = false

    @OptionGroup(title: "Health")
    var health: HealthOptions

    @OptionGroup(title: "Sessions")
    var sessions: SessionOptions

    @OptionGroup(title: "Latency")
    var latency: LatencyOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            The number of loops, each on its own thread, behind one port, \(threadCounts); more than one per core does \
            not help. (default: 1)
            """,
            discussion: "The kernel distributes clients over the loops by a hash of their addresses (SO_REUSEPORT).",
            valueName: "count"),
        transform: threadCounts.parse)
    var threads = 1

    @Option(
        help:
            "guide: the guide's lines; changes: changes of health, and problems; sessions: also a line per session; none."
    )
    var log = LogMode.guide

    @Option(
        help: ArgumentHelp(
            "The Unix socket for `balancer status` and the other commands. (default: $BALANCER_ADMIN_SOCKET, or none)",
            valueName: "path"),
        completion: .file(), transform: AdminPath.parseNew)
    var adminSocket: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "An address of loopback for the page and metrics over HTTP; may be given several times.",
            valueName: "address:port"),
        completion: .list(["127.0.0.1:"]), transform: OneLine.adminAddress)
    var adminHttp: [SocketAddress] = []

    func run() throws {
        let limit = Serving.prepare()
        let sockets = try HandedSockets.take()
        let resources = Resources(descriptors: limit, memory: MemoryLimit.all())
        let configuration = try makeConfiguration(resources, sockets)
        try Serving.run(configuration, descriptors: limit, resources.memory)
    }
}

extension ServeCommand {
    /// Makes the configuration from the arguments; a mistake is a usage error.
    ///
    /// - Parameter looksUp: Whether the backends' names are looked up; otherwise they have no address yet.
    func makeConfiguration(
        _ resources: Resources, _ sockets: HandedSockets, looksUp: Bool = true
    ) throws -> Configuration {
        let sourceArgument = SourceArgument(sourceIP)
        try sourceArgument.check(isAlone: backends.isEmpty)
        let backendArguments: BackendArguments
        do {
            backendArguments = try BackendArguments(
                backends, unresolved: allowUnresolved ? .all : allowSomeUnresolved ? .some : .none)
        } catch let error as ValidationError {
            // What follows a misspelt command is no backend.
            throw ValidationError(error.message + sourceArgument.commandQuestion)
        }
        let source = try sourceArgument.resolve(port: port.rawValue)
        let targets =
            looksUp
            ? try backendArguments.resolve(preferring: source.family)
            : backendArguments.unresolved(preferring: source.family)
        let listeners: [Configuration.ListenerSettings] =
            sockets.clients.isEmpty
            ? [.init(address: source, name: Document.listenerName, backlog: backlog.map(Int32.init))]
            : sockets.clients.map { .init(inherited: $0, name: Document.listenerName) }
        let administration = Configuration.Administration(
            socket: sockets.administration.map { .inherited($0) } ?? AdminPath.chosen(adminSocket).map { .path($0) },
            http: adminHttp)
        // A socket that was handed over takes two descriptors: the received one, and the loop's own.
        let limits = resources.limits(
            listeners: listeners.count + sockets.clients.count, backends: targets.count, threads: threads,
            warmConnections: latency.warmConnections, sessionsMax: sessions.sessionsMax,
            isAdministered: administration.isOn)
        do {
            return try Configuration(
                listeners: listeners,
                pools: [
                    .init(
                        backends: targets, health: health.check, source: source.with(port: 0),
                        timeouts: sessions.poolTimeouts)
                ],
                timeouts: sessions.timeouts, limits: limits, latency: latency.latency, log: .lines(log),
                threads: threads,
                administration: administration)
        } catch {
            throw ValidationError(error.description)
        }
    }
}
