import Glibc

/// Lines for people on an output of the process, by a loop that must never wait for whoever reads them.
///
/// ```
///   record { ... }  ->  [ pending bytes, at most `capacity` ]  ->  flush()  ->  OutputStream
///                  full: dropped and counted                   EAGAIN: kept until the event of room
/// ```
///
/// - A record is one line or several that belong together. It is taken whole or dropped whole.
/// - The owner calls ``flush()`` once a turn, before it waits, so that the lines of a turn leave with one write; and
///   when the event of ``add(to:_:)`` arrives. A log that is more than half full flushes by itself.
/// - When records were dropped, a line says how many lines are missing, and stands where they are missing. To keep
///   such lines few, records are taken again only once half of the room is free.
/// - A reader that has gone (EPIPE) ends the log quietly: whoever runs the loop goes on. SIGPIPE must be ignored, see
///   ``Signals/ignoreBrokenPipes()``.
///
/// No call allocates, apart from the texts of Unix socket addresses.
public struct LineLog: ~Copyable {
    /// 64 KiB: about a thousand lines, what a pipe holds as well.
    public static let standardCapacity = 64 * 1024

    private let stream: OutputStream
    private var pending: Record
    /// Lines dropped since the last line that told of it.
    private var untoldLines = 0
    /// The stream said EAGAIN: only an event or the owner's flush makes another attempt.
    private var isStalled = false
    /// Nobody will ever read this stream again.
    private var hasEnded = false

    /// How many records were dropped because the reader was too slow.
    public private(set) var droppedRecords = 0

    /// A log on `stream` that keeps at most `capacity` bytes for a slow reader; less than 256 counts as 256.
    public init(_ stream: consuming OutputStream, capacity: Int = LineLog.standardCapacity) {
        self.stream = stream
        pending = Record(capacity: max(capacity, 256))
    }

    /// How many bytes wait for the reader.
    public var pendingBytes: Int { pending.count }

    /// Asks the poller for an event whenever there is room again; then call ``flush()``.
    public func add(to poller: borrowing Poller, _ token: Token) {
        stream.add(to: poller, token)
    }

    /// Takes the record that `write` puts together, newlines included, or drops it as a whole when it does not fit.
    public mutating func record(_ write: (inout Record) -> Void) {
        guard !hasEnded else { return }
        if untoldLines > 0 { tellDropped(whenFree: pending.capacity / 2) }
        pending.begin(refusing: untoldLines > 0)
        write(&pending)
        let refusedLines = pending.end()
        if let refusedLines {
            droppedRecords += 1
            untoldLines += refusedLines
        }
        if pending.count > pending.capacity / 2, !isStalled { flush() }
    }

    /// Writes what is pending, as far as the reader takes it now.
    public mutating func flush() {
        guard pending.count > 0 || untoldLines > 0 else { return }
        isStalled = false
        writePending()
        if untoldLines > 0, !isStalled {
            tellDropped(whenFree: 0)
            writePending()
        }
    }

    /// The last words of a process that ends: flushes, and waits for a slow reader at most so long in all.
    public mutating func finish(milliseconds: CInt) {
        let start = Instant(nanoseconds: kernel.monotonicNanoseconds())
        flush()
        while isStalled {
            let passed = Instant(nanoseconds: kernel.monotonicNanoseconds()) - start
            let left = CInt(clamping: Int64(milliseconds) - Int64(passed.milliseconds))
            guard left > 0, stream.waitForRoom(milliseconds: left) else { return }
            flush()
        }
    }

    private mutating func tellDropped(whenFree bytes: Int) {
        guard pending.capacity - pending.count >= bytes else { return }
        pending.begin(refusing: false)
        pending.append(untoldLines)
        pending.append(untoldLines == 1 ? " line" : " lines")
        pending.append(" dropped: the reader of this output is too slow\n")
        if pending.end() == nil { untoldLines = 0 }
    }

    private mutating func writePending() {
        while pending.count > 0 {
            switch unsafe stream.write(pending.bytes) {
            case .bytes(let count):
                pending.removeFirst(count)
            case .wouldBlock:
                isStalled = true
                return
            case .failed(let errno):
                // A full disk may have room again; a reader that has gone does not come back.
                pending.removeFirst(pending.count)
                untoldLines = 0
                hasEnded = [EPIPE, EBADF, ECONNRESET, ENOTCONN, EIO].contains(errno.rawValue)
                return
            }
        }
    }
}

extension LineLog {
    /// Where the pieces of a record are put, one after the other: the log's own memory.
    ///
    /// Once a piece does not fit, the record is refused, and what follows is only counted.
    @safe public struct Record: ~Copyable {
        private let memory: UnsafeMutablePointer<UInt8>
        fileprivate let capacity: Int
        private var start = 0
        private var stop = 0
        /// Where the record that is being written began.
        private var mark = 0
        private var isRefused = false
        private var refusedLines = 0

        fileprivate init(capacity: Int) {
            self.capacity = capacity
            unsafe memory = .allocate(capacity: capacity)
        }

        deinit { unsafe memory.deallocate() }

        /// Appends bytes as they are.
        public mutating func append(_ bytes: Span<UInt8>) {
            unsafe bytes.withUnsafeBufferPointer { unsafe append(copying: $0) }
        }

        /// Appends a text.
        public mutating func append(_ text: String) {
            // Native strings are contiguous; the copy is for those that came from elsewhere.
            let done: Void? = unsafe text.utf8.withContiguousStorageIfAvailable { unsafe append(copying: $0) }
            if done == nil { append(Array(text.utf8).span) }
        }

        /// Appends a text of the program.
        public mutating func append(_ text: StaticString) {
            text.withUTF8Buffer { unsafe append(copying: $0) }
        }

        /// Appends a number in decimal digits.
        @inlinable public mutating func append(_ number: some FixedWidthInteger) {
            if number < 0 { append("-") }
            append(digits: UInt64(number.magnitude))
        }

        @usableFromInline mutating func append(digits number: UInt64) {
            // The digits of the largest number.
            var digits = InlineArray<20, UInt8>(repeating: 0)
            var first = digits.count
            var rest = number
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            append(digits.span.extracting(first..<digits.count))
        }

        /// Appends the address without its port, as ``SocketAddress/host`` has it.
        public mutating func append(host address: SocketAddress) {
            address.withHostText { append($0) }
        }

        private mutating func append(copying bytes: UnsafeBufferPointer<UInt8>) {
            guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
            if !isRefused, bytes.count > capacity - stop { compact() }
            guard !isRefused, bytes.count <= capacity - stop else {
                isRefused = true
                refusedLines += unsafe Self.lines(in: bytes)
                return
            }
            unsafe (memory + stop).update(from: source, count: bytes.count)
            stop += bytes.count
        }

        private static func lines(in bytes: UnsafeBufferPointer<UInt8>) -> Int {
            unsafe bytes.reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
        }

        /// Moves what is there to the front. It happens at most once per write that took only a part, so it costs no
        /// more than the writes do.
        private mutating func compact() {
            guard start > 0 else { return }
            unsafe memory.update(from: memory + start, count: stop - start)
            mark -= start
            stop -= start
            start = 0
        }

        // MARK: for the log

        fileprivate var count: Int { stop - start }

        fileprivate var bytes: UnsafeRawBufferPointer {
            unsafe UnsafeRawBufferPointer(start: memory + start, count: count)
        }

        fileprivate mutating func begin(refusing: Bool) {
            mark = stop
            isRefused = refusing
            refusedLines = 0
        }

        /// Ends the record; when it was refused, takes its pieces back and returns how many lines it had.
        fileprivate mutating func end() -> Int? {
            guard isRefused else { return nil }
            let written = unsafe UnsafeBufferPointer(start: memory + mark, count: stop - mark)
            refusedLines += unsafe Self.lines(in: written)
            stop = mark
            return refusedLines
        }

        fileprivate mutating func removeFirst(_ bytes: Int) {
            start += bytes
            if start == stop {
                start = 0
                stop = 0
            }
        }
    }
}
