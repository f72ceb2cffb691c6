import ArgumentParser
import Balancer
import CommandSupport

// The groups of options of `balancer serve`, each with what it means for a configuration.

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
