import Glibc
import Reactor
import Testing

private let token = Token(kind: 8, index: 0)

private func isNonBlocking(_ number: CInt) -> Bool { fcntl(number, F_GETFL) & O_NONBLOCK != 0 }

extension OutputStream {
    fileprivate func write(_ text: String) -> SendResult {
        unsafe Array(text.utf8).withUnsafeBytes { unsafe write($0) }
    }

    /// Writes until nothing more is taken; the number of bytes, and the result that ended it.
    fileprivate func fill() -> (bytes: Int, end: SendResult) {
        let block = [UInt8](repeating: 65, count: 10_000)
        var total = 0
        while true {
            let result = unsafe block.withUnsafeBytes { unsafe write($0) }
            guard case .bytes(let count) = result else { return (total, result) }
            total += count
        }
    }
}

/// Reads until `count` bytes have come or nothing more does.
private func drain(_ number: CInt, _ count: Int) -> Int {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    var total = 0
    while total < count {
        var request = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&request, 1, 20_000) == 1 else { break }
        let result = unsafe read(number, &bytes, min(bytes.count, count - total))
        if result <= 0 { break }
        total += result
    }
    return total
}

/// The blocking write end of a named pipe that nobody reads: it cannot be opened once more without waiting (ENXIO),
/// which is what leads to the polled kind where no other user's pipe is at hand.
private struct Fifo: ~Copyable {
    let writer: FileDescriptor
    private let directory: TemporaryDirectory

    init() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/fifo"
        guard unsafe mkfifo(path, 0o600) == 0 else { throw Errno(rawValue: errno) }
        var reader = FileDescriptor(owning: unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC))
        guard reader.isOpen else { throw Errno(rawValue: errno) }
        let writer = FileDescriptor(owning: unsafe open(path, O_WRONLY | O_CLOEXEC))
        reader = .empty
        let isUnread = eventually {
            let second = FileDescriptor(owning: unsafe open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC))
            return !second.isOpen
        }
        try #require(isUnread)
        self.writer = writer
        self.directory = directory
    }

    func openReader() -> FileDescriptor {
        FileDescriptor(owning: unsafe open("\(directory.path)/fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC))
    }
}

@Suite(.timeLimit(.minutes(1))) struct OutputStreamTests {
    @Test func aFullPipeWaitsForNobody() throws {
        let pipe = try Pipe()
        let reader = pipe.reader
        let writer = pipe.writer
        let poller = try Poller()
        var events = EventBuffer(capacity: 4)
        let output = OutputStream(number: writer.rawValue)
        output.add(to: poller, token)
        #expect(output.write("first ") == .bytes(6))
        let (bytes, end) = output.fill()
        #expect(bytes > 0)
        #expect(end == .wouldBlock)
        #expect(!output.waitForRoom(milliseconds: 0) as Bool)
        // The shell's side of it is as it was.
        #expect(!isNonBlocking(writer.rawValue))
        #expect(!isNonBlocking(reader.rawValue))

        // Takes the event of the beginning, when there was room.
        try poller.poll(into: &events, timeout: .immediately)
        try poller.poll(into: &events, timeout: .immediately)
        #expect(events.count == 0)
        #expect(drain(reader.rawValue, bytes + 6) == bytes + 6)
        try poller.wait(into: &events)
        try #require(events.count == 1)
        #expect(events[0].token == token)
        #expect(events[0].readiness.contains(.writable))
        #expect(output.waitForRoom(milliseconds: 0) as Bool)
        #expect(output.write("again") == .bytes(5))
    }

    @Test func theOriginalStaysOpenAndTheCopyDoesNot() throws {
        let pipe = try Pipe()
        let reader = pipe.reader
        let writer = pipe.writer
        do {
            let output = OutputStream(number: writer.rawValue)
            #expect(output.write("x") == .bytes(1))
        }
        #expect(fcntl(writer.rawValue, F_GETFD) >= 0)
        #expect(close(writer.release()) == 0)
        #expect(drain(reader.rawValue, 1) == 1)
        // A copy left open would keep the end away.
        var request = pollfd(fd: reader.rawValue, events: Int16(POLLIN), revents: 0)
        #expect(unsafe poll(&request, 1, 20_000) == 1)
        #expect(request.revents & Int16(POLLHUP) != 0)
    }

    @Test func aReaderThatHasGoneIsAnError() throws {
        Signals.ignoreFailedWrites()
        let pipe = try Pipe()
        let reader = pipe.reader
        let writer = pipe.writer
        let output = OutputStream(number: writer.rawValue)
        #expect(close(reader.release()) == 0)
        #expect(eventually { output.write("x") == .failed(Errno(rawValue: EPIPE)) } as Bool)
    }

    @Test func aPipeThatCannotBeOpenedAgainIsPolled() throws {
        let fifo = try Fifo()
        let output = OutputStream(number: fifo.writer.rawValue)
        let reader = fifo.openReader()

        let poller = try Poller()
        var events = EventBuffer(capacity: 4)
        output.add(to: poller, token)
        // More than PIPE_BUF at once might wait for the reader.
        let block = [UInt8](repeating: 65, count: 10_000)
        #expect(unsafe block.withUnsafeBytes { unsafe output.write($0) } == .bytes(Int(PIPE_BUF)))
        let (bytes, end) = output.fill()
        #expect(end == .wouldBlock)
        #expect(!output.waitForRoom(milliseconds: 0) as Bool)
        #expect(!isNonBlocking(fifo.writer.rawValue))
        try poller.poll(into: &events, timeout: .immediately)
        try poller.poll(into: &events, timeout: .immediately)
        #expect(events.count == 0)
        #expect(drain(reader.rawValue, bytes + Int(PIPE_BUF)) == bytes + Int(PIPE_BUF))
        try poller.wait(into: &events)
        try #require(events.count == 1)
        #expect(events[0].token == token)
        #expect(output.write("again") == .bytes(5))
    }

    @Test func aFullPolledPipeWhoseReaderHasGoneIsAnError() throws {
        Signals.ignoreFailedWrites()
        let fifo = try Fifo()
        let output = OutputStream(number: fifo.writer.rawValue)
        let reader = fifo.openReader()
        #expect(output.fill().end == .wouldBlock)
        #expect(close(reader.release()) == 0)
        #expect(eventually { output.waitForRoom(milliseconds: 0) } as Bool)
        #expect(output.write("x") == .failed(Errno(rawValue: EPIPE)))
    }

    @Test func aFileTakesEverything() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/log"
        let file = FileDescriptor(owning: unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
        try #require(file.isOpen as Bool)
        let output = OutputStream(number: file.rawValue)
        let block = [UInt8](repeating: 65, count: 1_000_000)
        #expect(output.write("first") == .bytes(5))
        #expect(unsafe block.withUnsafeBytes { unsafe output.write($0) } == .bytes(1_000_000))
        // The place in the file is shared with the descriptor of the process.
        #expect(lseek(file.rawValue, 0, SEEK_CUR) == 1_000_005)
        #expect(output.waitForRoom(milliseconds: 0) as Bool)
        // A file cannot be added to a poller, and need not be.
        let poller = try Poller()
        var events = EventBuffer(capacity: 4)
        output.add(to: poller, token)
        try poller.poll(into: &events, timeout: .immediately)
        #expect(events.count == 0)
    }

    @Test func aSocketIsNeverWaitedForEither() throws {
        let pair = try socketPair(blocking: true)
        let near = pair.near
        let far = pair.far
        let poller = try Poller()
        var events = EventBuffer(capacity: 4)
        let output = OutputStream(number: near.rawValue)
        output.add(to: poller, token)
        let (bytes, end) = output.fill()
        #expect(bytes > 0)
        #expect(end == .wouldBlock)
        #expect(!isNonBlocking(near.rawValue))
        try poller.poll(into: &events, timeout: .immediately)
        try poller.poll(into: &events, timeout: .immediately)
        #expect(events.count == 0)
        #expect(drain(far.rawValue, bytes) == bytes)
        try poller.wait(into: &events)
        try #require(events.count == 1)
        #expect(events[0].readiness.contains(.writable))
        #expect(close(far.release()) == 0)
        #expect(eventually { output.write("x") == .failed(Errno(rawValue: EPIPE)) } as Bool)
    }

    @Test func aDescriptorThatIsNotOpenIsAnError() {
        let output = OutputStream(number: CInt.max)
        #expect(output.write("x") == .failed(Errno(rawValue: EBADF)))
    }

    @Test func twoDescriptorsOfOnePipeAreTheSame() throws {
        let pipe = try Pipe()
        let writer = pipe.writer
        let copy = FileDescriptor(owning: dup(writer.rawValue))
        let other = try Pipe()
        let otherWriter = other.writer
        let output = OutputStream(number: writer.rawValue)
        #expect(output.isSame(as: OutputStream(number: copy.rawValue)) as Bool)
        #expect(!output.isSame(as: OutputStream(number: otherWriter.rawValue)) as Bool)
        // Nothing is known of what is not open, not even that it is one thing.
        let none = OutputStream(number: CInt.max)
        #expect(!none.isSame(as: OutputStream(number: CInt.max)) as Bool)
        #expect(!none.isSame(as: output) as Bool)
    }
}
