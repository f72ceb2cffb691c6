import Glibc
import Testing

@testable import Reactor

/// A log on a file: what becomes of its lines when the disk is full, and when it hangs.
@Suite(.timeLimit(.minutes(1))) struct DiskWriterTests {
    private let disk = DiskKernel()

    private func withLog(capacity: Int = LineLog.standardCapacity, _ body: (inout LineLog) throws -> Void) rethrows {
        try withScriptedKernel(disk) {
            var log = LineLog(OutputStream(number: DiskKernel.file), capacity: capacity)
            try body(&log)
        }
    }

    /// A record of 20 bytes, which is handed over at once.
    private func write(_ number: Int, to log: inout LineLog) {
        log.record {
            $0.append("record ")
            $0.append(100_000 + number)
            $0.append(" whole\n")
        }
        log.flush()
    }

    private func isRecord(_ line: String) -> Bool { line.wholeMatch(of: /record 1[0-9]{5} whole/) != nil }

    private func dropped(_ lines: [String], _ reason: String) -> [Int] {
        lines.filter { $0.hasSuffix(" dropped: \(reason)") }.compactMap { Int($0.prefix { $0 != " " }) }
    }

    @Test func linesReachAFileInOrder() {
        withLog { log in
            for number in 0..<1000 { write(number, to: &log) }
            #expect(log.finish(milliseconds: 10_000) == 0)
        }
        #expect(disk.lines.dropLast().allSatisfy(isRecord))
        #expect(disk.lines.count == 1001)
    }

    @Test func theEndOfALogWritesWhatIsLeft() {
        withLog { log in for number in 0..<10 { write(number, to: &log) } }
        #expect(disk.lines.count == 11)
    }

    @Test func aFullDiskCostsLinesThatAreCountedAndTheCutOneIsEnded() {
        // Five records, and the beginning of one.
        disk.setRoom(109)
        withLog { log in
            for number in 0..<50 {
                write(number, to: &log)
                log.finish(milliseconds: 10_000)
            }
            #expect(log.takeFailure() == Errno(rawValue: ENOSPC))
            #expect(log.takeFailure() == nil)
            #expect(disk.content.hasSuffix("\nrecord 10"))
            disk.setRoom(.max)
            write(50, to: &log)
            #expect(log.finish(milliseconds: 10_000) == 0)
            #expect(log.takeFailure() == nil)
        }
        #expect(disk.lines.prefix(5).allSatisfy(isRecord))
        #expect(
            disk.lines.suffix(4) == [
                "record 10", "45 lines dropped: No space left on device", "record 100050 whole", "",
            ])
    }

    @Test func aFileThatWasTruncatedHasNoCutLineToEnd() {
        disk.setRoom(109)
        withLog { log in
            for number in 0..<10 { write(number, to: &log) }
            #expect(log.finish(milliseconds: 10_000) == 5)
            disk.truncate()
            disk.setRoom(.max)
            write(10, to: &log)
            #expect(log.finish(milliseconds: 10_000) == 0)
        }
        #expect(disk.content == "5 lines dropped: No space left on device\nrecord 100010 whole\n")
    }

    @Test func aLittleRoomDoesNotMakeTheCountWrong() {
        disk.setRoom(50)
        withLog { log in
            for number in 0..<20 {
                write(number, to: &log)
                log.finish(milliseconds: 10_000)
                // Too little for the line that tells of the others.
                disk.setRoom(7)
            }
            disk.setRoom(.max)
            write(20, to: &log)
            log.finish(milliseconds: 10_000)
        }
        let records = disk.lines.count(where: isRecord)
        #expect(dropped(disk.lines, "No space left on device") == [21 - records])
        #expect(disk.lines.allSatisfy { !$0.dropFirst().contains("record") })
    }

    @Test func missingLinesAreToldThoughNoOtherLineComes() throws {
        disk.setRoom(45)
        try withLog { log in
            for number in 0..<4 { write(number, to: &log) }
            #expect(log.finish(milliseconds: 10_000) == 2)
            disk.setRoom(.max)
            try #require(eventually { dropped(disk.lines, "No space left on device") == [2] })
        }
    }

    @Test func aDiskThatHangsStopsNobodyAndCostsLinesThatAreCounted() throws {
        disk.setHanging(true)
        try withLog(capacity: 1024) { log in
            write(0, to: &log)
            try #require(eventually { disk.isWaitedFor })
            for number in 1..<1000 { write(number, to: &log) }
            #expect(log.droppedRecords > 0)
            #expect(log.pendingBytes <= 1024)
            // The end is bounded as well, and says what is missing.
            #expect(log.finish(milliseconds: 20) >= log.droppedRecords)
            #expect(disk.isWaitedFor && !disk.hasExpired)
            let dropped = log.droppedRecords
            disk.setHanging(false)
            #expect(log.finish(milliseconds: 10_000) == 0)
            #expect(self.dropped(disk.lines, "the disk of this output is too slow") == [dropped])
            #expect(disk.lines.count(where: isRecord) == 1000 - dropped)
            write(1000, to: &log)
            log.finish(milliseconds: 10_000)
            #expect(disk.lines.suffix(2) == ["record 101000 whole", ""])
        }
    }

    @Test func roomAfterAHangIsAnEvent() throws {
        disk.setHanging(true)
        try withLog(capacity: 1024) { log in
            let poller = try Poller()
            var events = EventBuffer(capacity: 4)
            log.add(to: poller, Token(kind: 3, index: 7))
            write(0, to: &log)
            try #require(eventually { disk.isWaitedFor })
            while log.droppedRecords == 0 { write(1, to: &log) }
            try poller.poll(into: &events, timeout: .immediately)
            #expect(events.count == 0)
            disk.setHanging(false)
            try poller.poll(into: &events, timeout: .milliseconds(10_000))
            #expect(events.count == 1)
            log.flush()
            #expect(log.pendingBytes == 0)
        }
    }

    @Test func anOutputThatIsNoFileCountsItsLostLinesToo() throws {
        let full = FileDescriptor(owning: unsafe open("/dev/full", O_WRONLY | O_CLOEXEC))
        try #require(full.isOpen as Bool)
        var log = LineLog(OutputStream(number: full.rawValue))
        for number in 0..<3 { write(number, to: &log) }
        #expect(log.takeFailure() == Errno(rawValue: ENOSPC))
        #expect(log.finish(milliseconds: 20) == 3)
    }
}
