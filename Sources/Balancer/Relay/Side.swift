import Reactor

/// One socket of a session, and its readiness: 8 bytes.
///
/// Events are edges: what was reported stays true until the result of a call says otherwise. What each report and each
/// result does:
///
/// ```
///                              readable   writable   unsettled   reset   ended   broken
///   reported
///     readable                 yes (1)       .           .         .       .       .
///     writable                    .         yes          .         .       .       .
///     read hangup              yes (1)       .          yes        .       .       .
///     hangup                   yes (1)      yes         yes        .       .       .
///     error                    yes (1)      yes         yes       yes      .       .
///     urgent                   yes (1)       .          yes        .       .       .
///     error asked for          yes (1)       .          yes       yes      .      yes
///   read
///     all that was asked for      .          .           .         .       .       .
///     fewer                     no (2)       .           .         .       .       .
///     EAGAIN                      no         .           .         .       .       .
///     end                         no         .           .         .      yes      .
///     error                       no         .           .         .      yes     yes
///   splice into a pipe
///     some                        .          .           .         .       .       .
///     EAGAIN                      no         .           .         .       .       .
///     0, ENOMEM, a refusal      . (3)        .           .         .       .       .
///     error                       no         .           .         .      yes     yes
///   write
///     all                         .          .           .         .       .       .
///     fewer                       .         no           .         .       .       .
///     EAGAIN                      .         no           .         .       .       .
///     error                    yes (1)       .          yes        .       .      yes
///   splice from a pipe
///     some                        .        . (4)         .         .       .       .
///     EAGAIN                      .         no           .         .       .       .
///     0, error                 yes (1)       .          yes        .       .      yes
///
///   .  as it was
///   1  no, if it has ended: nothing follows the end. Otherwise the end, or what was sent before a failure, is unread.
///   2  as it was, if it is unsettled: there may be more, or the end. Otherwise the socket is empty, and the next bytes
///      make a new edge, which saves the read that says EAGAIN.
///   3  only a read can tell which it was; it follows at once.
///   4  fewer bytes than the pipe holds do not prove that the socket is full: a splice may stop at a page.
/// ```
///
/// Unsettled, reset, ended and broken are never taken back. A Unix socket is unsettled from the start. `SideTests` walks
/// every cell from every state.
struct Side: ~Copyable {
    /// The socket; empty while there is none.
    var stream: Stream
    private var flags: Flags
    private var failed = OptionalErrno.none

    private struct Flags: OptionSet {
        var rawValue: UInt8
        static let readable = Flags(rawValue: 1 << 0)
        static let writable = Flags(rawValue: 1 << 1)
        static let unsettled = Flags(rawValue: 1 << 2)
        static let urgent = Flags(rawValue: 1 << 3)
        static let reset = Flags(rawValue: 1 << 4)
        static let ended = Flags(rawValue: 1 << 5)
        static let noDelay = Flags(rawValue: 1 << 6)
        static let sent = Flags(rawValue: 1 << 7)
    }

    /// `hasNoDelay`: TCP_NODELAY is in force already, inherited from the listener.
    ///
    /// `isUnix`: a short read proves nothing. A read of a Unix socket ends behind the piece that descriptors were passed
    /// with (SCM_RIGHTS in unix(7)), and no event tells of what follows it. So such a socket is read until EAGAIN, which
    /// costs it a call for each message.
    init(stream: consuming Stream, hasNoDelay: Bool, isUnix: Bool) {
        self.stream = stream
        flags = hasNoDelay ? .noDelay : []
        if isUnix { flags.insert(.unsettled) }
    }

    /// A read may find something.
    @inline(__always) var isReadable: Bool {
        get { flags.contains(.readable) }
        set { set(.readable, newValue) }
    }

    /// A write may find room.
    @inline(__always) var isWritable: Bool {
        get { flags.contains(.writable) }
        set { set(.writable, newValue) }
    }

    /// A Unix socket, or the end or urgent data was announced: a short read does not prove that all was read, so read on
    /// to EAGAIN. Once set it stays.
    var isUnsettled: Bool { flags.contains(.unsettled) }

    /// TCP urgent data was announced: a splice would stop in front of it.
    var hasUrgentData: Bool { flags.contains(.urgent) }

    /// A RST, or another error, was reported; what came before it may still be unread.
    @inline(__always) var isReset: Bool { flags.contains(.reset) }

    /// Its end, or its failure, was read: it will send no more.
    @inline(__always) var hasEnded: Bool { flags.contains(.ended) }

    /// True once reading or writing has failed.
    @inline(__always) var isBroken: Bool { failed.exists }

    /// Reading or writing has failed: nothing can be sent to it any more.
    var failure: Errno? { failed.errno }

    @inline(__always) private mutating func set(_ flag: Flags, _ value: Bool) {
        if value { flags.formUnion(flag) } else { flags.subtract(flag) }
    }

    /// Remembers the first failure.
    private mutating func fail(_ errno: Errno) {
        if !isBroken { failed = OptionalErrno(errno) }
    }

    /// The first bytes went along with the SYN.
    mutating func noteSent() { flags.insert(.sent) }

    // MARK: what was reported

    /// Takes in what the poller reported.
    mutating func note(_ readiness: Readiness) {
        if !readiness.isDisjoint(with: .unsettled) {
            if readiness.contains(.urgent), !hasUrgentData {
                stream.keepUrgentInline()
                flags.insert(.urgent)
            }
            flags.insert(.unsettled)
        }
        if readiness.contains(.error) { flags.insert(.reset) }
        // An urgent byte with nothing behind it is not reported as readable while it is not kept inline (tcp_poll), and
        // no other event tells of it.
        if !hasEnded, !readiness.isDisjoint(with: [.readable, .ending, .urgent]) { isReadable = true }
        if !readiness.isDisjoint(with: [.writable, .hangup, .error]) { isWritable = true }
    }

    /// Takes in an error that was asked for: there may be bytes to read before the end.
    mutating func noteReset(_ errno: Errno) {
        fail(errno)
        flags.formUnion([.reset, .unsettled])
        isReadable = !hasEnded
    }

    // MARK: reading

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
            noteEnd()
        case .failed(let errno):
            noteEnd()
            fail(errno)
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
            noteEnd()
            fail(errno)
        }
        return result
    }

    private mutating func noteEnd() {
        flags.insert(.ended)
        isReadable = false
    }

    // MARK: writing

    /// Writes, and learns from the result what room is left.
    mutating func send(_ bytes: UnsafeRawBufferPointer) -> SendResult {
        prepareToSend()
        let result = unsafe stream.send(bytes)
        note(result)
        // A short write has filled the socket.
        if case .bytes(let count) = result, count < bytes.count { isWritable = false }
        return result
    }

    /// Writes `count` bytes, at least one, that are in a pipe. It may take less than there is room for.
    ///
    /// 0 is a failure. It means that the pipe is empty (splice(2)), so bytes of the stream are missing, and what comes
    /// behind them must not be sent. Nor is it EAGAIN, for which HAProxy takes it: no write found the socket full, so no
    /// event would follow, and the session would wait until it is idle. Trying again could go on for ever.
    mutating func splice(from pipe: borrowing Pipe, count: Int) -> SendResult {
        prepareToSend()
        var result = stream.splice(from: pipe, count: count)
        if result == .bytes(0) { result = .failed(.inputOutput) }
        note(result)
        return result
    }

    /// TCP_NODELAY is set before the second write only: the first leaves at once in any case, and a session that never
    /// writes twice is spared the call.
    private mutating func prepareToSend() {
        if flags.isDisjoint(with: .noDelay), flags.contains(.sent) {
            stream.setNoDelay()
            flags.insert(.noDelay)
        }
        flags.insert(.sent)
    }

    private mutating func note(_ result: SendResult) {
        switch result {
        case .bytes:
            break
        case .wouldBlock:
            isWritable = false
        case .failed(let errno):
            fail(errno)
            // What it sent before it failed is still to be read, and so is its end.
            isReadable = !hasEnded
            flags.insert(.unsettled)
        }
    }
}

/// An error or none, in two bytes: the kernel's numbers end at 4095 (MAX_ERRNO).
struct OptionalErrno {
    private let number: Int16

    init(_ errno: Errno?) { number = Int16(clamping: errno?.rawValue ?? 0) }

    static var none: OptionalErrno { OptionalErrno(nil) }
    var exists: Bool { number != 0 }
    var errno: Errno? { exists ? Errno(rawValue: CInt(number)) : nil }
}

extension Errno {
    /// EIO, 5 on every architecture of Linux.
    fileprivate static var inputOutput: Errno { Errno(rawValue: 5) }
}

extension SocketAddress {
    /// True of the address of a Unix socket.
    @inline(__always) var isUnix: Bool {
        if case .unix = self { true } else { false }
    }
}
