import Reactor

/// How much memory the kernel may use for a direction: its source's receive buffer and its sink's send buffer.
///
/// ```
///           64 KiB delivered             4 MiB delivered, and one of few
///   small --------------------> limited --------------------------------> raised
/// ```
///
/// A reader that stops leaves both buffers full. By themselves they grow to 10 MiB and more, which a few hundred such
/// readers turn into a shortage for the whole machine (`tcp_mem`). Limits cost processor time, because less can be
/// moved at once; so the directions that move the most go without them.
///
/// One byte: the power of two of delivered bytes at which the next step is due.
struct BulkBuffers: Equatable {
    fileprivate(set) var exponent: UInt8

    /// As the kernel makes them: most sessions end before they are worth a system call.
    static var small: BulkBuffers { BulkBuffers(exponent: 16) }
    /// ``Limits/unsentBytesMax`` and ``Limits/receiveBytesNear``.
    static var limited: BulkBuffers { BulkBuffers(exponent: 22) }
    /// As the kernel adapts them; no further step.
    static var raised: BulkBuffers { BulkBuffers(exponent: 63) }
}

extension Relay {
    /// Limits the buffers of a direction that has become bulk, or lifts the limits of one that has moved much.
    @inline(never) mutating func resizeBuffers(
        _ source: inout Side, _ sink: inout Side, _ half: inout HalfRelay
    ) {
        if half.buffers == .small {
            half.buffers = .limited
            limit(source.stream, sink.stream)
        } else if raised < raisedMax, !memory.isShort {
            raised += 1
            half.buffers = .raised
            sink.stream.limitUnsent(bytes: .max)
            if !source.stream.adaptReceiveBuffer() { source.stream.limitReceiveBuffer(bytes: Limits.receiveBytesMax) }
        } else {
            // Asks again when it has moved twice as much, at most 2^62 bytes.
            half.buffers.exponent = min(half.buffers.exponent + 1, 62)
        }
    }

    private func limit(_ source: borrowing Stream, _ sink: borrowing Stream) {
        let isShort = memory.isShort
        sink.limitUnsent(bytes: isShort ? Limits.unsentBytesMin : Limits.unsentBytesMax)
        if isShort {
            source.limitReceiveBuffer(bytes: Limits.receiveBytesMin)
        } else if let roundTrip = source.roundTripMicroseconds, roundTrip < Limits.nearMicroseconds {
            source.limitReceiveBuffer(bytes: Limits.receiveBytesNear)
        }
    }
}
