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
    private var pace = Pace()

    /// What its last reads were like, in one byte.
    private struct Pace {
        private var bits: UInt8 = 0
        private static var paused: UInt8 { 1 << 6 }
        private static var refused: UInt8 { 1 << 7 }
        private static var leftMask: UInt8 { paused - 1 }

        /// After a large read: so many small ones may follow before it counts as small again.
        @inline(__always) var smallReadsLeft: UInt8 {
            get { bits & Self.leftMask }
            set { bits = bits & ~Self.leftMask | newValue }
        }
        /// Bytes are copied until the next large read.
        @inline(__always) var isPaused: Bool {
            get { bits & Self.paused != 0 }
            set { bits = newValue ? bits | Self.paused : bits & ~Self.paused }
        }
        @inline(__always) var isSpliced: Bool { bits != 0 && bits < Self.paused }
        /// Bytes are copied for the rest of the session.
        mutating func refuse() { bits |= Self.refused }
    }

    /// It has moved much lately: there was a large read, and fewer than ``Limits/smallReadsMax`` small ones in a row
    /// since. Such a direction waits for its turn, see ``Sessions/ready(_:_:_:_:)``.
    @inline(__always) var isBulk: Bool { pace.smallReadsLeft > 0 }

    /// The next read is a splice. In bulk it is, unless ``pauseSplices()`` or ``refuseSplices()`` say otherwise.
    @inline(__always) var isSpliced: Bool { pace.isSpliced }

    /// A large read makes the direction bulk; a few small ones in a row end that.
    @inline(__always) mutating func recordRead(isLarge: Bool) {
        if isLarge {
            pace.smallReadsLeft = Limits.smallReadsMax
            pace.isPaused = false
        } else if pace.smallReadsLeft > 0 {
            pace.smallReadsLeft -= 1
        }
    }

    /// True when ``Relay/resizeBuffers(_:_:_:)`` is due.
    @inline(__always) var isResizeDue: Bool { delivered >> UInt64(buffers.exponent) != 0 }

    /// Bytes taken out of the source, as the sum of where they are now.
    var received: UInt64 { delivered + UInt64(discarded) + UInt64(waiting.count) }

    /// Copies until the next large read.
    mutating func pauseSplices() { pace.isPaused = true }

    /// Copies for the rest of the session.
    mutating func refuseSplices() { pace.refuse() }

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
