/// What the log has, and where it goes.
public enum LogSettings: Hashable, Sendable {
    /// The lines of the one-line command: on standard output and standard error, without times.
    case lines(LogMode)
    /// Events by transitions, and a line per session, each with its own destination.
    case transitions(events: EventSettings, sessions: SessionSettings)

    /// The guide's lines.
    public static let guide = LogSettings.lines(.guide)
    /// Changes and failures, as lines of the one-line command.
    public static let changes = LogSettings.lines(.changes)
    /// The same, and a line per session.
    public static let sessions = LogSettings.lines(.sessions)
    /// Nothing.
    public static let none = LogSettings.lines(.none)

    /// What a configuration file has that says nothing: events on standard error, and no sessions.
    public static let standard = LogSettings.transitions(events: .init(), sessions: .init())

    /// Events: something has changed, or is wrong.
    public struct EventSettings: Hashable, Sendable {
        /// Where they go.
        public var destination: LogDestination
        /// How each is written.
        public var format: LogFormat
        /// The least level that is written.
        public var level: LogLevel

        /// Settings; by default text on standard error from `info` on.
        public init(to destination: LogDestination = .standardError, format: LogFormat = .text, level: LogLevel = .info)
        {
            self.destination = destination
            self.format = format
            self.level = level
        }
    }

    /// A line for each session that has ended.
    public struct SessionSettings: Hashable, Sendable {
        /// Where they go.
        public var destination: LogDestination
        /// How each is written.
        public var format: LogFormat
        /// How many of a million sessions have a line: a share that is chosen by their ids.
        public var sample: Int

        /// All sessions: ``sample`` at its most.
        public static let all = 1_000_000

        /// Settings; by default there are no such lines.
        public init(to destination: LogDestination = .none, format: LogFormat = .text, sample: Int = all) {
            self.destination = destination
            self.format = format
            self.sample = sample
        }
    }

    /// Lines of sessions name their id, listener and pool.
    var namesSessions: Bool {
        if case .transitions(_, let sessions) = self { sessions.destination != .none } else { false }
    }
}

/// Where lines of the log go.
public enum LogDestination: Hashable, Sendable {
    /// Nowhere: there are no lines.
    case none
    /// Standard output.
    case standardOutput
    /// Standard error.
    case standardError
    /// The system's log, by its socket: see `SyslogSocket`.
    case syslog
    /// A file that is appended to, and opened anew at SIGUSR1.
    case file(path: String)
}

/// How an event or a session is written.
public enum LogFormat: String, Sendable, CaseIterable {
    /// A line for people: fields as `key=value`, then words.
    case text
    /// A JSON object on one line.
    case json
}

/// How much an event matters, the most first.
public enum LogLevel: String, Sendable, CaseIterable, Comparable {
    /// Clients are not served, or are about to be not: somebody must act.
    case error
    /// Something does not work as it should, and clients are served.
    case warning
    /// A change that belongs to normal work.
    case info
    /// Each step, such as each probe.
    case debug

    /// `error` is the least: a threshold takes what is not greater than it.
    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .error: 0
        case .warning: 1
        case .info: 2
        case .debug: 3
        }
    }
}

/// Which lines the log of the one-line command has.
public enum LogMode: String, Sendable, CaseIterable {
    /// The lines of the reference system's guide: each probe's result, each session's end.
    case guide
    /// Changes of health, and failures.
    case changes
    /// Changes of health, failures, and one line per session: its record.
    case sessions
    /// Nothing.
    case none
}
