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
/// - `open`: bytes flow. At most one chunk waits, in a block or a pipe, and nothing is read while it does: a slow sink
///   stops a fast source.
/// - `ending`: the source will send no more; what waits still goes out, then the FIN.
/// - `discarding`: nobody takes the bytes any longer. They are still read, for closing a socket with unread bytes sends
///   a RST, which could cut off what the other direction has just delivered (RFC 1122, 4.2.2.13; nginx:
///   lingering_close).
/// - `ended`, `discarded`: nothing more will happen here.
struct HalfRelay: ~Copyable {
    enum Phase: UInt8 {
        case open
        case ending
        case ended
        case discarding
        case discarded
    }

    /// Bytes that the sink's kernel has taken.
    var delivered: UInt64 = 0
    /// Bytes that were read and that nobody could take any longer: little more than ``Limits/lingerBytesMax``.
    var discarded: UInt32 = 0
    var waiting = WaitingBytes()
    var phase = Phase.open
    /// How many reads may still be small before bytes are copied again; above 0 they are spliced, if that can be. Below
    /// 0 they never are: see ``refuseSplices()``.
    private(set) var splicesLeft: Int8 = 0

    /// Large reads make the next ones splices; a few in a row that are not end it.
    @inline(__always) mutating func noteRead(isLarge: Bool) {
        if isLarge {
            if splicesLeft >= 0 { splicesLeft = Limits.smallSplicesMax }
        } else if splicesLeft > 0 {
            splicesLeft -= 1
        }
    }

    /// Bytes taken out of the source: what became of them.
    var received: UInt64 { delivered + UInt64(discarded) + UInt64(waiting.count) }

    /// Copies until the next large read.
    mutating func pauseSplices() {
        if splicesLeft > 0 { splicesLeft = 0 }
    }

    /// Copies for the rest of the session.
    mutating func refuseSplices() { splicesLeft = -1 }

    /// False when nothing can be done before the next event: what most calls for the other direction find.
    @inline(__always) func mayMove(from source: borrowing Side, to sink: borrowing Side) -> Bool {
        phase != .open || source.isReadable || !waiting.isEmpty || sink.isBroken
    }

    /// True when nothing more will happen in this direction.
    @inline(__always) var isOver: Bool { phase == .ended || phase == .discarded }
}
