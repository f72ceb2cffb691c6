import Balancer
import Reactor
import Wording

// The keys of this version, and those that later ones bring. Numbers that `Balancer` knows are taken from there.
extension Section {
    /// The whole file.
    static let file = Section(
        "the file", "The top of the file. A key that begins with `x-` is passed over: it may hold anchors.",
        allowsExtensions: true,
        [
            Key(
                "version", .count(1...1), .standard("1"), "The version of this format.", example: "1"),
            Key(
                "include", .list(.text(.include), most: FileLimits.filesMax), .nothing("no other files"),
                """
                Files with more `listeners` and `pools`, relative to this file, in the order of their paths. They inherit \
                from `defaults` of this file, and cannot include others. Names must not be used twice in all files. A \
                pattern may match nothing; a path without `*`, `?` and `[` must exist.
                """,
                example: "conf.d/*.yaml"),
            Key(
                "process", .section(process), .standard(""), "What applies to the whole process.",
                example: "{threads: 2}"),
            Key(
                "defaults", .section(defaults), .standard(""),
                "What listeners and pools inherit. Each of them may have the same key with another value.",
                example: "{idle_timeout: 30m}"),
            Key(
                "listeners", .named(listener), .required,
                "Where clients come in: a map from a name to a listener. The name is its identity in logs and reloads.",
                example: "{web: {bind: \"0.0.0.0:80\", pool: web}}"),
            Key(
                "pools", .named(pool), .required,
                "Backends that serve the same clients: a map from a name to a pool.",
                example: "{web: {backends: [\"10.0.0.1:80\", \"10.0.0.2:80\"]}}"),
            Key(
                "log", .section(log), .standard(""), "What is written about sessions and backends.",
                example: "{sessions: {to: stdout, format: json}}"),
            Key(
                "administration", .section(administration), .standard(""),
                "How the running balancer is asked and steered.",
                example: "{socket: /run/balancer/admin.sock}"),
        ])

    /// The keys of the file that an included file may have.
    static let includedKeys = ["version", "listeners", "pools"]

    static let process = Section(
        "process", "What applies to the whole process.",
        [
            Key(
                "threads", .count(1...Limits.threadsMax), .standard("1"),
                "How many loops share the work, each on its own thread. More than one per core does not help.",
                example: "4"),
            Key(
                "sessions_max", .count(1...Limits.sessionsCeiling), .nothing("what the limit of descriptors allows"),
                "The most sessions at the same time. Further clients wait in the kernel's backlog.", example: "30000"),
            Key(
                "drain_time", .duration(.zero...Configuration.durationMax), .standard("10s"),
                "How long sessions may continue after SIGTERM or SIGINT; a second signal ends them at once.",
                example: "1m"),
            Key(
                "freeze_when_all_fail", .flag, .standard("true"),
                """
                When the checks of all backends that were up, and of more than two, fail within one interval, that is taken for a \
                fault of this machine: they stay up until a check succeeds.
                """,
                example: "false"),
            Key(
                "busy_poll",
                .duration(Configuration.Latency.BusyPoll.durations, words: ["always", "off"]), .standard("40us"),
                """
                For how long a loop looks on for events before it sleeps, while that pays. `always`: it never sleeps, and \
                keeps a core busy.
                """,
                example: "off"),
            Key(
                "fast_open", .flag, .standard("false"),
                """
                Send a client's first data with the SYN to the backend (TCP Fast Open). A SYN may arrive twice: only for \
                requests that may be repeated.
                """,
                example: "true"),
            Key(
                "warm_connections", .count(0...Limits.warmConnectionsMax), .standard("0"),
                """
                Idle connections that each loop keeps ready to each backend. Only for protocols in which the client \
                speaks first.
                """,
                example: "2"),
        ])

    static let defaults = Section(
        "defaults", "What listeners and pools inherit.",
        [
            connectTimeout(.standard("5s")), idleTimeout(.standard("1h")),
            halfClosedTimeout(.standard("none")), sessionAgeMax(.standard("none")),
            userTimeout(.standard("none"), "clients and backends"), keepalive(.standard("")),
        ])

    static let listener = Section(
        "a listener", "Addresses for clients, and the pool that serves them.",
        [
            Key(
                "bind", .list(.either(.bind, bind), most: Limits.listenersMax), .required,
                """
                Where it listens: one or several addresses with a port or a range of at most \
                \(FileLimits.portRangeMax) ports, Unix sockets, or sockets of the service manager.
                """,
                example: "[\"0.0.0.0:80\", \"[::]:80\"]"),
            Key(
                "pool", .text(.name), .required,
                """
                The name of the pool that serves its clients. With `server_name` that says it, and this key is left \
                out.
                """,
                example: "web"
            ).unless("server_name"),
            Key(
                "backlog", .count(1...Limits.backlogMax), .nothing("net.core.somaxconn, which is also the most"),
                "How many clients the kernel keeps until they are accepted.", example: "4096"),
            userTimeout(.inherited(.value("none")), "clients"), keepalive(.inherited(.map)),
            Key(
                "limits", .section(limits), .standard(""), "What its clients may use, all together.",
                example: "{sessions: 10000, rate: 500/s}"),
        ] + prefaceKeys)

    static let limits = Section(
        "limits", "What the clients of the listener may use, all together, and each of them.",
        [
            Key(
                "sessions", .count(1...Limits.sessionsCeiling), .nothing("no limit but `process.sessions_max`"),
                "The most sessions at the same time, over all its addresses; further clients wait in the kernel's backlog.",
                example: "10000"),
            rate, perClientKey,
        ])

    static let bind = Section(
        "an address to listen on", "What is no IP address and port.", oneOf: ["unix", "systemd"],
        [
            Key(
                "unix", .text(.socketPath), .nothing("no Unix socket"),
                "A Unix socket that is made at this path. A socket that is left there is replaced.",
                example: "/run/balancer/web.sock"),
            Key(
                "mode", .text(.mode), .nothing("\"0600\", for a Unix socket"),
                "Who may connect to the Unix socket: its permissions.", example: "\"0660\""),
            Key(
                "owner", .text(.user), .nothing("the user of the process"), "The owner of the Unix socket.",
                example: "www-data"),
            Key(
                "group", .text(.group), .nothing("the group of the process"), "The group of the Unix socket.",
                example: "www-data"),
            Key(
                "systemd", .text(.socketName), .nothing("no socket of the service manager"),
                "The sockets that the service manager hands over under this name (`FileDescriptorName=`).",
                example: "web"),
        ])

    static let administration = Section(
        "administration", "How the running balancer is asked and steered: docs/administration.md.",
        [
            Key(
                "socket", .text(.socketPath), .nothing("$BALANCER_ADMIN_SOCKET, or no socket"),
                "The Unix socket for `balancer status` and the other commands. Whoever may open it may do everything; only its "
                    + "own user may.",
                example: "/run/balancer/admin.sock"),
            Key(
                "http", .list(.text(.bind), most: Configuration.Administration.addressesMax), .nothing("no address"),
                "Addresses for the page, metrics and the API over HTTP. Everybody who can connect may read; changes need the "
                    + "token. An address that is not loopback needs `token_file`.",
                example: "127.0.0.1:9180"),
            Key(
                "token_file", .text(.list), .nothing("no token, and no changes over HTTP"),
                "The file with the tokens for changes over `http`: up to 8 lines, each a token of 16 to 512 printable "
                    + "characters of ASCII without spaces. Its group may read it, everybody must not.",
                example: "/etc/balancer/token"
            ).only(beside: ["http"]),
            Key(
                "hosts", .list(.text(.httpHost), most: FileLimits.hostsMax), .nothing("the addresses alone"),
                "Names by which `http` may be asked (`Host`), besides its addresses and localhost.",
                example: "balancer.example.org"
            ).only(beside: ["http"]),
        ])
}
