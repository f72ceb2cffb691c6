import CEpoll
import Glibc
import Testing

@testable import Reactor

/// A pipe whose ends the test closes as it likes.
struct TestPipe: ~Copyable {
    var reader: FileDescriptor
    let writer: FileDescriptor

    init() throws {
        var ends: [CInt] = [-1, -1]
        // Of no concern to the programs that other tests start.
        let result = unsafe cepoll_pipe(&ends)
        try #require(result == 0)
        reader = FileDescriptor(owning: ends[0])
        writer = FileDescriptor(owning: ends[1])
        _ = fcntl(ends[1], F_SETFL, 0)
        // F_SETPIPE_SZ, which Glibc's module hides: one page, the least that a pipe may hold.
        _ = fcntl(ends[1], 1031, 4096)
    }

    /// What can be read now.
    func read() -> String {
        var text: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe Glibc.read(reader.rawValue, &block, block.count)
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += block[..<count]
        }
    }
}

@Suite struct LineLogTests {
    @Test func piecesOfEveryKindMakeOneRecord() throws {
        let pipe = try TestPipe()
        var log = LineLog(OutputStream(number: pipe.writer.rawValue))
        let word: StaticString = "word "
        log.record {
            $0.append("client <")
            $0.append(host: .ipv4(0x7F00_0001, port: 80))
            $0.append("> ")
            $0.append(word)
            $0.append(Array("bytes ".utf8).span)
            $0.append(Int64.min)
            $0.append(" ")
            $0.append(UInt8(0))
            $0.append(String(repeating: "é", count: 3))
            $0.append("\n")
        }
        #expect(pipe.read() == "")
        log.flush()
        #expect(pipe.read() == "client <127.0.0.1> word bytes -9223372036854775808 0ééé\n")
        #expect(log.pendingBytes == 0)
    }

    @Test func linesOfATurnLeaveTogetherInOrder() throws {
        let pipe = try TestPipe()
        var log = LineLog(OutputStream(number: pipe.writer.rawValue))
        for number in 1...3 {
            log.record {
                $0.append(number)
                $0.append("\n")
            }
        }
        log.flush()
        #expect(pipe.read() == "1\n2\n3\n")
    }

    @Test func aSlowReaderLosesWholeRecordsAndIsTold() throws {
        let pipe = try TestPipe()
        var log = LineLog(OutputStream(number: pipe.writer.rawValue), capacity: 1024)
        let written = 1000
        for number in 0..<written {
            log.record {
                $0.append(number)
                $0.append(" first\n")
                $0.append(number)
                $0.append(" second\n")
            }
            log.flush()
        }
        #expect(log.droppedRecords > 0)
        #expect(log.pendingBytes <= 1024)
        let dropped = log.droppedRecords

        var text = ""
        repeat {
            text += pipe.read()
            log.flush()
        } while log.pendingBytes > 0
        text += pipe.read()
        let lines = text.split(separator: "\n").map(String.init)
        let taken = written - dropped
        let expected = (0..<taken).flatMap { ["\($0) first", "\($0) second"] }
        #expect(Array(lines.dropLast()) == expected)
        #expect(lines.last == "\(2 * dropped) lines dropped: the reader of this output is too slow")

        log.record { $0.append("again\n") }
        log.flush()
        #expect(pipe.read() == "again\n")
    }

    @Test func theGapIsToldWhereItIs() throws {
        let pipe = try TestPipe()
        var log = LineLog(OutputStream(number: pipe.writer.rawValue), capacity: 256)
        let filler = String(repeating: "x", count: 99) + "\n"
        while log.droppedRecords == 0 { log.record { $0.append(filler) } }
        _ = pipe.read()
        // The pipe has room again; what is pending leaves first, then the notice, then what comes later.
        log.flush()
        log.record { $0.append("later\n") }
        log.flush()
        let lines = pipe.read().split(separator: "\n").suffix(2)
        #expect(lines == ["1 line dropped: the reader of this output is too slow", "later"])
    }

    @Test func aRecordLargerThanTheLogIsDropped() throws {
        let pipe = try TestPipe()
        var log = LineLog(OutputStream(number: pipe.writer.rawValue), capacity: 256)
        log.record { $0.append("before\n") }
        log.record { record in for _ in 0..<30 { record.append("0123456789") } }
        log.flush()
        #expect(log.droppedRecords == 1)
        #expect(pipe.read().hasPrefix("before\n"))
    }

    @Test func aReaderThatHasGoneIsNoMatter() throws {
        Signals.ignoreFailedWrites()
        var pipe = try TestPipe()
        var log = LineLog(OutputStream(number: pipe.writer.rawValue))
        pipe.reader = .empty
        for _ in 0..<3 {
            log.record { $0.append("nobody reads this\n") }
            log.flush()
            #expect(log.pendingBytes == 0)
        }
        log.finish(milliseconds: 1)
        #expect(log.droppedRecords == 0)
    }

    @Test func finishWaitsForTheReaderAtMostSoLong() throws {
        let pipe = try TestPipe()
        var log = LineLog(OutputStream(number: pipe.writer.rawValue))
        for _ in 0..<100 { log.record { $0.append(String(repeating: "y", count: 99) + "\n") } }
        log.finish(milliseconds: 20)
        #expect(log.pendingBytes > 0)
        var count = 0
        while log.pendingBytes > 0 {
            count += pipe.read().utf8.count
            log.finish(milliseconds: 20)
        }
        count += pipe.read().utf8.count
        #expect(count == 10_000)
    }

    @Test func roomIsAnEvent() throws {
        let pipe = try TestPipe()
        let poller = try Poller()
        var events = EventBuffer(capacity: 4)
        var log = LineLog(OutputStream(number: pipe.writer.rawValue))
        log.add(to: poller, Token(kind: 3, index: 7))
        try poller.poll(into: &events, timeout: .immediately)
        for _ in 0..<100 { log.record { $0.append(String(repeating: "z", count: 99) + "\n") } }
        log.flush()
        _ = pipe.read()
        try poller.poll(into: &events, timeout: .milliseconds(5000))
        #expect(events.count == 1)
        #expect(events[0].token == Token(kind: 3, index: 7))
    }
}
