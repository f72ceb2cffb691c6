/// One direction of a session: from its source to its sink.
///
/// ```
///            end or error of the source         all delivered, FIN passed on
///   open ----------------------------> ending -----------------------------> ended
///    |                                   |
///    | error of the sink                 | error of the sink
///    v                                   v
///   discarding -----------------------> discarded
///            all acknowledged, or end or error of the source
/// ```
///
/// - `open`: bytes flow. At most one chunk waits, in a block or a pipe, and the source is not read while it does: a
///   slow sink stops a fast source.
/// - `ending`: the source sends no more. The bytes that wait are still delivered, then the FIN.
/// - `discarding`: the sink has failed. The source stays open until its host has acknowledged what the other direction
///   delivered to it, because closing a socket with unread bytes sends a RST, which could destroy those bytes (RFC
///   1122, 4.2.2.13). A little is read meanwhile: a host may have to finish writing before it reads.
/// - `ended`, `discarded`: final.
struct HalfRelay: ~Copyable {
    enum Stage: UInt8 {
        case open
        case ending
        case ended
        case discarding
        case discarded
    }

    /// Bytes that the sink's kernel has taken.
    var delivered: UInt64 = 0
    /// Bytes that were read and could not be delivered: at most ``Limits/lingerBytesMax`` and a few chunks.
    var discarded: UInt32 = 0
    var waiting = WaitingBytes()
    var stage = Stage.open
    /// The kernel's memory for it, and when that changes: ``Relay/resizeBuffers(_:_:_:)``.
    var buffers = BulkBuffers.small
    /// Above 0, reads are splices, and so many more small ones may follow before bytes are copied again. At 0 bytes are
    /// copied. Below 0 they are copied for the rest of the session: see ``refuseSplices()``.
    private(set) var splicesLeft: Int8 = 0

    /// A large read makes the next reads splices; a few small ones in a row end that.
    @inline(__always) mutating func recordRead(isLarge: Bool) {
        if isLarge {
            if splicesLeft >= 0 { splicesLeft = Limits.smallSplicesMax }
        } else if splicesLeft > 0 {
            splicesLeft -= 1
        }
    }

    /// True when ``Relay/resizeBuffers(_:_:_:)`` is due.
    @inline(__always) var isResizeDue: Bool { delivered >> UInt64(buffers.exponent) != 0 }

    /// Bytes taken out of the source, as the sum of where they are now.
    var received: UInt64 { delivered + UInt64(discarded) + UInt64(waiting.count) }

    /// Copies until the next large read.
    mutating func pauseSplices() {
        if splicesLeft > 0 { splicesLeft = 0 }
    }

    /// Copies for the rest of the session.
    mutating func refuseSplices() { splicesLeft = -1 }

    /// False when the direction needs an event before it can move. An event is mostly for one direction of the two, so
    /// this saves every second call of `pump`.
    @inline(__always) func mayMove(from source: borrowing Side, to sink: borrowing Side) -> Bool {
        stage != .open || source.isReadable || !waiting.isEmpty || sink.isBroken
    }

    /// Bytes may still reach the sink.
    var isDelivering: Bool { stage == .open || stage == .ending }

    /// True in the final stages.
    @inline(__always) var isOver: Bool { stage == .ended || stage == .discarded }
}
