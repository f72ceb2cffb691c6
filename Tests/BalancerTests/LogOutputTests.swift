import Glibc
import Reactor
import Testing

@testable import Balancer

/// The log on an output that takes no lines.
@Suite final class LogOutputTests {
    private let full: FileDescriptor
    private let reader: FileDescriptor
    private let writer: FileDescriptor

    init() throws {
        full = FileDescriptor(owning: unsafe open("/dev/full", O_WRONLY | O_CLOEXEC))
        var ends: [CInt] = [-1, -1]
        let result = unsafe pipe(&ends)
        try #require(result == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        reader = FileDescriptor(owning: ends[0])
        writer = FileDescriptor(owning: ends[1])
    }

    /// What stands on standard error.
    private func errors() -> String {
        var block = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe read(reader.rawValue, &block, block.count)
        return String(decoding: block.prefix(max(0, count)), as: UTF8.self)
    }

    private func fail(_ log: inout EventLog) {
        let title = BackendTitle.address(.ipv4(0x7F00_0001, port: 80))
        log.probeSucceeded(title, .alive(changed: true), rise: 1)
        log.flush()
    }

    @Test func aFullStandardOutputIsToldOnStandardErrorOnce() {
        var log = EventLog(
            .guide, output: OutputStream(number: full.rawValue), errors: OutputStream(number: writer.rawValue))
        for _ in 0..<3 { fail(&log) }
        #expect(
            errors()
                == "balancer: standard output cannot be written: No space left on device: "
                + "its lines are dropped until it can be\n")
        log.finish()
        #expect(errors() == "balancer: lines that standard output has not taken: 3\n")
    }

    @Test func withoutALogNothingIsTold() {
        var log = EventLog(
            .none, output: OutputStream(number: full.rawValue), errors: OutputStream(number: writer.rawValue))
        fail(&log)
        log.finish()
        #expect(errors() == "")
    }
}
