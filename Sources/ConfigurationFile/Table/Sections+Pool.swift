import Balancer
import Wording

// The keys of pools, and those that `defaults` shares with pools and listeners.
extension Section {
    static let times = Configuration.timeoutMin...Configuration.durationMax

    static let pool = Section(
        "a pool", "Backends that serve the same clients, how one of them is picked, and how they are probed.",
        [
            Key(
                "backends", .forms(listedBackends, discoveries), .required,
                """
                The backends, in the order of round robin. An address alone has itself as its name; a host name is looked \
                up every 10 s, and after each failed probe. With `dns`, `srv` or `file` they are found out while the \
                balancer runs.
                """,
                example: "[\"10.0.0.1:80\", {name: a2, address: \"10.0.0.2:80\", backup: true}]"),
            Key(
                "policy",
                .word(PolicyKind.allCases.map(\.rawValue)), .standard(PolicyKind.roundRobin.rawValue),
                """
                How a backend is picked for a client: each in turn by its weight; the one with the fewest sessions for its \
                weight; the better of two drawn by lot; the one that the client's address leads to; or the first that has \
                room.
                """,
                example: "least-connections"),
            Key(
                "source_hash", .section(sourceHash), .standard(""),
                "Which clients lead to the same backend, and how many a backend may get.",
                example: "{prefix4: 24, load_max: 150%}"
            ).only(with: "policy", PolicyKind.sourceHash.rawValue),
            Key(
                "check", .section(check), .standard(""), "How the backends are probed.",
                example: "{interval: 2s, timeout: 1s, fall: 3, rise: 2}"),
            Key(
                "agent", .section(agent), .nothing("no agent"),
                "A program beside each backend that says how it is, in HAProxy's words (`agent-check`).",
                example: "{port: 9000}"),
            Key(
                "source", .list(.text(.source), most: FileLimits.sourcesMax), .nothing("what the kernel chooses"),
                """
                The source addresses of connections to the backends. Each has some 28,000 ports towards one backend; \
                several have more.
                """,
                example: "[10.0.0.254, 10.0.0.253]"),
            connectTimeout(.inherited(.value("5s"))), idleTimeout(.inherited(.value("1h"))),
            halfClosedTimeout(.inherited(.value("none"))), sessionAgeMax(.inherited(.value("none"))),
            userTimeout(.inherited(.value("none")), "backends"), keepalive(.inherited(.map)),
            Key(
                "retries", .section(retries), .standard(""),
                "How many backends are tried for a client before it is closed.", example: "{max: 3, timeout: 15s}"),
            Key(
                "when_down", .word(["keep", "close"]), .standard("keep"),
                "What becomes of the sessions of a backend that goes down.", example: "close"),
            Key(
                "when_removed", .text(.removal), .standard("keep"),
                "What becomes of the sessions of a backend that leaves the file: `drain 30s` closes those that are left then.",
                example: "drain 30s"),
            Key(
                "passive", .section(passive), .nothing("clients' failures eject no backend"),
                "When a backend gets no clients for a while, for what others have met there. `{}` for the defaults.",
                example: "{failures: 3, within: 10s}"),
            Key(
                "slow_start", .duration(times, words: ["none"]), .standard("none"),
                """
                A backend that comes back, or that joins a running pool, begins with 10 % of its weight and has all of it \
                after this time.
                """,
                example: "30s"),
            Key(
                "panic_threshold", .share(0...1_000_000), .standard("0%"),
                """
                When fewer than this share of the backends may be picked, all of them are, whatever their checks say. `0%`: \
                never.
                """,
                example: "30%"),
            Key(
                "queue", .section(queue), .nothing("such clients are closed"),
                "How clients wait when every backend, or the pool, has its `sessions_max`. `{}` for the defaults.",
                example: "{max: 50, timeout: 2s}"),
            Key(
                "sessions_max", .count(1...Limits.sessionsCeiling), .nothing("no limit"),
                "The most sessions on all backends together; further clients wait in the `queue`, or are closed.",
                example: "2000"),
            Key(
                "rebalance", .section(rebalance), .nothing("no session is ended for that"),
                """
                Ends idle sessions of backends that have more than their share, a few at a time, so that their clients come \
                again: after a backend has come back. `{}` for the defaults.
                """,
                example: "{share: 5%, every: 1m}"
            ).only(with: "policy", Configuration.Rebalance.policies.map(\.rawValue)),
            proxySendKey,
        ])

    /// Backends as they are listed, also in a file that a pool is discovered from.
    static let listedBackends = Kind.list(.either(.backend, backend), most: Limits.backendsMax)

    static let backend = Section(
        "a backend", "A server of the pool.",
        [
            Key(
                "address", .text(.backend), .required, "Its address or host name, with the port.",
                example: "\"10.0.0.1:80\""),
            Key(
                "name", .text(.name), .nothing("what stands as its address"),
                "Its name: its identity in the pool, in logs and reloads.", example: "a1"),
            Key(
                "weight", .count(0...Int(Limits.weightMax)), .standard("1"),
                "How many clients it gets in proportion to the others; 0: no new ones.", example: "3"),
            Key(
                "backup", .flag, .standard("false"), "Used only while no other backend of the pool is up.",
                example: "true"),
            Key(
                "sessions_max", .count(1...Limits.sessionsCeiling), .nothing("no limit"),
                "The most sessions that it gets at the same time.", example: "500"),
        ])

    static let sourceHash = Section(
        "source_hash", "Which clients lead to the same backend, and how many a backend may get.",
        [
            Key(
                "prefix4", .count(1...32), .standard("32"),
                "Clients whose IPv4 addresses have the first so many bits in common are one.", example: "24"),
            Key(
                "prefix6", .count(1...128), .standard("64"), "The same for IPv6.", example: "56"),
            Key(
                "load_max", .share(SourceHash.Settings.loadMaxRange), .nothing("no limit"),
                """
                No backend gets more than this share of the sessions that its weight entitles it to: a client beyond that goes \
                to its next best.
                """,
                example: "150%"),
        ])

    static let queue = Section(
        "queue",
        "How clients wait for a place, first come first served, when every backend, or the pool, has its `sessions_max`.",
        [
            Key(
                "max", .count(Configuration.Queue.maxRange), .standard("200"),
                "So many wait at most; the next one is closed.", example: "50"),
            Key(
                "timeout", .duration(times), .standard("5s"), "A client that has waited so long is closed.",
                example: "2s"),
        ])

    static let rebalance = Section(
        "rebalance",
        """
        How idle sessions of backends that have more than their share (and an eighth of that besides) are ended with a FIN, so \
        that backends which have come back get some.
        """,
        [
            Key(
                "share", .share(Configuration.Rebalance.shareRange), .standard("10%"),
                "At most so much of a backend's sessions is ended at once, in each thread; one in any case.",
                example: "5%"),
            Key(
                "every", .duration(Configuration.rebalanceEveryMin...Configuration.durationMax), .standard("30s"),
                "How often the sessions are looked at.", example: "1m"),
            Key(
                "idle", .duration(times), .standard("10s"), "Only sessions in which nothing has moved for so long.",
                example: "30s"),
        ])

    static let passive = Section(
        "passive",
        """
        What clients meet at a backend: connects that fail, and sessions that the backend resets before it has sent a byte.
        """,
        [
            Key(
                "failures", .count(Configuration.PassiveCheck.failuresRange), .standard("5"),
                "So many failures eject a backend: it gets no clients for a while, and keeps its sessions.",
                example: "3"),
            Key(
                "within", .duration(times), .standard("30s"), "The time within which they come.", example: "10s"),
            Key(
                "ejected", .duration(times), .standard("10s"),
                """
                How long it gets no clients; twice as long with each ejection in a row. Then one successful check brings it \
                back; without checks it is back, and the next failure ejects it again.
                """,
                example: "5s"),
            Key(
                "ejected_max", .duration(times), .standard("5m"),
                "At most so long. After as much time without an ejection the next one is short again.", example: "10m"),
            Key(
                "share_max", .share(1...1_000_000), .standard("50%"),
                "No more of the pool's backends than this share is ejected at the same time, rounded down.",
                example: "30%"),
        ])

    static let retries = Section(
        "retries", "How many backends are tried for a client.",
        [
            Key(
                "max", .count(1...Limits.backendsMax), .nothing("every backend once"),
                "Attempts in all, each on another backend.", example: "3"),
            Key(
                "timeout", .duration(times), .nothing("no limit but `connect_timeout` of each"),
                "The time of all attempts together.", example: "15s"),
        ])

    static let keepaliveKeys = Section(
        "keepalive", "When the kernel asks a silent peer whether it is still there (tcp(7)).",
        [
            Key(
                "idle", .duration(.seconds(1) ... .seconds(32767)), .standard("2m"),
                "Silence before the first question, in whole seconds.", example: "30s"),
            Key(
                "interval", .duration(.seconds(1) ... .seconds(32767)), .standard("30s"),
                "Between two questions, in whole seconds.", example: "10s"),
            Key(
                "probes", .count(1...127), .standard("4"), "Questions without an answer after which the session ends.",
                example: "3"),
        ])

    // MARK: shared with defaults

    static func connectTimeout(_ absence: Key.Absence) -> Key {
        Key(
            "connect_timeout", .duration(times), absence,
            "The time for one attempt to connect to a backend; then the next backend is tried.", example: "2s")
    }

    static func idleTimeout(_ absence: Key.Absence) -> Key {
        Key(
            "idle_timeout", .duration(times), absence, "A session in which no byte moves for this long is ended.",
            example: "30m")
    }

    static func halfClosedTimeout(_ absence: Key.Absence) -> Key {
        Key(
            "half_closed_timeout", .duration(times, words: ["none"]), absence,
            """
            The same for a session of which one side has ended its direction. `none`: `idle_timeout` applies.
            """,
            example: "5m")
    }

    static func sessionAgeMax(_ absence: Key.Absence) -> Key {
        Key(
            "session_age_max", .duration(times, words: ["none"]), absence,
            "A session is ended at this age, ± 10 %, so that sessions that began together do not end together.",
            example: "12h")
    }

    static func userTimeout(_ absence: Key.Absence, _ peers: String) -> Key {
        Key(
            "user_timeout", .duration(times, words: ["none"]), absence,
            """
            How long \(peers) may leave bytes unacknowledged before the kernel ends the connection (TCP_USER_TIMEOUT). \
            `none`: what the kernel does by itself.
            """,
            example: "30s")
    }

    static func keepalive(_ absence: Key.Absence) -> Key {
        Key(
            "keepalive", .section(keepaliveKeys), absence,
            "When the kernel asks a silent peer whether it is still there.",
            example: "{idle: 30s, interval: 10s, probes: 3}")
    }
}
