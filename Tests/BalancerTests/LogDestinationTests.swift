import CEpoll
import Glibc
import Testing

@testable import Balancer
@testable import Reactor

/// Destinations of the log: files that are opened anew, and the system's log.
@Suite final class LogDestinationTests {
    private static let clock = WallClock.fixed(nanoseconds: 1_795_600_803_120_000_000)
    private let folder: String

    init() throws {
        var template = Array("/tmp/balancer-log-XXXXXX".utf8CString)
        folder = try #require(unsafe mkdtemp(&template).map { unsafe String(cString: $0) })
    }

    deinit {
        for name in ["events", "events.1", "log"] { unsafe unlink("\(folder)/\(name)") }
        unsafe rmdir(folder)
    }

    private func content(_ name: String) -> [String] {
        let descriptor = FileDescriptor(owning: unsafe Glibc.open("\(folder)/\(name)", O_RDONLY | O_CLOEXEC))
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe read(descriptor.rawValue, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private func open(_ events: LogDestination, format: LogFormat = .text, syslog: String = "") throws -> EventLog {
        try EventLog.open(
            .transitions(events: .init(to: events, format: format), sessions: .init()), syslogPath: syslog,
            clock: Self.clock)
    }

    @Test func afterARenameTheNewFileHasTheLaterLines() throws {
        var log = try open(.file(path: "\(folder)/events"))
        log.stopped(cut: 1)
        log.finish()
        #expect(unsafe rename("\(folder)/events", "\(folder)/events.1") == 0)
        log.stopped(cut: 2)
        let isTaken = log.reopen()
        #expect(isTaken)
        log.stopped(cut: 3)
        log.finish()
        #expect(content("events.1").map { $0.suffix(7) } == [" cut: 1", " cut: 2"])
        #expect(content("events").map { $0.suffix(7) } == ["ed anew", " cut: 3"])
        var status = stat()
        #expect(unsafe stat("\(folder)/events", &status) == 0)
        #expect(status.st_mode & 0o137 == 0)
    }

    /// The folder has gone: the lines go on to the file that is open, which still has a name elsewhere.
    @Test func whereTheFileCannotBeOpenedAnewTheOldOneIsWrittenOn() throws {
        let inner = "\(folder)/inner"
        #expect(unsafe mkdir(inner, 0o700) == 0)
        var log = try open(.file(path: "\(inner)/events"))
        log.stopped(cut: 1)
        log.finish()
        #expect(unsafe rename("\(inner)/events", "\(folder)/events.1") == 0)
        #expect(unsafe rmdir(inner) == 0)
        _ = log.reopen()
        // The thread that writes tries it; a later flush has the result.
        let deadline = Clock.monotonic.now() + .seconds(10)
        while !content("events.1").contains(where: { $0.contains("cannot be opened anew: No such file") }),
            Clock.monotonic.now() < deadline
        {
            log.finish()
        }
        #expect(content("events.1").contains { $0.contains(" error log a file of the log cannot be opened anew") })
    }

    @Test func aFolderThatIsMissingIsAnError() {
        do {
            _ = try open(.file(path: "\(folder)/none/events"))
            Issue.record("there is no such folder")
        } catch let error as LogFailure {
            #expect("\(error.key)" == "log.events.to")
            #expect(error.path == "\(folder)/none/events" && error.errno == .notFound)
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test func withoutAFileTheSignalIsSaidAndWithTheCommandsLinesItIsNotTaken() throws {
        var log = try open(.none)
        let isTaken = log.reopen()
        var command = EventLog(.guide, output: .nowhere, errors: .nowhere)
        let isTakenByCommand = command.reopen()
        #expect(isTaken && !isTakenByCommand)
    }

    // MARK: the system's log

    /// A log daemon: a datagram socket at a path.
    private func daemon(_ name: String = "log", queue: CInt? = nil) throws -> FileDescriptor {
        let socket = FileDescriptor(
            owning: Glibc.socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue), 0))
        let address = try #require(SocketAddress(unixPath: "\(folder)/\(name)"))
        #expect(LinuxKernel().bind(socket.rawValue, to: address) == 0)
        return socket
    }

    private func received(_ socket: borrowing FileDescriptor) -> [String] {
        var lines: [String] = []
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe recv(socket.rawValue, &bytes, bytes.count, 0)
            guard count > 0 else { return lines }
            lines.append(String(decoding: bytes.prefix(count), as: UTF8.self))
        }
    }

    @Test func eachLineIsADatagramWithPriorityTimeAndProcess() throws {
        let socket = try daemon()
        var log = try open(.syslog, syslog: "\(folder)/log")
        let fault = log.syslogFault
        #expect(fault == nil)
        log.cannotConnect(.addressNotAvailable)
        log.stopped(cut: 7)
        log.flush()
        let time = LocalTime(seconds: 1_795_600_803)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let head = "Nov \(time.day) \(two(time.hour)):\(two(time.minute)):\(two(time.second)) balancer[\(getpid())]: "
        #expect(
            received(socket) == [
                "<27>\(head)error process cannot connect to backends: Cannot assign requested address",
                "<30>\(head)info process stopped; sessions cut: 7",
            ])
    }

    @Test func withoutADaemonLinesAreCountedAndLaterToldOf() throws {
        var log = try open(.syslog, syslog: "\(folder)/log")
        let fault = log.syslogFault
        #expect(fault == .notFound)
        for cut in 0..<5 {
            log.stopped(cut: cut)
            log.flush()
        }
        let socket = try daemon()
        log.stopped(cut: 5)
        log.flush()
        let lines = received(socket)
        #expect(lines.count == 2)
        #expect(lines.first?.contains("warning log 5 lines dropped: No such file or directory") == true)
        #expect(lines.last?.hasSuffix("sessions cut: 5") == true)
    }

    /// A daemon that does not read: its queue takes some, the log keeps 64 KiB, and the rest is counted. Nothing waits.
    @Test func aDaemonThatDoesNotReadDelaysNobody() throws {
        let socket = try daemon()
        var log = try open(.syslog, syslog: "\(folder)/log")
        let start = Clock.monotonic.now()
        for cut in 0..<5000 {
            log.stopped(cut: cut)
            log.flush()
        }
        #expect(Clock.monotonic.now() - start < .seconds(5))
        var lines: [String] = []
        for _ in 0..<5000 {
            lines += received(socket)
            log.flush()
            if lines.last?.hasSuffix("sessions cut: 5000") == true { break }
            log.stopped(cut: 5000)
        }
        let told = lines.compactMap { line in
            line.split(separator: " log ").last.flatMap {
                $0.contains("lines dropped") ? Int($0.prefix { $0 != " " }) : nil
            }
        }
        #expect(!told.isEmpty)
        #expect(lines.count { $0.contains("sessions cut") } + told.reduce(0, +) > 5000)
    }

    @Test func aRestartedDaemonGetsTheLaterLines() throws {
        var log = try open(.syslog, syslog: "\(folder)/log")
        do {
            let first = try daemon()
            log.stopped(cut: 1)
            log.flush()
            #expect(received(first).count == 1)
        }
        unsafe unlink("\(folder)/log")
        let second = try daemon()
        log.stopped(cut: 2)
        log.flush()
        #expect(received(second).map { $0.hasSuffix("cut: 2") } == [true])
    }

    /// One destination for both has one file, and its lines keep their order.
    @Test func eventsAndSessionsMayShareAFile() throws {
        let path = "\(folder)/events"
        var log = try EventLog.open(
            .transitions(
                events: .init(to: .file(path: path), format: .json),
                sessions: .init(to: .file(path: path), format: .json)),
            clock: Self.clock)
        let isMerged = log.outputs.isMerged
        #expect(isMerged)
        log.stopped(cut: 1)
        var record = SessionRecord.none
        record.names = SessionNames(pool: "web", listener: "web")
        log.sessionEnded(record) { 0 }
        log.stopped(cut: 2)
        log.finish()
        #expect(content("events").map { $0.contains("\"session\"") } == [false, true, false])
    }
}
