import Reactor

/// One socket of a session, and its readiness: 8 bytes.
///
/// The poller reports changes only (edge-triggered), so a report holds until the result of a call disproves it. The
/// table says what each report and each result changes:
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
///   .  unchanged
///   1  no if the side has ended: nothing follows the end. Otherwise bytes or the end may be unread.
///   2  unchanged if the side is unsettled: more bytes or the end may follow. Otherwise the socket is empty, and the
///      next bytes cause a new event. This saves the read that returns EAGAIN.
///   3  only a read can tell these apart; the relay reads at once.
///   4  a splice may move less than there is room for, so this does not prove that the socket is full.
/// ```
///
/// Unsettled, reset, ended and broken are never cleared. A Unix socket starts unsettled. `SideTests` checks every row
/// from every state that can be reached.
struct Side: ~Copyable {
    /// The socket; the empty stream between two attempts to connect.
    var stream: Stream
    private var flags: SideFlags
    private var failed = OptionalErrno.none

    private struct SideFlags: OptionSet {
        var rawValue: UInt8
        static let readable = SideFlags(rawValue: 1 << 0)
        static let writable = SideFlags(rawValue: 1 << 1)
        static let unsettled = SideFlags(rawValue: 1 << 2)
        static let urgent = SideFlags(rawValue: 1 << 3)
        static let reset = SideFlags(rawValue: 1 << 4)
        static let ended = SideFlags(rawValue: 1 << 5)
        static let noDelay = SideFlags(rawValue: 1 << 6)
        static let sent = SideFlags(rawValue: 1 << 7)
    }

    /// `hasNoDelay`: TCP_NODELAY is set already, inherited from the listener.
    ///
    /// `isUnix`: a short read does not prove that the socket is empty. A read of a Unix socket stops after bytes that
    /// were sent with descriptors (SCM_RIGHTS in unix(7)), and no event reports the bytes behind them. Such a socket is
    /// read until EAGAIN, which costs one call more for each message.
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

    /// A short read does not prove that the socket is empty, so it is read until EAGAIN: it is a Unix socket, or its
    /// end, an error or urgent data was reported.
    var isUnsettled: Bool { flags.contains(.unsettled) }

    /// TCP urgent data was reported. A splice stops in front of it, so the side is read.
    var hasUrgentData: Bool { flags.contains(.urgent) }

    /// A RST or another error was reported. Bytes that came before it may still be unread.
    @inline(__always) var isReset: Bool { flags.contains(.reset) }

    /// A read has returned the end or a failure: nothing follows.
    @inline(__always) var hasEnded: Bool { flags.contains(.ended) }

    /// A read or a write has failed, or an error was asked for: nothing can be sent to it.
    @inline(__always) var isBroken: Bool { failed.exists }

    /// The first failure.
    var failure: Errno? { failed.errno }

    @inline(__always) private mutating func set(_ flag: SideFlags, _ value: Bool) {
        if value { flags.formUnion(flag) } else { flags.subtract(flag) }
    }

    /// Keeps the first failure, which is the cause; later calls return EPIPE.
    private mutating func fail(_ errno: Errno) {
        if !isBroken { failed = OptionalErrno(errno) }
    }

    /// Records that bytes went with the SYN, so that the next write is not the first.
    mutating func markSent() { flags.insert(.sent) }

    // MARK: reports

    /// Applies a report of the poller.
    mutating func note(_ readiness: Readiness) {
        if !readiness.isDisjoint(with: .unsettled) {
            if readiness.contains(.urgent), !hasUrgentData {
                stream.keepUrgentInline()
                flags.insert(.urgent)
            }
            flags.insert(.unsettled)
        }
        if readiness.contains(.error) { flags.insert(.reset) }
        // While SO_OOBINLINE is off, an urgent byte with nothing behind it is reported as urgent only (tcp_poll). Now
        // that the option is on, the byte can be read, and no event will say so.
        if !hasEnded, !readiness.isDisjoint(with: [.readable, .ending, .urgent]) { isReadable = true }
        if !readiness.isDisjoint(with: [.writable, .hangup, .error]) { isWritable = true }
    }

    /// Applies an error that SO_ERROR returned. Bytes that came before it may still be unread.
    mutating func markReset(_ errno: Errno) {
        fail(errno)
        flags.formUnion([.reset, .unsettled])
        isReadable = !hasEnded
    }

    // MARK: reading

    /// Reads once. `peek` leaves the bytes in the socket.
    @inline(__always) mutating func receive(into buffer: UnsafeMutableRawBufferPointer, peek: Bool = false)
        -> ReceiveResult
    {
        let result = unsafe stream.receive(into: buffer, peek: peek)
        switch result {
        case .bytes(let count):
            // Note 2 of the table.
            if count < buffer.count, !isUnsettled { isReadable = false }
        case .wouldBlock:
            isReadable = false
        case .endOfStream:
            markEnded()
        case .failed(let errno):
            markEnded()
            fail(errno)
        }
        return result
    }

    /// Splices once into a pipe, which must be empty.
    mutating func splice(into pipe: borrowing Pipe, atMost count: Int) -> SpliceResult {
        let result = stream.splice(into: pipe, atMost: count)
        switch result {
        case .bytes, .undecided, .unsupported:
            break
        case .wouldBlock:
            isReadable = false
        case .failed(let errno):
            markEnded()
            fail(errno)
        }
        return result
    }

    private mutating func markEnded() {
        flags.insert(.ended)
        isReadable = false
    }

    // MARK: writing

    /// Writes once.
    @inline(__always) mutating func send(_ bytes: UnsafeRawBufferPointer) -> SendResult {
        prepareToSend()
        let result = unsafe stream.send(bytes)
        note(result)
        // A short write has filled the socket, and an event will report room.
        if case .bytes(let count) = result, count < bytes.count { isWritable = false }
        return result
    }

    /// Splices once from a pipe, which must hold `count` bytes, at least one.
    ///
    /// 0 is a failure, EIO. By splice(2) it means that the pipe is empty: bytes of the stream are lost, so nothing that
    /// follows them may be sent. HAProxy treats 0 as EAGAIN, but the socket was not found full, so no event would
    /// report room: the direction would wait until the idle timeout. Retrying could spin.
    mutating func splice(from pipe: borrowing Pipe, count: Int) -> SendResult {
        prepareToSend()
        var result = stream.splice(from: pipe, count: count)
        if result == .bytes(0) { result = .failed(.inputOutput) }
        note(result)
        return result
    }

    /// Sets TCP_NODELAY before the second write. The first write is sent at once in any case (Nagle's algorithm delays
    /// only while data is unacknowledged), so a session that writes once saves the call.
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
            // Bytes that it sent before it failed, and its end, may be unread.
            isReadable = !hasEnded
            flags.insert(.unsettled)
        }
    }
}

/// An error or none, in two bytes: the kernel's error numbers end at 4095 (MAX_ERRNO).
struct OptionalErrno {
    private let number: Int16

    init(_ errno: Errno?) { number = Int16(clamping: errno?.rawValue ?? 0) }

    static var none: OptionalErrno { OptionalErrno(nil) }
    var exists: Bool { number != 0 }
    var errno: Errno? { exists ? Errno(rawValue: CInt(number)) : nil }
}

extension Errno {
    /// EIO, which is 5 on every architecture of Linux.
    fileprivate static var inputOutput: Errno { Errno(rawValue: 5) }
}

extension SocketAddress {
    /// True of the address of a Unix socket.
    @inline(__always) var isUnix: Bool {
        if case .unix = self { true } else { false }
    }
}
