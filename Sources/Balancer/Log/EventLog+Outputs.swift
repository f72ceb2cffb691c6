import Reactor

/// A destination of the log that cannot be opened.
public struct LogFailure: Error, Sendable {
    /// The key of the configuration file: `log.events.to`.
    public let key: StaticString
    /// The file, or the socket of the system's log.
    public let path: String
    /// Why.
    public let errno: Errno
}

// Where lines go, and what becomes of those that cannot.
extension EventLog {
    /// Opens the destinations of a log. The error names the one that cannot be opened. That nobody listens at the socket of
    /// the system's log is none: see ``syslogFault``.
    ///
    /// - Parameter syslogPath: The socket of the system's log.
    public static func open(
        _ settings: LogSettings, syslogPath: String = SyslogSocket.standardPath, clock: WallClock = .system
    ) throws(LogFailure) -> EventLog {
        switch settings {
        case .lines(let mode):
            return EventLog(mode, output: OutputStream(number: 1), errors: OutputStream(number: 2))
        case .transitions(let events, let sessions):
            return try open(settings, events, sessions, syslogPath, clock)
        }
    }

    private static func open(
        _ settings: LogSettings, _ events: LogSettings.EventSettings, _ sessions: LogSettings.SessionSettings,
        _ syslogPath: String, _ clock: WallClock
    ) throws(LogFailure) -> EventLog {
        var fault: Errno?
        let selection = SessionSelection(sessions)
        let sessionsTo = selection.isAny ? sessions.destination : .none
        let eventWriter = LineWriter(format: events.format, isSyslog: events.destination == .syslog, clock: clock)
        let sessionWriter = LineWriter(format: sessions.format, isSyslog: sessionsTo == .syslog, clock: clock)
        let errors = try stream(to: events.destination, "log.events.to", syslogPath, &fault)
        let outputs: LogOutputs
        if sessionsTo == events.destination {
            outputs = LogOutputs(both: errors, eventWriter.gapLine)
        } else {
            let output = try stream(to: sessionsTo, "log.sessions.to", syslogPath, &fault)
            if output.isSame(as: errors) {
                outputs = LogOutputs(both: errors, eventWriter.gapLine)
            } else {
                outputs = LogOutputs(
                    output: output, sessionWriter.gapLine, errors: errors, eventWriter.gapLine)
            }
        }
        var log = EventLog(settings, selection, outputs, events: eventWriter, sessions: sessionWriter)
        log.syslogFault = fault
        return log
    }

    private static func stream(
        to destination: LogDestination, _ key: StaticString, _ syslogPath: String, _ fault: inout Errno?
    ) throws(LogFailure) -> OutputStream {
        let path: String
        do throws(SystemCallError) {
            switch destination {
            case .none: return .nowhere
            case .standardOutput: return OutputStream(number: 1)
            case .standardError: return OutputStream(number: 2)
            case .file(let name):
                path = name
                return OutputStream(try LogFile(name))
            case .syslog:
                path = syslogPath
                let socket = try SyslogSocket(path: syslogPath)
                fault = socket.fault()
                return OutputStream(socket)
            }
        } catch {
            throw LogFailure(key: key, path: path, errno: error.errno)
        }
    }

    // MARK: writing

    /// Writes the lines recorded since the last call. When results or sessions begin to fail, the other output says so.
    mutating func flush() {
        flushOutputs()
        recorder?.note(lostLines: outputs.lostLines())
    }

    private mutating func flushOutputs() {
        if let errno = outputs.flush() {
            event(.logFailed) {
                $0.remedy(command: "standard output", file: "the destination of sessions")
                $0.words(" cannot be written: ")
                $0.value("cause", errno.description)
                $0.words(": its lines are dropped until it can be")
            }
            _ = outputs.flush()
        }
        guard hasFile, let errno = outputs.takeReopenFailure() else { return }
        event(.logFailed) {
            $0.words("a file of the log cannot be opened anew: ")
            $0.value("cause", errno.description)
            $0.words(": lines go on to the old one")
        }
        _ = outputs.flush()
    }

    /// Writes the remaining lines when the balancer ends.
    mutating func finish() {
        flush()
        let missing = outputs.finishResults()
        if missing > 0 {
            event(.logLinesLost) {
                $0.words("lines that ")
                $0.remedy(command: "standard output", file: "the destination of sessions")
                $0.words(" has not taken: ")
                $0.value("lines", missing)
            }
        }
        let lost = outputs.finishErrors()
        guard lost > 0, case .transitions(let events, _) = settings, events.destination != .standardError else {
            return
        }
        // Nobody else is left to tell.
        var last = LineLog(OutputStream(number: 2))
        last.record {
            $0.append("balancer: lines that the destination of events has not taken: ")
            $0.append(lost)
            $0.append("\n")
        }
        last.finish(milliseconds: LogOutputs.finishMilliseconds)
    }

    /// See ``LogOutputs/waitForSpace()``.
    mutating func waitForSpace() { outputs.waitForSpace() }

    // MARK: files

    /// A destination is a file.
    private var hasFile: Bool {
        guard case .transitions(let events, let sessions) = settings else { return false }
        return events.destination.isFile || sessions.destination.isFile
    }

    /// SIGUSR1: opens the files of the log anew, since whoever has renamed them asks for that. False where the signal means
    /// the end instead: with the lines of the one-line command, as always.
    mutating func reopen() -> Bool {
        guard mode == nil else { return false }
        guard hasFile else {
            event(.processSignal) {
                $0.value("signal", "SIGUSR1")
                $0.words(": the log has no file to open anew: ignored")
            }
            return true
        }
        outputs.reopen()
        event(.logReopened) { $0.words("the files of the log are opened anew") }
        return true
    }
}

extension LogDestination {
    fileprivate var isFile: Bool {
        if case .file = self { true } else { false }
    }
}
