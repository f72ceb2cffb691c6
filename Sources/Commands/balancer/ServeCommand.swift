import ArgumentParser
import Balancer
import CommandSupport
import Reactor

/// `balancer SOURCE_IP HOST PORT [HOST PORT ...]`: the main job.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Balance clients over backends (the default: the word may be left out).",
        usage: "balancer [serve] SOURCE_IP HOST PORT [HOST PORT ...] [options]")

    @Argument(
        help: ArgumentHelp(
            "The balancer's own address: it listens there, and its connections to backends come from it.",
            discussion: "0.0.0.0 and :: listen on every address and leave the source of connections to the kernel."))
    var sourceIP: String

    @Argument(help: ArgumentHelp("The backends: names or addresses, each with its port.", valueName: "host port"))
    var backends: [String] = []

    @Option(help: "The port to listen on.")
    var port = Port(20000)

    @OptionGroup(title: "Health")
    var health: HealthOptions

    @OptionGroup(title: "Sessions")
    var sessions: SessionOptions

    @OptionGroup(title: "Latency")
    var latency: LatencyOptions

    @Option(
        help: ArgumentHelp(
            "Loops, each on a thread of its own, that share the port and the limit of sessions; at most one per core pays.",
            discussion: "The kernel deals clients out among them by a hash of their addresses (SO_REUSEPORT)."))
    var threads = 1

    @Option(
        help:
            "guide: the guide's lines; changes: changes of health and trouble; sessions: those and a line per session; none."
    )
    var log = LogMode.guide

    func run() throws {
        let limit = Startup.prepare()
        let configuration = try makeConfiguration(descriptors: limit)
        do {
            try serve(configuration, descriptors: limit)
        } catch {
            throw failure("balancer", error.cause, in: error.loop.map { "loop \($0)" })
        }
    }

    private func serve(_ configuration: Configuration, descriptors: Int) throws(LoopFailure) {
        var log = EventLog(configuration.log, output: OutputStream(number: 1), errors: OutputStream(number: 2))
        log.compare(configuration, withDescriptors: descriptors)
        try LoopGroup.run(configuration, output: log)
    }
}

extension ServeCommand {
    /// What the arguments say, checked; a mistake is a usage error.
    func makeConfiguration(descriptors: Int) throws -> Configuration {
        guard let source = SocketAddress(host: sourceIP, port: port.rawValue) else {
            throw ValidationError("SOURCE_IP '\(sourceIP)' is no IPv4 or IPv6 address")
        }
        let targets = try resolve(preferring: source)
        if source.isWildcard, let own = targets.first(where: { $0.address.port == source.port && $0.address.isLocal }) {
            throw ValidationError(
                "backend \(own.address) is the balancer itself, which listens on every address of this machine")
        }
        var limits = Limits(
            sessionsMax: Limits.sessionsMax(
                descriptors: descriptors, listeners: 1, backends: targets.count, threads: threads,
                warmConnections: latency.warmConnections))
        limits.pipesMax = Limits.pipesMax(descriptors: descriptors)
        if let chosen = sessions.sessionsMax { limits.sessionsMax = chosen }
        do {
            return try Configuration(
                listeners: [.init(address: source)],
                pools: [
                    .init(
                        backends: targets, health: health.check, source: source.isWildcard ? nil : source.with(port: 0))
                ],
                timeouts: sessions.timeouts, limits: limits, latency: latency.latency, log: log, threads: threads)
        } catch {
            throw ValidationError(error.description)
        }
    }

    /// Host and port pairs to addresses. Of a name with several addresses the first of SOURCE_IP's family is taken.
    private func resolve(preferring source: SocketAddress) throws -> [Configuration.Backend] {
        guard !backends.isEmpty else { throw ValidationError("no backend: name at least one HOST and its PORT") }
        guard backends.count.isMultiple(of: 2) else {
            throw ValidationError("backend '\(backends[backends.count - 1])' has no port: each HOST needs a PORT")
        }
        return try stride(from: 0, to: backends.count, by: 2).map { place in
            let host = backends[place]
            guard let port = Port(argument: backends[place + 1]) else {
                throw ValidationError(
                    "port '\(backends[place + 1])' of backend '\(host)' is not a number from 1 to 65535")
            }
            do {
                let addresses = try Resolver.addresses(of: host, port: port.rawValue)
                return .init(address: addresses.first { $0.family == source.family } ?? addresses[0])
            } catch let error as ResolverError {
                throw ValidationError(error.description)
            }
        }
    }
}

/// How backends are probed.
struct HealthOptions: ParsableArguments {
    @Option(help: "From the start of one probe of a backend to the next.")
    var probeInterval = DurationArgument(.seconds(5))

    @Option(
        help: "A probe that has not connected by then has failed. (default: 2s, or the interval if that is shorter)")
    var probeTimeout: DurationArgument?

    @Option(help: "Failures in a row that take a backend out of rotation.")
    var fall = 4

    @Option(help: "Successes in a row that put it back.")
    var rise = 1

    var check: Configuration.HealthCheck {
        var check = Configuration.HealthCheck()
        check.interval = probeInterval.duration
        check.timeout = probeTimeout?.duration ?? min(check.timeout, check.interval)
        check.fall = fall
        check.rise = rise
        return check
    }
}

/// What trades something for latency.
struct LatencyOptions: ParsableArguments {
    @Flag(help: "Never sleep: each loop keeps a core busy, and no event waits for a wake-up.")
    var busyPoll = false

    @Flag(help: "Send what a client has sent already with the SYN to the backend, whose system must allow it.")
    var fastOpen = false

    @Option(
        help: ArgumentHelp(
            "Connections held ready to each backend. For protocols in which the client speaks first.",
            valueName: "count"))
    var warmConnections = 0

    var latency: Configuration.Latency {
        var latency = Configuration.Latency()
        latency.busyPoll = busyPoll
        latency.fastOpen = fastOpen
        latency.warmConnections = warmConnections
        return latency
    }
}

/// What sessions may take.
struct SessionOptions: ParsableArguments {
    @Option(help: "One attempt to connect to a backend; then the next backend is tried.")
    var connectTimeout = DurationArgument(.seconds(5))

    @Option(help: "A session in which nothing moves for so long is ended.")
    var idleTimeout = DurationArgument(.seconds(3600))

    @Option(help: "Sessions at most; further clients wait. (default: what the descriptor limit allows)")
    var sessionsMax: Int?

    @Option(help: "How long sessions may go on after SIGTERM or SIGINT; a second signal ends them at once.")
    var drainTime = DurationArgument(.seconds(10))

    var timeouts: Configuration.Timeouts {
        var timeouts = Configuration.Timeouts()
        timeouts.connect = connectTimeout.duration
        timeouts.idle = idleTimeout.duration
        timeouts.drain = drainTime.duration
        return timeouts
    }
}

extension LogMode: ExpressibleByArgument {}
