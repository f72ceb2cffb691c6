import Balancer
import Wording

// The keys of the log.
extension Section {
    static let log = Section(
        "log", "What is written about sessions and backends: docs/log.md.",
        [
            Key(
                "events", .section(logEvents), .standard(""),
                "A line for each change: a backend goes down, clients are not served.",
                example: "{to: /var/log/balancer/events.log, level: warning}"),
            Key(
                "sessions", .section(logSessions), .standard(""), "A line for each session that has ended.",
                example: "{to: stdout, format: json}"),
            Key(
                "mode", .word(LogMode.allCases.map(\.rawValue)), .nothing("`events` and `sessions` apply"),
                """
                Instead of `events` and `sessions`: the lines that the one-line command writes with this `--log`. \
                `changes`: changes of health, and problems. `sessions`: also a line per session. `guide`: the lines of the \
                guide, among them each probe. `none`: nothing.
                """,
                example: "sessions"),
        ])

    static let logEvents = Section(
        "log.events", "Events: a backend goes down, clients are not served, the process drains.",
        [
            destination(.standard("stderr")), format,
            Key(
                "level", .word(LogLevel.allCases.map(\.rawValue)), .standard("info"),
                """
                Events of this level and of those before it. `error`: clients are not served. `warning`: something does \
                not work, and clients are served. `info`: changes of normal work. `debug`: also each check.
                """,
                example: "warning"),
        ])

    static let logSessions = Section(
        "log.sessions", "A line for each session that has ended: who, where, how much, how long, and why it ended.",
        [
            destination(.standard("none")), format,
            Key(
                "sample", .share(1...LogSettings.SessionSettings.all), .standard("100%"),
                "The share of sessions that have a line, chosen by their ids: `1%` has every hundredth, on average.",
                example: "1%"),
        ])

    private static func destination(_ absence: Key.Absence) -> Key {
        Key(
            "to", .text(.logDestination), absence,
            """
            Where the lines go. A file is appended to, made with mode 0640 if it is not there, and opened anew at SIGUSR1. \
            `syslog` is the socket /dev/log, or that of $BALANCER_SYSLOG.
            """,
            example: "/var/log/balancer/sessions.log")
    }

    private static let format = Key(
        "format", .word(LogFormat.allCases.map(\.rawValue)), .standard("text"),
        "`text`: fields as `key=value`, for people. `json`: an object per line.", example: "json")
}
