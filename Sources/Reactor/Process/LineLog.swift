import Glibc

/// Writes lines for people to an output of the process, for a loop that must never wait: neither for a reader nor for a
/// disk.
///
/// ```
///   record { ... }  ->  [ pending bytes, at most `capacity` ]  ->  flush()  ->  OutputStream: a pipe, terminal or socket
///                  full: dropped and counted                            `--->  DiskWriter:   a file, written by a thread
///                                                     EAGAIN: kept until the event of room
/// ```
///
/// - A record is one line, or several that belong together. It is taken whole or dropped whole.
/// - The owner calls ``flush()`` once a turn, before it waits, so that the lines of a turn leave with one write; and
///   when the event of ``add(to:_:)`` arrives. A log that is more than half full flushes by itself.
/// - Where lines are missing, a line says how many, and why. To keep such lines few, records are taken again only once
///   half of the room is free.
/// - A write that fails (a full disk) loses what was pending, which is counted. Each flush makes another attempt. When one
///   succeeds, the number of missing lines comes first. The begin of a line that the disk took is taken back from a
///   ``LogFile``; in another output, or where that is not possible, the line is ended before anything else is written.
/// - When the reader has gone (EPIPE) the log drops all lines, and the loop goes on. SIGPIPE must be ignored, see
///   ``Signals/ignoreFailedWrites()``.
///
/// No call allocates, apart from those that format the path of a Unix socket, and those after a failure.
public struct LineLog: ~Copyable {
    /// 64 KiB: about a thousand lines, and as much as a pipe holds.
    public static let standardCapacity = 64 * 1024

    private let stream: OutputStream
    /// Writes to `stream` when that is a file; nil for everything else.
    private let disk: DiskWriter?
    /// `disk` is not nil: a question that needs no reference count.
    private let hasDisk: Bool
    private let capacity: Int
    /// How the line about missing lines is written; nil for a plain one.
    private let gap: GapLine?
    private var record: Record
    /// Lines dropped since the last line that reported it.
    private var unreportedLines = 0
    /// The last write returned EAGAIN: only an event or the owner's flush makes another attempt.
    private var isStalled = false
    /// No write to this stream can succeed any more.
    private var hasEnded = false
    /// Why writes fail at present; nil when the last one succeeded.
    private(set) var failure: Errno?
    private var isFailureUntold = false
    /// The last bytes that were written end in the middle of a line.
    private var isCut = false
    /// How many bytes of that line were written.
    private var cutBytes = 0
    /// The size of the file when the line was cut: a smaller one has lost the cut line.
    private var cutSize: Int64?

    /// Writes the line about lines that are missing, its end included: how many, and why.
    public typealias GapLine = @Sendable (inout Record, _ lines: Int, _ cause: String) -> Void

    private var reopenFailure: Errno?

    /// How many records were dropped because there was no room for them.
    public private(set) var droppedRecords = 0

    /// Lines that were lost since the start, whether or not a line tells of them: dropped for lack of room, or not written.
    private var lost = 0

    /// Lines that were lost since the start, also by the thread that writes to a disk.
    public func lostLines() -> Int { lost + (disk?.lostLines() ?? 0) }

    /// Room for the line that reports dropped lines.
    private static let capacityMin = 256

    /// A log on `stream` that keeps at most `capacity` bytes for a slow reader; less than 256 counts as 256. A file is
    /// written to by a thread, which keeps as much again.
    ///
    /// - Parameter gap: Writes the line about missing lines, perhaps on another thread.
    public init(
        _ stream: consuming OutputStream, capacity: Int = LineLog.standardCapacity, gap: GapLine? = nil
    ) {
        let capacity = max(capacity, Self.capacityMin)
        let disk =
            stream.isDisk
            ? DiskWriter(number: stream.number, of: stream.file, capacity: capacity, gap: gap) : nil
        self.init(stream, disk, capacity, gap)
    }

    /// A log that writes to a file itself, and waits for the disk.
    init(waitingFor stream: consuming OutputStream, capacity: Int, gap: GapLine? = nil) {
        self.init(stream, nil, capacity, gap)
    }

    private init(_ stream: consuming OutputStream, _ disk: DiskWriter?, _ capacity: Int, _ gap: GapLine?) {
        self.gap = gap
        self.stream = stream
        self.disk = disk
        hasDisk = disk != nil
        self.capacity = capacity
        record = Record(capacity: capacity)
    }

    deinit { disk?.end() }

    /// How many bytes wait for the reader, or for the thread that writes to a file.
    public var pendingBytes: Int { record.pending.count }

    /// Asks the poller for an event whenever there is room again, or a write has failed; then call ``flush()``.
    public func add(to poller: borrowing Poller, _ token: Token) {
        if let disk { disk.add(to: poller, token) } else { stream.add(to: poller, token) }
    }

    /// Takes the record that `write` puts together, newlines included, or drops it as a whole when it does not fit.
    public mutating func record(_ write: (inout Record) -> Void) {
        guard !hasEnded else { return }
        if unreportedLines > 0 { closeGap() }
        record.begin(refusing: unreportedLines > 0)
        write(&record)
        if let refusedLines = record.end() {
            droppedRecords += 1
            unreportedLines += refusedLines
            lost += refusedLines
        }
        if pendingBytes > capacity / 2, !isStalled { flush() }
    }

    /// Writes what is pending, as far as the reader takes it now.
    public mutating func flush() {
        guard pendingBytes > 0 || unreportedLines > 0 else { return }
        isStalled = false
        if hasDisk, let disk, disk.isWorking { return handOver(to: disk) }
        writePending()
        if unreportedLines > 0, !isStalled, !hasEnded { report() }
    }

    /// For a process that is about to exit: flushes, and waits at most so long in all for a slow reader or disk. Returns
    /// how many lines are missing from the output although no line there says so.
    @discardableResult public mutating func finish(milliseconds: CInt) -> Int {
        let start = Instant(nanoseconds: kernel.monotonicNanoseconds())
        flush()
        while isStalled || !(disk?.isIdle() ?? true) {
            let passed = Instant(nanoseconds: kernel.monotonicNanoseconds()) - start
            let left = CInt(clamping: Int64(milliseconds) - Int64(passed.milliseconds))
            guard left > 0, disk?.wait(milliseconds: left) ?? stream.waitForRoom(milliseconds: left) else { break }
            flush()
        }
        let pending = unsafe Record.lines(in: record.pending.bytes)
        return unreportedLines + pending + (disk?.missingLines() ?? 0)
    }

    /// Why writes fail, once for each time that they begin to. To be asked after a flush.
    public mutating func takeFailure() -> Errno? {
        guard hasDisk || isFailureUntold else { return nil }
        if let disk, disk.isWorking { return disk.takeFailure() }
        isFailureUntold = false
        return failure
    }

    // MARK: a file

    /// Opens the file anew, where the output is a ``LogFile``: lines so far go to the old one, later ones to the new one. The
    /// thread that writes does it, since open(2) waits for the disk as well.
    public mutating func reopen() {
        guard let file = stream.file else { return }
        flush()
        if let disk, disk.isWorking { disk.reopen() } else { reopenFailure = file.reopen() }
    }

    /// Why the file could not be opened anew, once for each attempt; the old one is then written on. To be asked after a
    /// flush.
    public mutating func takeReopenFailure() -> Errno? {
        guard stream.file != nil else { return nil }
        defer { reopenFailure = nil }
        return reopenFailure ?? disk?.takeReopenFailure()
    }

    private mutating func handOver(to disk: DiskWriter) {
        if unsafe disk.take(record.pending.bytes, missing: unreportedLines) {
            record.pending.removeFirst(pendingBytes)
            unreportedLines = 0
        } else {
            isStalled = true
        }
    }

    /// For the thread that writes: appends lines, after which `missing` others are to be told. They do not fit, and are
    /// themselves missing, only after a write has failed.
    mutating func append(_ lines: UnsafeRawBufferPointer, missing: Int) {
        record.begin(refusing: unreportedLines > 0)
        unsafe record.append(copying: lines.bindMemory(to: UInt8.self))
        let refused = record.end() ?? 0
        unreportedLines += refused + missing
        lost += refused
    }

    /// How many lines are missing from the output although no line there says so.
    var missingLines: Int { unreportedLines }

    // MARK: missing lines

    /// Appends the line about missing lines if half of the room is free, so that records can be taken again.
    private mutating func closeGap() {
        if hasDisk || failure != nil {
            // There the line is written when it is known that it can be.
            if !isStalled { flush() }
        } else if capacity - pendingBytes >= capacity / 2 {
            appendReport()
        }
    }

    /// Writes the line about missing lines, with nothing before it. When that fails, they are still missing.
    private mutating func report() {
        let lines = unreportedLines
        appendReport()
        if !writePending(), !hasEnded { unreportedLines = lines }
    }

    private mutating func appendReport() {
        record.begin(refusing: false)
        if isCut, stream.size >= cutSize ?? 0 { record.append("\n") }
        if let gap {
            gap(&record, unreportedLines, failure?.description ?? "\(stream.slowness)")
        } else {
            record.append(unreportedLines)
            record.append(unreportedLines == 1 ? " line" : " lines")
            record.append(" dropped: ")
            if let failure { record.append(failure.description) } else { record.append(stream.slowness) }
            record.append("\n")
        }
        if record.end() == nil { unreportedLines = 0 }
    }

    // MARK: writing

    /// False when the stream has failed, and what was pending is lost.
    @discardableResult private mutating func writePending() -> Bool {
        while pendingBytes > 0 {
            switch unsafe stream.write(record.pending.bytes) {
            case .bytes(let count):
                if count > 0 { unsafe noteEnd(UnsafeRawBufferPointer(rebasing: record.pending.bytes[..<count])) }
                record.pending.removeFirst(count)
                if pendingBytes == 0 { failure = nil }
            case .wouldBlock:
                isStalled = true
                return true
            case .failed(let errno):
                fail(errno)
                return false
            }
        }
        return true
    }

    @inline(__always) private mutating func noteEnd(_ written: UnsafeRawBufferPointer) {
        cutSize = nil
        if unsafe written.last == UInt8(ascii: "\n") {
            (isCut, cutBytes) = (false, 0)
        } else {
            unsafe noteCut(written)
        }
    }

    @inline(never) private mutating func noteCut(_ written: UnsafeRawBufferPointer) {
        let end = unsafe written.lastIndex(of: UInt8(ascii: "\n"))
        cutBytes = end.map { written.count - $0 - 1 } ?? cutBytes + written.count
        isCut = true
        if stream.file != nil { cutSize = stream.size }
    }

    @inline(never) private mutating func fail(_ errno: Errno) {
        if failure == nil { isFailureUntold = true }
        failure = errno
        if isCut, let file = stream.file, let size = cutSize, file.takeBack(cutBytes, ofSize: size) {
            (isCut, cutBytes) = (false, 0)
        } else if isCut, cutSize == nil {
            cutSize = stream.size
        }
        let pending = unsafe Record.lines(in: record.pending.bytes)
        unreportedLines += pending
        lost += pending
        record.pending.removeFirst(pendingBytes)
        // A full disk may have room again, and a log daemon be restarted; a reader that has gone does not come back.
        hasEnded = !stream.mayRecover && [EPIPE, EBADF, ECONNRESET, ENOTCONN, EIO].contains(errno.rawValue)
        if hasEnded { unreportedLines = 0 }
    }
}
