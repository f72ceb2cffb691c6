import Glibc
import Reactor

/// Writes events and sessions as lines of one destination: as text or JSON, with the time, and with the head that syslog(3)
/// puts before each line.
///
/// The time is read for each line, and not once per turn: it costs some 25 ns (a vDSO call) of the 600 ns that a line costs,
/// lines that several loops write are then in the order of their times, and a line tells when it happened also where a turn
/// takes long.
struct LineWriter: Sendable {
    let format: LogFormat
    /// Lines go to the system's log: with its head, and text without the time, which the head has.
    let isSyslog: Bool
    let clock: WallClock

    /// The end of a line that has been begun.
    func end(_ record: inout LineLog.Record) {
        record.append(format == .json ? "}\n" : "\n")
    }

    /// Time and level, and what the line is about: `2026-11-25T10:00:03.120Z warning backend`, or
    /// `{"time":"...","level":"warning","event":"backend-down"`.
    func begin(_ record: inout LineLog.Record, _ level: LogLevel, subject: String, event: String) {
        let now = clock.nanoseconds()
        if isSyslog { Self.appendHead(&record, level, seconds: now / 1_000_000_000) }
        switch format {
        case .text:
            if !isSyslog {
                record.append(timestamp: now)
                record.append(" ")
            }
            record.append(level.rawValue)
            record.append(" ")
            record.append(subject)
        case .json:
            record.append("{\"time\":\"")
            record.append(timestamp: now)
            record.append("\",\"level\":\"")
            record.append(level.rawValue)
            record.append("\",\"event\":\"")
            record.append(event)
            record.append("\"")
        }
    }

    // MARK: fields

    /// The name of a field, after which its value is to follow.
    func name(_ record: inout LineLog.Record, _ name: StaticString) {
        switch format {
        case .text:
            record.append(" ")
            record.append(name)
            record.append("=")
        case .json:
            record.append(",\"")
            record.append(name)
            record.append("\":")
        }
    }

    func field(_ record: inout LineLog.Record, _ name: StaticString, _ text: String) {
        self.name(&record, name)
        switch format {
        case .text: record.append(value: text)
        case .json: string(&record, text)
        }
    }

    func field(_ record: inout LineLog.Record, _ name: StaticString, _ number: some FixedWidthInteger) {
        self.name(&record, name)
        record.append(number)
    }

    func field(_ record: inout LineLog.Record, _ name: StaticString, _ address: SocketAddress) {
        if case .unix = address { return field(&record, name, address.description) }
        self.name(&record, name)
        if format == .json { record.append("\"") }
        record.append(endpoint: address)
        if format == .json { record.append("\"") }
    }

    func string(_ record: inout LineLog.Record, _ text: String) {
        record.append("\"")
        record.append(text, .json)
        record.append("\"")
    }

    // MARK: events

    func write(_ event: LogEvent, to record: inout LineLog.Record) {
        begin(&record, event.kind.level, subject: String(event.kind.subject), event: event.kind.rawValue)
        guard format == .json else {
            for (name, value) in event.fields { field(&record, name, value) }
            record.append(" ")
            Self.appendWords(of: event, to: &record, .words, ofCommand: false)
            return end(&record)
        }
        for (name, value) in event.fields { field(&record, name, value) }
        for part in event.parts {
            switch part {
            case .value(let name, let value), .detail(let name, let value): field(&record, name, value)
            case .words, .remedy, .pool, .number: break
            }
        }
        name(&record, "message")
        record.append("\"")
        Self.appendWords(of: event, to: &record, .json, ofCommand: false)
        record.append("\"")
        end(&record)
    }

    private func field(_ record: inout LineLog.Record, _ name: StaticString, _ value: LogEvent.Value) {
        switch value {
        case .text(let text): field(&record, name, text)
        case .number(let number): field(&record, name, number)
        case .address(let address): field(&record, name, address)
        case .seconds(let duration):
            self.name(&record, name)
            record.append(thousandths: duration.wholeNanoseconds / 1_000_000)
        }
    }

    /// The words of an event, with the values among them.
    static func appendWords(
        of event: LogEvent, to record: inout LineLog.Record, _ escaping: Escaping, ofCommand: Bool
    ) {
        for part in event.parts {
            switch part {
            case .words(let text): record.append(text)
            case .remedy(let command, let file): record.append(ofCommand ? command : file)
            case .value(_, .text(let text)): record.append(text, escaping)
            case .value(_, .number(let number)): record.append(number)
            case .value(_, .address(.unix(let path))): record.append("unix:\(path)", escaping)
            case .value(_, .address(let address)): record.append(endpoint: address)
            case .value(_, .seconds(let duration)): record.append(seconds: duration)
            case .pool(let name): if ofCommand { record.appendPool(name) }
            case .detail: break
            case .number(let number): record.append(number)
            }
        }
    }

    /// The line about lines that are missing: ``LineLog/GapLine``.
    var gapLine: LineLog.GapLine {
        let writer = self
        return { record, lines, cause in
            var event = LogEvent(.logLinesLost)
            event.value("lines", lines)
            event.words(lines == 1 ? " line dropped: " : " lines dropped: ")
            event.value("cause", cause)
            writer.write(event, to: &record)
        }
    }

    // MARK: syslog

    /// `<28>Nov 25 10:00:03 balancer[4711]: ` as syslog(3) writes it: the priority is the facility `daemon` and the level's
    /// severity, the time is local. Source: RFC 3164, section 4.1; glibc, misc/syslog.c.
    static func appendHead(_ record: inout LineLog.Record, _ level: LogLevel, seconds: UInt64) {
        let time = LocalTime(seconds: seconds)
        record.append("<")
        record.append(daemon << 3 | level.severity)
        record.append(">")
        record.append(month(time.month))
        record.append(time.day < 10 ? "  " : " ")
        record.append(time.day)
        for (number, before) in [(time.hour, " "), (time.minute, ":"), (time.second, ":")] as [(Int, StaticString)] {
            record.append(before)
            if number < 10 { record.append("0") }
            record.append(number)
        }
        record.append(" balancer[")
        record.append(getpid())
        record.append("]: ")
    }

    /// LOG_DAEMON of <syslog.h>, without the bits of the severity.
    private static let daemon: CInt = 3

    private static func month(_ number: Int) -> StaticString {
        switch number {
        case 1: "Jan"
        case 2: "Feb"
        case 3: "Mar"
        case 4: "Apr"
        case 5: "May"
        case 6: "Jun"
        case 7: "Jul"
        case 8: "Aug"
        case 9: "Sep"
        case 10: "Oct"
        case 11: "Nov"
        default: "Dec"
        }
    }
}

extension LogLevel {
    /// LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG of <syslog.h>.
    fileprivate var severity: CInt {
        switch self {
        case .error: 3
        case .warning: 4
        case .info: 6
        case .debug: 7
        }
    }
}
