import Balancer

extension Document {
    /// `log`
    public struct Log: Sendable {
        /// The lines of the one-line command instead of events and sessions; nil where those apply.
        public let mode: Setting<LogMode?>
        /// `events`
        public let events: LogSettings.EventSettings
        /// `sessions`
        public let sessions: LogSettings.SessionSettings

        /// What the log has, as a loop knows it.
        var settings: LogSettings {
            mode.value.map { .lines($0) } ?? .transitions(events: events, sessions: sessions)
        }

        /// What may stand for a destination that is no file.
        static let words: [String: LogDestination] = [
            "stdout": .standardOutput, "stderr": .standardError, "syslog": .syslog, "none": .none,
        ]

        init(_ fields: Fields) throws(MissingKey) {
            mode = fields.optional("mode") { $0.asWord.flatMap(LogMode.init(rawValue:)) }
            let events = try fields.section("events")
            let sessions = try fields.section("sessions")
            self.events = LogSettings.EventSettings(
                to: try Self.destination(events), format: try Self.format(events),
                level: try events.setting("level") { $0.asWord.flatMap(LogLevel.init(rawValue:)) }.value)
            self.sessions = LogSettings.SessionSettings(
                to: try Self.destination(sessions), format: try Self.format(sessions),
                sample: try sessions.setting("sample", \.asShare).value)
        }

        private static func destination(_ fields: Fields) throws(MissingKey) -> LogDestination {
            let text = try fields.setting("to", \.asText).value
            return words[text] ?? .file(path: text)
        }

        private static func format(_ fields: Fields) throws(MissingKey) -> LogFormat {
            try fields.setting("format") { $0.asWord.flatMap(LogFormat.init(rawValue:)) }.value
        }
    }
}

extension Fields {
    /// With `log.mode` the sections that it stands for do not apply: they are left out of what `config --full` prints.
    mutating func leaveOutLogSections() {
        guard let found = self["log"], case .fields(var log) = found.value, log["mode"] != nil else { return }
        log["events"] = nil
        log["sessions"] = nil
        self["log"] = .init(value: .fields(log), origin: found.origin)
    }
}
