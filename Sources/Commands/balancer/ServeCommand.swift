import ArgumentParser
import Balancer
import CommandSupport
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
            "The Unix socket for `balancer status`. (default: $BALANCER_STATUS_SOCKET, or none)",
            valueName: "path"),
        completion: .file(), transform: StatusPath.parseNew)
    var statusSocket: String?

    func run() throws {
        let limit = Startup.prepare()
        // These do not end a loop. Held so that they do not end the program during the first look-up either.
        Signals.hold([.hangup] + Signal.meaningless)
        let sockets = try HandedSockets.take()
        let memory = MemoryLimit.all()
        let configuration = try makeConfiguration(descriptors: limit, memory, sockets)
        let service: ServiceManager?
        do throws(SystemCallError) {
            try Startup.checkMemory(loops: configuration.threads)
            service = try ServiceManager.find()
        } catch {
            throw failure("balancer", error, loops: configuration.threads)
        }
        do throws(LoopFailure) {
            try serve(configuration, descriptors: limit, memory, service)
        } catch {
            throw failure(
                "balancer", error.cause, in: error.loop.map { "loop \($0)" }, loops: configuration.threads)
        }
    }

    private func serve(
        _ configuration: Configuration, descriptors: Int, _ memory: [MemoryLimit],
        _ service: consuming ServiceManager?
    ) throws(LoopFailure) {
        var log = EventLog(configuration.log, output: OutputStream(number: 1), errors: OutputStream(number: 2))
        log.compare(configuration, withDescriptors: descriptors)
        log.compare(configuration, withMemory: memory)
        try LoopGroup.run(configuration, output: log, service: service)
    }
}

extension ServeCommand {
    /// Makes the configuration from the arguments; a mistake is a usage error.
    func makeConfiguration(
        descriptors: Int, _ memory: [MemoryLimit], _ sockets: HandedSockets
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
        let targets = try backendArguments.resolve(preferring: source.family)
        let listeners: [Configuration.ListenerSettings] =
            sockets.clients.isEmpty ? [.init(address: source)] : sockets.clients.map { .init(inherited: $0) }
        // A socket that was handed over takes two descriptors: the received one, and the loop's own.
        var limits = Limits(
            sessionsMax: Limits.sessionsMax(
                descriptors: descriptors, listeners: listeners.count + sockets.clients.count, backends: targets.count,
                threads: threads, warmConnections: latency.warmConnections))
        limits.pipesMax = Limits.pipesMax(descriptors: descriptors)
        limits.blocksMax = Limits.blocksMax(memory: memory)
        limits.stalledMax = Limits.stalledMax(memory: memory)
        limits.backlog = backlog
        if let chosen = sessions.sessionsMax { limits.sessionsMax = chosen }
        do {
            return try Configuration(
                listeners: listeners,
                pools: [
                    .init(
                        backends: targets, health: health.check, source: source.with(port: 0),
                        timeouts: sessions.poolTimeouts)
                ],
                timeouts: sessions.timeouts, limits: limits, latency: latency.latency, log: log, threads: threads,
                status: sockets.status.map { .inherited($0) } ?? StatusPath.chosen(statusSocket).map { .path($0) })
        } catch {
            throw ValidationError(error.description)
        }
    }
}
