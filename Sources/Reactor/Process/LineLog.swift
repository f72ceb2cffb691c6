import Glibc

/// Writes lines for people to an output of the process, for a loop that must never wait for the reader.
///
/// ```
///   record { ... }  ->  [ pending bytes, at most `capacity` ]  ->  flush()  ->  OutputStream
///                  full: dropped and counted                   EAGAIN: kept until the event of room
/// ```
///
/// - A record is one line, or several that belong together. It is taken whole or dropped whole.
/// - The owner calls ``flush()`` once a turn, before it waits, so that the lines of a turn leave with one write; and
///   when the event of ``add(to:_:)`` arrives. A log that is more than half full flushes by itself.
/// - Where records were dropped, a line says how many lines are missing. To keep such lines few, records are taken
///   again only once half of the room is free.
/// - When the reader has gone (EPIPE) the log drops all lines, and the loop goes on. SIGPIPE must be ignored, see
///   ``Signals/ignoreBrokenPipes()``.
///
/// No call allocates, apart from those that format the path of a Unix socket.
public struct LineLog: ~Copyable {
    /// 64 KiB: about a thousand lines, and as much as a pipe holds.
    public static let standardCapacity = 64 * 1024

    private let stream: OutputStream
    private let capacity: Int
    private var record: Record
    /// Lines dropped since the last line that reported it.
    private var unreportedLines = 0
    /// The last write returned EAGAIN: only an event or the owner's flush makes another attempt.
    private var isStalled = false
    /// No write to this stream can succeed any more.
    private var hasEnded = false

    /// How many records were dropped because the reader was too slow.
    public private(set) var droppedRecords = 0

    /// Room for the line that reports dropped lines.
    private static let capacityMin = 256

    /// A log on `stream` that keeps at most `capacity` bytes for a slow reader; less than 256 counts as 256.
    public init(_ stream: consuming OutputStream, capacity: Int = LineLog.standardCapacity) {
        self.stream = stream
        self.capacity = max(capacity, Self.capacityMin)
        record = Record(capacity: self.capacity)
    }

    /// How many bytes wait for the reader.
    public var pendingBytes: Int { record.pending.count }

    /// Asks the poller for an event whenever there is room again; then call ``flush()``.
    public func add(to poller: borrowing Poller, _ token: Token) {
        stream.add(to: poller, token)
    }

    /// Takes the record that `write` puts together, newlines included, or drops it as a whole when it does not fit.
    public mutating func record(_ write: (inout Record) -> Void) {
        guard !hasEnded else { return }
        if unreportedLines > 0 { reportDropped(whenFree: capacity / 2) }
        record.begin(refusing: unreportedLines > 0)
        write(&record)
        if let refusedLines = record.end() {
            droppedRecords += 1
            unreportedLines += refusedLines
        }
        if pendingBytes > capacity / 2, !isStalled { flush() }
    }

    /// Writes what is pending, as far as the reader takes it now.
    public mutating func flush() {
        guard pendingBytes > 0 || unreportedLines > 0 else { return }
        isStalled = false
        writePending()
        if unreportedLines > 0, !isStalled {
            reportDropped(whenFree: 0)
            writePending()
        }
    }

    /// For a process that is about to exit: flushes, and waits at most so long in all for a slow reader.
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

    private mutating func reportDropped(whenFree bytes: Int) {
        guard capacity - pendingBytes >= bytes else { return }
        record.begin(refusing: false)
        record.append(unreportedLines)
        record.append(unreportedLines == 1 ? " line" : " lines")
        record.append(" dropped: the reader of this output is too slow\n")
        if record.end() == nil { unreportedLines = 0 }
    }

    private mutating func writePending() {
        while pendingBytes > 0 {
            switch unsafe stream.write(record.pending.bytes) {
            case .bytes(let count):
                record.pending.removeFirst(count)
            case .wouldBlock:
                isStalled = true
                return
            case .failed(let errno):
                // A full disk may have room again; a reader that has gone does not come back.
                record.pending.removeFirst(pendingBytes)
                unreportedLines = 0
                hasEnded = [EPIPE, EBADF, ECONNRESET, ENOTCONN, EIO].contains(errno.rawValue)
                return
            }
        }
    }
}

extension LineLog {
    /// The record that is being written: its pieces are appended to the bytes that the log has pending.
    ///
    /// Once a piece does not fit, the record is refused, and the lines that follow are only counted.
    @safe public struct Record: ~Copyable {
        fileprivate var pending: ByteQueue
        /// How many bytes were pending when the record began.
        private var mark = 0
        private var isRefused = false
        private var refusedLines = 0

        fileprivate init(capacity: Int) {
            pending = ByteQueue(reserving: capacity)
        }

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
            let raw = UnsafeRawBufferPointer(bytes)
            if !isRefused, unsafe pending.append(raw) { return }
            isRefused = true
            refusedLines += unsafe Self.lines(in: raw)
        }

        private static func lines(in bytes: UnsafeRawBufferPointer) -> Int {
            unsafe bytes.reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
        }

        fileprivate mutating func begin(refusing: Bool) {
            mark = pending.count
            isRefused = refusing
            refusedLines = 0
        }

        /// Ends the record. When it was refused, removes its pieces and returns how many lines it had.
        fileprivate mutating func end() -> Int? {
            guard isRefused else { return nil }
            let written = unsafe UnsafeRawBufferPointer(rebasing: pending.bytes[mark...])
            refusedLines += unsafe Self.lines(in: written)
            pending.removeLast(pending.count - mark)
            return refusedLines
        }
    }
}
