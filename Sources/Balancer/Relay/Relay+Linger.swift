import Reactor

// A session of which one side has gone. What the other side has been sent, it shall get: its socket is closed only when
// its host has acknowledged everything, or has acknowledged nothing more for the linger timeout.
extension Relay {
    /// Ends the directions that only discard, if their source needs no protection any more: its host has acknowledged
    /// all that was delivered to it, or will never do so. True when both directions are over.
    mutating func finishDiscarding(_ link: inout Link) -> Bool {
        if link.downstream.isOver, link.upstream.stage == .discarding, !Self.needsProtection(&link.client) {
            link.upstream.stage = .discarded
        }
        if link.upstream.isOver, link.downstream.stage == .discarding, !Self.needsProtection(&link.backend) {
            link.downstream.stage = .discarded
        }
        return link.isOver
    }

    /// The kernel's count stays above 0 when the connection was reset.
    private static func needsProtection(_ side: inout Side) -> Bool {
        !side.isReset && !side.isBroken && side.stream.unacknowledgedBytes > 0
    }

    /// Reads and discards a little in the directions whose sink has failed: a host that must finish writing before it
    /// reads could otherwise not acknowledge what was delivered to it.
    mutating func discardSome(_ link: inout Link) {
        if link.upstream.stage == .discarding { discard(from: &link.client, &link.upstream) }
        if link.downstream.stage == .discarding { discard(from: &link.backend, &link.downstream) }
    }

    private mutating func discard(from source: inout Side, _ half: inout HalfRelay) {
        let most = min(Limits.lingerChunkBytes, chunk.count)
        guard half.discarded < Limits.lingerBytesMax, source.isReadable, discardsLeft >= most else { return }
        switch unsafe source.receive(into: chunk.room(most)) {
        case .bytes(let count):
            received += UInt64(count)
            discardsLeft -= count
            half.discarded += UInt32(count)
        case .endOfStream, .failed:
            half.stage = .discarded
        case .wouldBlock:
            break
        }
    }
}
