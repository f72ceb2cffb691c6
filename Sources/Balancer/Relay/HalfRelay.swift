import Reactor

/// One direction of a session: from its source to its sink.
///
/// ```
///            end or error of the source         all delivered, FIN passed on
///   open ----------------------------> ending -----------------------------> ended
///    |                                   |
///    | error of the sink                 | error of the sink
///    v                                   v
///   discarding -----------------------> discarded
///            end or error of the source, or enough thrown away
/// ```
///
/// - `open`: bytes flow. At most one chunk waits, in `pending` or in a pipe, and nothing is read while it does: a slow sink
///   stops a fast source.
/// - `ending`: the source will send no more; what waits still goes out, then the FIN.
/// - `discarding`: nobody takes the bytes any longer. They are still read, for closing a socket with unread bytes sends a
///   RST, which could cut off what the other direction has just delivered (RFC 1122, 4.2.2.13; nginx: lingering_close).
/// - `ended`, `discarded`: nothing more will happen here.
struct HalfRelay: ~Copyable {
    enum Phase: UInt8 {
        case open
        case ending
        case ended
        case discarding
        case discarded
    }

    var phase = Phase.open
    /// The last read was large: the next is spliced, if it can be.
    var isBulk = false
    var pending = PendingBytes()
    var piped = PipedBytes()
    /// Bytes that the sink's kernel has taken.
    var delivered: UInt64 = 0
    /// Bytes that were read and that nobody could take any longer.
    var discarded: UInt64 = 0

    /// Bytes that were read and wait for the sink.
    var waiting: Int { pending.count + piped.count }

    /// True when nothing more will happen in this direction.
    var isOver: Bool { phase == .ended || phase == .discarded }
}

/// One socket of a session, and what is known of its readiness.
///
/// Events are edges: what was reported stays true until a call says otherwise.
struct Side: ~Copyable {
    /// The socket; empty while there is none.
    var stream: Stream
    /// A read may find something.
    var isReadable = false
    /// A write may find room.
    var isWritable = false
    /// The end was announced, or urgent data: a short read no longer proves that all was read, so read on to EAGAIN.
    private(set) var isUnsettled = false
    /// TCP urgent data was announced: a splice would stop in front of it.
    private(set) var hasUrgentData = false
    /// A RST, or another error, was reported; what came before it may still be unread.
    private(set) var isReset = false
    /// Its end, or its failure, was read: it will send no more.
    private(set) var hasEnded = false
    /// Reading or writing has failed: nothing can be sent to it any more.
    private(set) var failure: Errno?
    /// TCP_NODELAY is in force: inherited from the listener, or set.
    var hasNoDelay: Bool
    private var hasSent = false

    init(stream: consuming Stream, hasNoDelay: Bool) {
        self.stream = stream
        self.hasNoDelay = hasNoDelay
    }

    /// True once reading or writing has failed.
    var isBroken: Bool { failure != nil }

    /// Takes in what the poller reported.
    mutating func note(_ readiness: Readiness) {
        if !readiness.isDisjoint(with: .unsettled) {
            if readiness.contains(.urgent), !hasUrgentData {
                stream.keepUrgentInline()
                hasUrgentData = true
            }
            isUnsettled = true
        }
        if readiness.contains(.error) { isReset = true }
        if !hasEnded, !readiness.isDisjoint(with: [.readable, .ending]) { isReadable = true }
        if !readiness.isDisjoint(with: [.writable, .hangup, .error]) { isWritable = true }
    }

    /// Takes in an error that was asked for: there may be bytes to read before the end.
    mutating func noteReset(_ errno: Errno) {
        failure = failure ?? errno
        (isReset, isUnsettled, isReadable) = (true, true, !hasEnded)
    }

    /// Reads, and learns from the result what is left to read.
    mutating func receive(into buffer: UnsafeMutableRawBufferPointer, peek: Bool = false) -> ReceiveResult {
        let result = unsafe stream.receive(into: buffer, peek: peek)
        switch result {
        case .bytes(let count):
            // A short read has emptied the socket, unless it is unsettled; the next bytes make a new edge. It saves the
            // read that says EAGAIN.
            if count < buffer.count, !isUnsettled { isReadable = false }
        case .wouldBlock:
            isReadable = false
        case .endOfStream:
            (isReadable, hasEnded) = (false, true)
        case .failed(let errno):
            (isReadable, hasEnded) = (false, true)
            failure = failure ?? errno
        }
        return result
    }

    /// Reads into a pipe that is empty.
    mutating func splice(into pipe: borrowing Pipe, atMost count: Int) -> SpliceResult {
        let result = stream.splice(into: pipe, atMost: count)
        switch result {
        case .bytes, .undecided, .unsupported:
            break
        case .wouldBlock:
            isReadable = false
        case .failed(let errno):
            (isReadable, hasEnded) = (false, true)
            failure = failure ?? errno
        }
        return result
    }

    /// Writes, and learns from the result what room is left.
    mutating func send(_ bytes: UnsafeRawBufferPointer) -> SendResult {
        prepareToSend()
        let result = unsafe stream.send(bytes)
        note(result)
        // A short write has filled the socket.
        if case .bytes(let count) = result, count < bytes.count { isWritable = false }
        return result
    }

    /// Writes what is in a pipe. It may take less than there is room for.
    mutating func splice(from pipe: borrowing Pipe, count: Int) -> SendResult {
        prepareToSend()
        let result = stream.splice(from: pipe, count: count)
        note(result)
        return result
    }

    /// TCP_NODELAY is set before the second write only: the first leaves at once in any case, and a session that never
    /// writes twice is spared the call.
    private mutating func prepareToSend() {
        if !hasNoDelay, hasSent {
            stream.setNoDelay()
            hasNoDelay = true
        }
        hasSent = true
    }

    private mutating func note(_ result: SendResult) {
        switch result {
        case .bytes:
            break
        case .wouldBlock:
            isWritable = false
        case .failed(let errno):
            failure = failure ?? errno
            // What it sent before it failed is still to be read, and so is its end.
            isReadable = !hasEnded
            isUnsettled = true
        }
    }
}
