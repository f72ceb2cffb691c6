import Glibc
import Reactor
import TestSupport
import Testing

@testable import Balancer

/// Events by transitions and sessions, as lines.
@Suite struct TransitionLogTests {
    /// 2026-11-25T10:00:03.120Z
    private static let clock = WallClock.fixed(nanoseconds: 1_795_600_803_120_456_789)
    private static let time = "2026-11-25T10:00:03.120Z"
    private static let facts = BackendFacts(
        pool: "web", name: "a1", address: .ipv4(0x0A00_0001, port: 80), sessions: 12)
    private static let title = BackendTitle.address(.ipv4(0x0A00_0001, port: 80))

    /// What a log writes as events and as sessions.
    private static func printed(
        _ format: LogFormat = .text, level: LogLevel = .info, sample: Int = LogSettings.SessionSettings.all,
        _ write: (inout EventLog) -> Void
    ) throws -> (events: [String], sessions: [String]) {
        let events = try Pipe()
        let sessions = try Pipe()
        let settings = LogSettings.SessionSettings(to: .standardOutput, format: format, sample: sample)
        let writer = LineWriter(format: format, isSyslog: false, clock: clock)
        var log = EventLog(
            .transitions(events: .init(format: format, level: level), sessions: settings), SessionSelection(settings),
            LogOutputs(
                output: OutputStream(number: sessions.inputNumber), writer.gapLine,
                errors: OutputStream(number: events.inputNumber), writer.gapLine),
            events: writer, sessions: writer)
        write(&log)
        log.flush()
        return (lines(events.read(atMost: 65_536)), lines(sessions.read(atMost: 65_536)))
    }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private static func goDown(_ log: inout EventLog) {
        log.probeFailed(
            title, named: nil, .error(.connectionRefused), .dead(changed: true), fall: 3, facts)
    }

    @Test func aBackendThatGoesDownIsOneLine() throws {
        let text = try Self.printed { Self.goDown(&$0) }
        #expect(
            text.events == [
                "\(Self.time) warning backend pool=web backend=a1 address=10.0.0.1:80 down after 3 failed checks: "
                    + "connection refused (sessions: 12 kept)"
            ])
        let json = try Self.printed(.json) { Self.goDown(&$0) }
        #expect(
            json.events == [
                "{\"time\":\"\(Self.time)\",\"level\":\"warning\",\"event\":\"backend-down\",\"pool\":\"web\","
                    + "\"backend\":\"a1\",\"address\":\"10.0.0.1:80\",\"checks\":3,\"cause\":\"connection refused\","
                    + "\"sessions\":12,\"when_down\":\"keep\",\"message\":\"down after 3 failed checks: connection refused "
                    + "(sessions: 12 kept)\"}"
            ])
    }

    /// Only what has changed has a line; each check has one at the level `debug`.
    @Test func repetitionsAreNoTransitions() throws {
        func write(_ log: inout EventLog) {
            var facts = Self.facts
            log.probeSucceeded(Self.title, .alive(changed: false), rise: 1, facts)
            log.probeFailed(Self.title, named: nil, .timeout, .bad(changed: true), fall: 2, facts)
            log.probeSucceeded(Self.title, .alive(changed: true), rise: 1, facts)
            log.probeFailed(Self.title, named: nil, .timeout, .dead(changed: true), fall: 1, facts)
            facts.wasUp = false
            log.probeFailed(Self.title, named: nil, .timeout, .dead(changed: false), fall: 1, facts)
            log.probeSucceeded(Self.title, .rising(1), rise: 2, facts)
            log.probeSucceeded(Self.title, .alive(changed: true), rise: 2, facts)
        }
        let words = [
            "info up still, after 1 failed check of 2: no answer within the check's timeout",
            "info a check succeeded again: it was up all the time",
            "warning down after 1 failed check: no answer within the check's timeout (sessions: 12 kept)",
            "info down still, after 1 successful check of 2", "info up after 2 successful checks",
        ]
        let info = try Self.printed { write(&$0) }
        #expect(info.events.map(Self.withoutNames) == words)
        #expect(try Self.printed(level: .warning) { write(&$0) }.events.map(Self.withoutNames) == [words[2]])
        #expect(try Self.printed(level: .error) { write(&$0) }.events == [])
        let debug = try Self.printed(level: .debug) { write(&$0) }.events.map(Self.withoutNames)
        #expect(debug.count { $0.hasPrefix("debug a check ") } == 7)
        #expect(debug.filter { !$0.hasPrefix("debug") } == words)
    }

    private static func withoutNames(_ line: String) -> String {
        let names = " backend pool=web backend=a1 address=10.0.0.1:80"
        return line.dropFirst(time.count + 1).split(separator: names, maxSplits: 1, omittingEmptySubsequences: false)
            .joined()
    }

    /// A name or a cause that somebody else has chosen forges neither a line nor a field.
    @Test func nothingForgesALine() throws {
        var facts = Self.facts
        facts.name = "a1 pool=db\n\(Self.time) error pool pool=web \"down\""
        let reason = "no such host\n\(Self.time) error process started"
        func write(_ log: inout EventLog) {
            log.probeFailed(Self.title, named: nil, .noAddress(reason), .dead(changed: true), fall: 1, facts)
        }
        let text = try Self.printed { write(&$0) }.events
        #expect(text.count == 1)
        #expect(
            text.first?.contains("backend=\"a1 pool=db\\n\(Self.time) error pool pool=web \\\"down\\\"\" address=")
                == true)
        #expect(text.first?.contains("no such host\\n\(Self.time) error process started (sessions") == true)
        #expect(try Self.printed(.json) { write(&$0) }.events.count == 1)
    }

    // MARK: sessions

    private static func session(id: UInt64 = 0x0123_4567_89AB_CDEF) -> SessionRecord {
        var record = SessionRecord.none
        record.id = SessionID(rawValue: id)
        record.client = .ipv4(0x7F00_0001, port: 4711)
        record.backend = .ipv6(high: 0xFD00_0000_0000_0000, low: 2, scope: 0, port: 80)
        record.accepted = Instant(nanoseconds: 1_000_000_000)
        record.connected = Instant(nanoseconds: 1_000_455_000)
        record.ended = Instant(nanoseconds: 2_500_000_000)
        record.bytesUp = 79
        record.bytesDown = 414
        record.attempts = 2
        record.endedBy = .client
        record.reason = .reset
        record.error = Errno(rawValue: ECONNRESET)
        record.names = SessionNames(
            pool: "web", listener: "front", backend: "a2",
            firstFailed: .init(name: "a1", address: .ipv4(0x0A00_0001, port: 80)))
        return record
    }

    @Test func aSessionIsOneLine() throws {
        let text = try Self.printed { $0.sessionEnded(Self.session()) { 0 } }
        #expect(
            text.sessions == [
                "\(Self.time) info session id=0123456789abcdef listener=front pool=web client=127.0.0.1:4711 backend=a2 "
                    + "address=[fd00::2]:80 up=79 down=414 discarded=0 connect_ms=0.455 duration_ms=1500.000 attempts=2 "
                    + "first_failed=a1 first_failed_address=10.0.0.1:80 ended_by=client reason=reset "
                    + "error=\"Connection reset by peer\""
            ])
        #expect(text.events == [])
        let json = try Self.printed(.json) { $0.sessionEnded(Self.session()) { 0 } }
        #expect(
            json.sessions == [
                "{\"time\":\"\(Self.time)\",\"level\":\"info\",\"event\":\"session\",\"id\":\"0123456789abcdef\","
                    + "\"listener\":\"front\",\"pool\":\"web\",\"client\":\"127.0.0.1:4711\",\"backend\":\"a2\","
                    + "\"address\":\"[fd00::2]:80\",\"up\":79,\"down\":414,\"discarded\":0,\"connect_ms\":0.455,"
                    + "\"duration_ms\":1500.000,\"attempts\":2,\"first_failed\":\"a1\","
                    + "\"first_failed_address\":\"10.0.0.1:80\",\"ended_by\":\"client\",\"reason\":\"reset\","
                    + "\"error\":\"Connection reset by peer\"}"
            ])
    }

    @Test func aSessionWithoutABackendSaysSo() throws {
        var record = Self.session()
        record.backend = nil
        record.connected = nil
        record.names?.backend = nil
        record.names?.firstFailed = nil
        record.error = nil
        record.limit = .time
        let text = try Self.printed { $0.sessionEnded(record) { 0 } }.sessions.first ?? ""
        #expect(text.contains(" backend=- up=79 ") && text.contains(" connect_ms=- "))
        #expect(text.hasSuffix(" reason=reset limit=retries.timeout"))
        let json = try Self.printed(.json) { $0.sessionEnded(record) { 0 } }.sessions.first ?? ""
        #expect(json.contains("\"backend\":null,\"up\":79") && json.contains("\"connect_ms\":null,"))
    }

    // MARK: ids

    @Test func idsAreOfOneSessionEach() throws {
        var seen: Set<SessionID> = []
        let salt: UInt64 = 0xFEED_BEEF_1234_5678
        for loop in [0, 1, 63] {
            let ids = SessionIDs(salt: salt, loop: loop)
            for place in [0, 1, 77, Token.indexLimit - 1] {
                for generation in [1, 3, 5, 99_999, .max] as [UInt32] {
                    let key = SlabKey(index: place, generation: generation)
                    let id = ids.id(of: key)
                    #expect(seen.insert(id).inserted)
                    let found = try #require(ids.session(id))
                    #expect(found.loop == loop && found.key == key)
                    #expect(SessionID(id.description) == id && id.description.count == 16)
                    #expect(SessionIDs(salt: salt &+ 1, loop: loop).id(of: key) != id)
                }
            }
        }
        for text in ["", "123", "0123456789abcdeg", "+123456789abcdef", "0123456789abcdef0"] {
            #expect(SessionID(text) == nil, "\(text)")
        }
    }

    /// Of successive sessions at few places, which are the most alike, the share is as wanted.
    @Test(arguments: [0, 1000, 10_000, 250_000, 999_000, 1_000_000])
    func aSampleIsAShare(sample: Int) {
        let selection = SessionSelection(.init(to: .standardOutput, sample: sample))
        let ids = SessionIDs(salt: 0x1234_5678_9ABC_DEF0, loop: 3)
        var taken = 0
        for number in 0..<100_000 {
            let key = SlabKey(index: number % 4, generation: UInt32(number / 4 * 2 + 1))
            if selection.takes(ids.id(of: key)) { taken += 1 }
        }
        let expected = sample / 10
        #expect(abs(taken - expected) <= 400, "\(taken) of \(expected)")
        if sample == 0 || sample == LogSettings.SessionSettings.all { #expect(taken == expected) }
        #expect(selection.hasNames == (sample > 0))
    }

    // MARK: names

    @Test func everyEventHasASubjectThatItsNameBeginsWith() {
        let subjects: Set<Substring> = ["backend", "pool", "listener", "process", "log"]
        #expect(Set(EventKind.allCases.map(\.subject)) == subjects)
    }

    /// docs/log.md has each event in a table, with its level.
    @Test func theDocumentHasEveryEvent() throws {
        let path = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" } + "/docs/log.md"
        let descriptor = FileDescriptor(owning: unsafe open(path, O_RDONLY | O_CLOEXEC))
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe read(descriptor.rawValue, &bytes, bytes.count)
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
        for kind in EventKind.allCases {
            #expect(
                rows.count { $0.hasPrefix("| `\(kind.rawValue)` | \(kind.level.rawValue) |") } == 1, "\(kind.rawValue)")
        }
    }
}
