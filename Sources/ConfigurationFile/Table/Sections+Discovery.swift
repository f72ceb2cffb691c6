import Balancer
import Wording

// Backends that are found out while the balancer runs. The first key of each section tells which one is meant.
extension Section {
    /// The ways in which backends are found out.
    static let discoveries = [discoveredByName, discoveredByService, discoveredByFile]

    static let discoveredByName = Section(
        "backends by name",
        """
        Every A and AAAA record of a name is a backend, and is called by its address. The name servers and the search list \
        are those of /etc/resolv.conf; /etc/hosts does not count. See [discovery.md](discovery.md).
        """,
        [
            Key(
                "dns", .text(.nameAndPort), .required, "The name, and the port of all of its addresses.",
                example: "\"db.prod.svc.cluster.local:5432\""),
            every, family, min, max,
            Key(
                "weight", .count(0...Int(Limits.weightMax)), .standard("1"), "The weight of each of them.",
                example: "10"),
            sessionsMax,
        ])

    static let discoveredByService = Section(
        "backends by service",
        """
        The SRV records of a service (RFC 2782) tell the backends, their ports and weights; those of the lowest priority \
        are used, and all others are backups. A backend is called by its target, or by its address where a target has \
        several. See [discovery.md](discovery.md).
        """,
        [
            Key(
                "srv", .text(.service), .required, "The full name of the service.",
                example: "_redis._tcp.cache.example.org"),
            every, family, min, max, sessionsMax,
        ])

    static let discoveredByFile = Section(
        "backends by file",
        """
        A file with a list of backends, written as in `backends`. Whoever replaces it changes the pool. See \
        [discovery.md](discovery.md).
        """,
        [
            Key(
                "file", .text(.list), .required,
                "The path of the file, relative to the folder of this one.", example: "/run/balancer/jobs.yaml"),
            Key(
                "every", .duration(intervals), .standard("5s"),
                """
                How often the file is looked at besides: on a file system that tells of no changes (NFS) nothing else \
                does.
                """,
                example: "10s"),
            min, max,
        ])

    /// A shorter one would be a load in itself; with a longer one nobody would wait for a change.
    private static let intervals: ClosedRange<Duration> = .seconds(1) ... .seconds(24 * 3600)

    private static let every = Key(
        "every", .duration(intervals), .nothing("the time to live that the name server tells, within 1s and 10s"),
        "How often the name is looked up, ± 10 %. After a failure it is sooner at first, and later each time.",
        example: "5s")

    private static let family = Key(
        "family", .word(["any", "ipv4", "ipv6"]), .standard("any"),
        "Which addresses count. With `any` both kinds must be answered for.", example: "ipv4")

    private static let min = Key(
        "min", .count(0...Limits.backendsMax), .standard("1"),
        """
        With fewer backends than that an answer is not believed, and the last good one is kept. 0: a pool may become \
        empty, when that is what the answer says.
        """,
        example: "2")

    private static let max = Key(
        "max", .count(1...Limits.backendsMax), .standard(String(FileLimits.discoveredMax)),
        "Of more backends than that the last ones in their order are left out.", example: "32")

    private static let sessionsMax = Key(
        "sessions_max", .count(1...Limits.sessionsCeiling), .nothing("no limit"),
        "The most sessions that each of them gets at the same time.", example: "500")
}
