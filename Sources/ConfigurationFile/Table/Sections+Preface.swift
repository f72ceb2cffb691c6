import Balancer
import Wording

// The keys for what happens before the first byte of a session: who may come and how many, by which name, and who says
// so.
extension Section {
    /// Those of a listener.
    static let prefaceKeys = [
        Key(
            "proxy_protocol", .section(proxyAccept), .nothing("clients come by themselves"),
            "The clients come by way of a proxy, which says in a header of the PROXY protocol who they are.",
            example: "{from: [10.0.9.0/24]}"),
        Key(
            "allow", networks, .nothing("everybody but `deny`"),
            """
            Networks whose clients may come; all others may not. The longest network of both lists that has a client \
            decides, and of the same network in both, `deny`. With `{file: PATH}` a file has them.
            """,
            example: "[10.0.0.0/8, \"fd00::/8\"]"),
        Key(
            "deny", networks, .nothing("nobody"),
            "Networks whose clients may not come.", example: "[10.6.6.6, {file: /etc/balancer/deny.txt}]"),
        Key(
            "denied", .word(Configuration.ClientRules.Refusal.allCases.map(\.rawValue)),
            .standard(Configuration.ClientRules().refusal.rawValue),
            """
            What becomes of clients that may not come. `reset`: a RST, after which nothing is kept of them. `close`: a \
            FIN, which their programs take for an ordinary end.
            """,
            example: "close"
        ).only(beside: NetworkFiles.keys),
        Key(
            "server_name", .section(serverName), .nothing("all clients go to `pool`"),
            "The clients speak TLS, and the name that they ask for says which pool serves them.",
            example: "{routes: {db.example.org: db, \"*.example.org\": web}}"),
    ]

    private static let networks = Kind.list(.either(.network, networkFile), most: FileLimits.networksListedMax)

    static let proxyAccept = Section(
        "proxy_protocol of a listener",
        """
        A header of the PROXY protocol, version 1 or 2, before the first byte of each session. See \
        [preface.md](preface.md).
        """,
        [
            Key(
                "accept", .word(Configuration.ProxyAccept.Mode.allCases.map(\.rawValue)),
                .standard(Configuration.ProxyAccept.Mode.required.rawValue),
                """
                `required`: every connection begins with a header from one of these networks, and others are closed. \
                `optional`: these networks may send one; what others send is the client's, also where it looks like a \
                header.
                """,
                example: "optional"),
            Key(
                "from", .list(.text(.network), most: FileLimits.networksListedMax), .required,
                """
                The networks whose headers are believed: those of the proxies. `0.0.0.0/0` and `::/0` stand for \
                everybody, who can then say to be anybody.
                """,
                example: "[10.0.9.0/24]"
            ).because(
                "headers are only believed from these networks, and 0.0.0.0/0 and ::/0 stand for everybody"),
            Key(
                "timeout", .duration(times), .standard(DurationRange.text(Configuration.ProxyAccept.standardTimeout)),
                "How long the header may take, from the accept; then the connection is closed.", example: "1s"),
        ])

    static let networkFile = Section(
        "a file of networks",
        """
        A file with a network on each line; `#` begins a comment, and empty lines mean nothing. When it is replaced or \
        written, the configuration is read again as at SIGHUP: with a mistake in it nothing changes, and the log says \
        why. At most \(FileLimits.networkFileBytesMax >> 20) MiB, and \(Limits.networksMax) networks per listener.
        """,
        [
            Key(
                "file", .text(.list), .required, "The path of the file, relative to the folder of this one.",
                example: "/etc/balancer/deny.txt")
        ])

    static let serverName = Section(
        "server_name",
        """
        The name in the ClientHello of TLS (SNI) leads to a pool. It is read only: TLS ends at the backend, which gets \
        every byte as it came.
        """,
        anyOf: ["routes", "alpn"],
        [
            Key(
                "timeout", .duration(times), .standard(DurationRange.text(Configuration.ServerNames.standardTimeout)),
                "How long the ClientHello may take, from the accept or the PROXY header; then the client is closed.",
                example: "1s"),
            Key(
                "routes", .routes(.serverName, most: Limits.routesMax), .nothing("no names"),
                """
                Names and their pools. `*.example.org` stands for every name that ends so, but not for `example.org`; \
                a whole name goes before a wildcard, and a longer wildcard before a shorter one.
                """,
                example: "{db.example.org: db, \"*.example.org\": web}"),
            Key(
                "alpn", .routes(.protocolName, most: Limits.routesMax), .nothing("no protocols"),
                """
                Protocols of ALPN and their pools. They go before names: a client that offers one of them goes to its \
                pool.
                """,
                example: "{acme-tls/1: acme}"),
            Key(
                "otherwise", .text(.poolOrClose), .standard("close"),
                """
                Where clients go that no route is for: they ask for another name or for none, or do not speak TLS. A \
                pool, or `close`; a pool that is itself called `close` cannot be meant here.
                """,
                example: "web"),
        ])

    static let rate = Key(
        "rate", .text(.rate), .nothing("no limit"),
        "New sessions in a second (`/s`), minute (`/m`) or hour (`/h`); further clients wait in the kernel's backlog.",
        example: "500/s")

    static let perClientKey = Key(
        "per_client", .section(perClient), .nothing("no limit"),
        "What each client may use. A client is an address, or all addresses of a network of some size.",
        example: "{sessions: 20, rate: 10/s}")

    static let perClient = Section(
        "per_client", "What each client of the listener may use.", anyOf: ["sessions", "rate"],
        [
            Key(
                "sessions", .count(1...Limits.sessionsCeiling), .nothing("no limit"),
                "Its sessions at the same time.", example: "20"),
            Key(
                "rate", .text(.rate), .nothing("no limit"),
                """
                Its new sessions in a second (`/s`), minute (`/m`) or hour (`/h`). As many as may come in a second may \
                come at once.
                """,
                example: "10/s"),
            Key(
                "prefix4", .count(1...32), .standard("32"),
                "Clients whose IPv4 addresses have the first so many bits in common are one.", example: "24"),
            Key("prefix6", .count(1...128), .standard("64"), "The same for IPv6.", example: "56"),
            Key(
                "over", .word(Configuration.ClientLimits.Excess.allCases.map(\.rawValue)),
                .standard(Configuration.ClientLimits.Excess.close.rawValue),
                """
                What becomes of a further connection: `close` closes it, `wait` lets it wait until it may come. As \
                many of a client wait as it may have sessions, or where only `rate` limits it, as may come at once; \
                those beyond are closed.
                """,
                example: "wait"),
            Key(
                "timeout", .duration(times), .standard(DurationRange.text(Configuration.ClientLimits().timeout)),
                "A connection that has waited so long is closed.", example: "2s"
            ).only(with: "over", Configuration.ClientLimits.Excess.wait.rawValue),
        ])

    /// That of a pool.
    static let proxySendKey = Key(
        "proxy_protocol", .either(.proxyVersion, proxySend), .nothing("no header"),
        """
        Each session begins with a header of the PROXY protocol, which tells the backend who the client is. Such a \
        pool has neither `process.warm_connections` nor `process.fast_open`.
        """,
        example: "v2")

    static let proxySend = Section(
        "proxy_protocol of a pool",
        "The header that backends are sent. See [preface.md](preface.md).",
        [
            Key(
                "version", .word(ProxyVersion.allCases.map(\.rawValue)), .standard(ProxyVersion.v2.rawValue),
                "`v1`: a line of text. `v2`: bytes, which can say more.", example: "v1"),
            Key(
                "checksum", .flag, .standard("false"), "With a checksum of the header (CRC32C).", example: "true"
            ).only(with: "version", ProxyVersion.v2.rawValue),
            Key(
                "unique_id", .flag, .standard("false"), "With the session's id, as it stands in the log.",
                example: "true"
            ).only(with: "version", ProxyVersion.v2.rawValue),
            Key(
                "authority", .flag, .standard("false"),
                """
                With the name that the client asked for, where `server_name` has read it or the client's proxy told \
                it.
                """,
                example: "true"
            ).only(with: "version", ProxyVersion.v2.rawValue),
        ])
}
