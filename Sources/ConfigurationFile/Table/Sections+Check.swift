import Balancer
import Wording

// The keys that say how backends are probed.
extension Section {
    private static let probeTimes = Configuration.probeDurationMin...Configuration.durationMax
    /// Those that a probe is made of.
    private static let probed = ["tcp", "exchange", "http"]

    static let check = Section(
        "check", "How the backends are probed.",
        [
            Key(
                "kind", .word(Configuration.HealthCheck.Kind.allCases.map(\.rawValue)), .standard("tcp"),
                """
                `tcp`: a connection is made and closed. `exchange`: bytes are sent and expected. `http`: a request in \
                HTTP/1.1. `none`: no probes, the backend counts as up.
                """,
                example: "tcp"),
            Key(
                "interval", .duration(probeTimes), .standard("5s"),
                "From the start of one probe to the start of the next.", example: "2s"),
            Key(
                "fast_interval", .duration(probeTimes), .nothing("the interval"),
                """
                The same while the state may be about to change: up with failures counted, or down with successes counted. \
                Not longer than the interval.
                """,
                example: "500ms"
            ).only(with: "kind", probed),
            Key(
                "down_interval", .duration(probeTimes), .nothing("the interval"),
                "The same while the backend is down, and no success is counted.", example: "10s"
            ).only(with: "kind", probed),
            Key(
                "timeout", .duration(probeTimes), .nothing("2s, or the shortest interval if that is shorter"),
                "A probe that has not succeeded within this time has failed. Not longer than the shortest interval.",
                example: "1s"),
            Key(
                "fall", .count(1...Configuration.thresholdMax), .standard("4"),
                "Failures in a row that take a backend out of rotation.", example: "3"),
            Key(
                "rise", .count(1...Configuration.thresholdMax), .standard("1"),
                "Successes in a row that put it back.", example: "2"),
            Key(
                "port", .count(1...Int(UInt16.max)), .nothing("the backend's own"),
                "The port that is probed, at the backend's address.", example: "8081"
            ).only(with: "kind", probed),
            Key(
                "close", .word(["reset", "fin"]), .standard("reset"),
                """
                How the connection of a probe is closed. `reset` leaves nothing behind; `fin` is for servers that log a \
                reset as an error.
                """,
                example: "fin"
            ).only(with: "kind", ["tcp", "none"]),
        ] + exchangeKeys + httpKeys)

    private static let exchangeKeys = [
        Key(
            "send", .text(.bytes), .nothing("nothing is sent"), "What is sent as soon as the connection stands.",
            example: #"'PING\r\n'"#
        ).only(with: "kind", ["exchange"]),
        Key(
            "expect", .text(.bytes), .nothing("nothing is expected"), "What the answer must begin with.",
            example: "'+PONG'"
        ).only(with: "kind", ["exchange"]),
        Key(
            "steps", .list(.section(exchangeStep), most: Limits.exchangeStepsMax), .nothing("`send`, then `expect`"),
            "What is sent and expected, one after the other, instead of `send` and `expect`.",
            example: #"[{expect: '220'}, {find: '\r\n'}, {send: 'QUIT\r\n'}, {expect: '221'}]"#
        ).only(with: "kind", ["exchange"]),
    ]

    /// A step of an exchange.
    static let exchangeStep = Section(
        "a step", "A step of an exchange. It begins at the byte after the last one that the step before it has taken.",
        oneOf: ["send", "expect", "find"],
        [
            Key("send", .text(.bytes), .nothing("nothing is sent"), "These bytes are sent.", example: #"'QUIT\r\n'"#),
            Key(
                "expect", .text(.bytes), .nothing("nothing is expected"), "The bytes that come next must be these.",
                example: "'220 '"),
            Key(
                "find", .text(.bytes), .nothing("nothing is looked for"), "These bytes must come, after any others.",
                example: #"'\r\n'"#),
        ])

    static let agent = Section(
        "agent", "A program beside each backend that says how it is: a line of words, read at each interval.",
        [
            Key(
                "port", .count(1...Int(UInt16.max)), .required, "Its port, at the backend's address.", example: "9000"),
            Key(
                "interval", .duration(probeTimes), .standard("5s"),
                "From the start of one connection to the start of the next.", example: "2s"),
            Key(
                "timeout", .duration(probeTimes), .nothing("2s, or the interval if that is shorter"),
                "An agent that has said nothing within this time changes nothing. Not longer than the interval.",
                example: "1s"),
            Key(
                "send", .text(.bytes), .nothing("nothing is sent"), "What is sent to it first.", example: #"'web\n'"#),
        ])

    private static let httpKeys = [
        Key(
            "path", .text(.httpPath), .standard("/"), "What is asked for, with GET.", example: "/health"
        ).only(with: "kind", ["http"]),
        Key(
            "host", .text(.httpHost), .nothing("the address that is probed"), "The `Host` of the request.",
            example: "example.org"
        ).only(with: "kind", ["http"]),
        Key(
            "status", .list(.text(.status), most: FileLimits.statusesMax), .standard("200-399"),
            "The statuses of a backend that is well.", example: "[200, 300-308]"
        ).only(with: "kind", ["http"]),
        Key(
            "body", .text(.bytes), .nothing("anything"), "What the body of the answer must contain.", example: "'ok'"
        ).only(with: "kind", ["http"]),
    ]
}
