import ArgumentParser
import Balancer
import CommandSupport

// The groups of options of `balancer serve`, each with the part of the configuration that it sets. What an option takes
// is in its help text and in its error message; the next word is its value also when it begins with '-', so that the
// error message of `-5s` is the same.

/// The options for probes of backends.
struct HealthOptions: ParsableArguments {
    private static let durations = DurationRange(Configuration.probeDurationMin...Configuration.durationMax)
    private static let counts = NumberRange(1...Configuration.thresholdMax)
    private static let standard = Configuration.HealthCheck()

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Time from the start of one probe of a backend to the start of the next, \(durations). (default: 5s)",
            valueName: "duration"),
        transform: durations.parse)
    var probeInterval = standard.interval

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            A probe that has not connected within this time fails, 10ms to the interval. (default: 2s, or the interval \
            if shorter)
            """,
            valueName: "duration"),
        transform: durations.parse)
    var probeTimeout: Duration?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Failures in a row that take a backend out of rotation, \(counts). (default: 4)", valueName: "count"),
        transform: counts.parse)
    var fall = standard.fall

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Successes in a row that put a backend back into rotation, \(counts). (default: 1)", valueName: "count"),
        transform: counts.parse)
    var rise = standard.rise

    func validate() throws {
        guard let probeTimeout, probeTimeout > probeInterval else { return }
        throw ValidationError(
            "--probe-timeout \(DurationRange.text(probeTimeout)) is longer than --probe-interval "
                + "\(DurationRange.text(probeInterval)): a probe must end before the next one starts")
    }

    var check: Configuration.HealthCheck {
        var check = Self.standard
        check.interval = probeInterval
        check.timeout = probeTimeout ?? min(check.timeout, check.interval)
        check.fall = fall
        check.rise = rise
        return check
    }
}

/// The options that lower latency at some other cost.
struct LatencyOptions: ParsableArguments {
    private static let counts = NumberRange(0...Limits.warmConnectionsMax)

    /// What `--busy-poll` may be besides a duration; without a value it is the first.
    static let words = [always, off]
    private static let always = "always"
    private static let off = "off"
    private static func look(_ text: String) throws(ArgumentFault) -> Duration {
        do { return try looks.parse(text) } catch { throw ArgumentFault("\(error), or '\(off)', or '\(always)'") }
    }

    private static let looks = DurationRange(Configuration.Latency.BusyPoll.durations)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Look on for events for so long before sleeping, \(looks), while that pays: events are then not delayed by \
            a wake-up. 'off' for never; 'always', or no value: a loop never sleeps, and keeps a core busy. (default: \
            40us)
            """,
            valueName: "duration"),
        transform: { text throws(ArgumentFault) in
            switch text {
            case always: .always
            case off: .off
            default: .atMost(try look(text))
            }
        })
    var busyPoll = Configuration.Latency.BusyPoll.standard

    @Flag(help: "Send a client's first data with the SYN to the backend (TCP Fast Open); both systems must allow it.")
    var fastOpen = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Idle connections to keep open to each backend, \(counts). Only for protocols in which the client speaks \
            first. (default: 0)
            """,
            valueName: "count"),
        transform: counts.parse)
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
    private static let durations = DurationRange(Configuration.timeoutMin...Configuration.durationMax)
    private static let drainTimes = DurationRange(.zero...Configuration.durationMax)
    private static let counts = NumberRange(1...Limits.sessionsCeiling)
    private static let standard = Configuration.Timeouts()
    private static let ofPools = Configuration.PoolTimeouts()

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Time for one attempt to connect to a backend, \(durations); then the next backend is tried. (default: 5s)
            """,
            valueName: "duration"),
        transform: durations.parse)
    var connectTimeout = ofPools.connect

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "A session in which no byte moves for this long is ended, \(durations). (default: 1h)",
            valueName: "duration"),
        transform: durations.parse)
    var idleTimeout = ofPools.idle

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            The maximum number of sessions, \(counts); further clients wait. (default: what the descriptor limit allows)
            """,
            valueName: "count"),
        transform: counts.parse)
    var sessionsMax: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How long sessions may continue after SIGTERM or SIGINT, \(drainTimes); a second signal ends them at once. \
            (default: 10s)
            """,
            valueName: "duration"),
        transform: drainTimes.parse)
    var drainTime = standard.drain

    var timeouts: Configuration.Timeouts {
        var timeouts = Self.standard
        timeouts.drain = drainTime
        return timeouts
    }

    var poolTimeouts: Configuration.PoolTimeouts { .init(connect: connectTimeout, idle: idleTimeout) }
}

extension LogMode: ExpressibleByArgument {}
