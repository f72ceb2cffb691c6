import ArgumentParser
import Balancer
import CommandSupport

// The groups of options of `balancer serve`, each with the part of the configuration that it sets.

/// The options for probes of backends.
struct HealthOptions: ParsableArguments {
    @Option(help: "Time from the start of one probe of a backend to the start of the next.")
    var probeInterval = DurationArgument(.seconds(5))

    @Option(
        help: "A probe that has not connected within this time fails. (default: 2s, or the interval if shorter)")
    var probeTimeout: DurationArgument?

    @Option(help: "Failures in a row that take a backend out of rotation.")
    var fall = 4

    @Option(help: "Successes in a row that put a backend back into rotation.")
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

/// The options that lower latency at some other cost.
struct LatencyOptions: ParsableArguments {
    @Flag(help: "Never sleep: each loop keeps a core busy, so that events are not delayed by a wake-up.")
    var busyPoll = false

    @Flag(help: "Send a client's first data with the SYN to the backend (TCP Fast Open); both systems must allow it.")
    var fastOpen = false

    @Option(
        help: ArgumentHelp(
            "Idle connections to keep open to each backend. Only for protocols in which the client speaks first.",
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

/// The limits of sessions.
struct SessionOptions: ParsableArguments {
    @Option(help: "Time for one attempt to connect to a backend; then the next backend is tried.")
    var connectTimeout = DurationArgument(.seconds(5))

    @Option(help: "A session in which no byte moves for this long is ended.")
    var idleTimeout = DurationArgument(.seconds(3600))

    @Option(help: "The maximum number of sessions; further clients wait. (default: what the descriptor limit allows)")
    var sessionsMax: Int?

    @Option(help: "How long sessions may continue after SIGTERM or SIGINT; a second signal ends them at once.")
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
