import Reactor

/// Moves the bytes of all sessions of a loop, through one read buffer.
///
/// Most bytes are written as soon as they are read, so a session owns no buffer: only bytes that the sink does not take
/// are copied to a block of the pool. After a large read, bytes go through a pipe instead (`Relay+Splice`). One
/// function, `pump`, serves both directions: source, sink and half-relay are its arguments.
struct Relay: ~Copyable {
    /// Why `pump` returned.
    private enum Progress {
        /// The direction is over, or needs an event: bytes to read, or room to write.
        case waiting
        /// The share of this turn is used up; the direction continues in the next turn.
        case more
    }

    /// The result of writing the bytes that wait for a sink.
    enum Flush {
        /// No bytes wait: the source may be read.
        case drained
        /// The sink is full; the poller reports when it has room.
        case blocked
        /// The sink has failed; the bytes that are left cannot be delivered.
        case broken
    }

    let chunk: ByteBuffer
    /// What is left of the turn's share, for all sessions: bytes and reads. What exceeds it goes on in the next turn.
    var bytesLeft = 0
    private var readsLeft = 0
    let shares: TurnShares
    /// Blocks for slow sinks, and pipes for bulk transfers.
    var memory: RelayMemory
    /// Bytes taken out of all sources so far, by reads and by splices. A peek takes none: see ``RelayLedger``.
    var received: UInt64 = 0
    /// How many of them belong to sessions that have ended.
    private(set) var releasedBytes: UInt64 = 0
    /// How many bytes may still be discarded in this turn.
    var discardsLeft = 0
    /// Directions without limits for the kernel's memory, and the most of them.
    var raised = 0
    let raisedMax: Int
    /// Memory for a header of ours and the client's first bytes, in loops that send headers.
    var opening: ByteBuffer?
    /// Refusals to splice since the last splice that moved bytes.
    var spliceRefusals = 0

    init(limits: Limits, of loops: Int = 1) {
        chunk = ByteBuffer(count: limits.chunkBytes, alignment: ByteBuffer.pageBytes)
        memory = RelayMemory(limits: limits)
        shares = limits.shares
        raisedMax = max(1, Limits.raisedMax / loops)
    }

    /// Deals out the share of all sessions for this turn.
    mutating func beginTurn() {
        bytesLeft = memory.chunkBytes * shares.chunks
        readsLeft = shares.reads
        discardsLeft = Limits.lingerBytesPerTurn
        // The kernel may have refused a block before; at the limit this does nothing.
        if !memory.blocks.hasRoom { memory.prepareBlock() }
    }

    /// True while sessions may move bytes in this turn.
    @inline(__always) var hasShare: Bool { bytesLeft > 0 && readsLeft > 0 }

    /// A session has ended: to close its sockets costs as much as a read and a write.
    mutating func chargeEnd() { readsLeft -= 1 }

    /// Bytes of a client were looked at before its first byte went on, which costs as much as a read.
    mutating func chargeLook() { readsLeft -= 1 }

    /// So many bytes were read outside of ``run(_:)``.
    mutating func charge(_ count: Int) {
        readsLeft -= 1
        bytesLeft -= count
    }

    /// Deals out the share of sessions in bulk, before they are run: no more than they may move between two looks at the
    /// poller, and so much at least, whatever the others have used up. Where no other has read anything in this turn, fewer
    /// looks suffice.
    mutating func beginBulk() {
        let isAlone = readsLeft == shares.reads
        bytesLeft = memory.chunkBytes * (isAlone ? shares.bulkChunksAlone : shares.bulkChunks)
        readsLeft = max(readsLeft, shares.readsPerQuantum)
    }

    /// Moves bytes in both directions of a session, as far as its sockets allow, and in each at most a quantum. True when
    /// a direction has used that up: the caller runs the session again, after others.
    mutating func run(_ link: inout Link) -> Bool {
        var hasMore = false
        var broken: Bool
        repeat {
            broken = link.isBroken
            if link.upstream.mayMove(from: link.client, to: link.backend),
                pump(from: &link.client, to: &link.backend, &link.upstream, other: link.downstream.isOver)
                    == .more
            {
                hasMore = true
            }
            if link.downstream.mayMove(from: link.backend, to: link.client),
                pump(from: &link.backend, to: &link.client, &link.downstream, other: link.upstream.isOver)
                    == .more
            {
                hasMore = true
            }
            // A side that failed in the second call changes the first direction as well: as its sink it makes it
            // discard, as its source it has only the rest to read.
        } while !broken && link.isBroken
        return hasMore
    }

    /// Returns the blocks and pipes of a session that ends. While it was not connected it has received nothing: see
    /// ``RelayLedger``.
    mutating func release(_ link: inout Link, isConnected: Bool) {
        if isConnected { releasedBytes += link.received }
        link.upstream.waiting.clear(to: &memory)
        link.downstream.waiting.clear(to: &memory)
        if link.upstream.buffers == .raised { raised -= 1 }
        if link.downstream.buffers == .raised { raised -= 1 }
    }

    /// Moves bytes from `source` to `sink` until the source is empty, the sink is full, or the quantum is used up.
    /// `otherIsOver`: the opposite direction is over, so that both sockets are about to be closed.
    private mutating func pump(
        from source: inout Side, to sink: inout Side, _ half: inout HalfRelay, other otherIsOver: Bool
    ) -> Progress {
        let (bytesEnd, readsEnd) = (bytesLeft - memory.chunkBytes, readsLeft - shares.readsPerQuantum)
        while true {
            if sink.isBroken { stopDelivering(&half) }
            switch half.stage {
            case .open:
                switch flush(to: &sink, &half) {
                case .drained: break
                case .blocked: return .waiting
                case .broken: continue
                }
                guard source.isReadable, sink.isWritable else { return .waiting }
                guard bytesLeft > bytesEnd, readsLeft > readsEnd else { return .more }
                transfer(from: &source, to: &sink, &half)
            case .ending:
                switch flush(to: &sink, &half) {
                case .drained: break
                case .blocked: return .waiting
                case .broken: continue
                }
                // When the opposite direction is over as well, the close that follows sends the FIN.
                if !otherIsOver { sink.stream.shutdownWrite() }
                half.stage = .ended
            case .ended, .discarding, .discarded:
                return .waiting
            }
        }
    }

    /// Reads once, and writes what was read. Inlined, as is what it calls for each message: that saves 50 instructions.
    @inline(__always) private mutating func transfer(
        from source: inout Side, to sink: inout Side, _ half: inout HalfRelay
    ) {
        readsLeft -= 1
        if half.isResizeDue { resizeBuffers(&source, &sink, &half) }
        if half.isSpliced, splice(from: &source, to: &sink, &half) { return }
        // Without a free block, bytes that the sink refuses must stay in the source: peek, and consume what was sent.
        let peek = !memory.blocks.hasRoom
        switch unsafe source.receive(into: chunk.memory, peek: peek) {
        case .bytes(let count):
            bytesLeft -= count
            half.recordRead(isLarge: count >= memory.chunkBytes / Limits.bulkFraction)
            let bytes = unsafe chunk.prefix(count)
            let taken = unsafe deliver(bytes, to: &sink, &half)
            if peek {
                // Adds to `received` itself.
                consume(taken, from: &source, lookedAt: count)
                return
            }
            received += UInt64(count)
            if taken < count, !sink.isBroken {
                unsafe half.waiting.keep(UnsafeRawBufferPointer(rebasing: bytes[taken...]), in: &memory)
            } else {
                half.discarded += UInt32(count - taken)
            }
        case .endOfStream, .failed:
            half.stage = .ending
        case .wouldBlock:
            break
        }
    }

    /// Takes `count` bytes out of the source, after a peek at `lookedAt` bytes has delivered them. They are in the
    /// socket, so neither EAGAIN nor the end can come before them.
    mutating func consume(_ count: Int, from source: inout Side, lookedAt: Int) {
        let isReadable = source.isReadable || count < lookedAt
        var left = count
        while left > 0, case .bytes(let read) = unsafe source.receive(into: chunk.room(left)) {
            left -= read
            received += UInt64(read)
        }
        source.isReadable = isReadable
    }

    /// Writes the bytes that wait, which counts against the turn's share as reading them did: many sinks may have room at
    /// once. Inlined up to the test, since in most calls none do.
    @inline(__always) mutating func flush(to sink: inout Side, _ half: inout HalfRelay) -> Flush {
        half.waiting.isEmpty ? .drained : writeWaiting(to: &sink, &half)
    }

    @inline(never) private mutating func writeWaiting(to sink: inout Side, _ half: inout HalfRelay) -> Flush {
        while !half.waiting.isEmpty {
            guard sink.isWritable else { return .blocked }
            let taken =
                half.waiting.store == .pipe
                ? deliverPiped(to: &sink, &half) : unsafe deliver(half.waiting.bytes(in: memory), to: &sink, &half)
            half.waiting.drop(first: taken, to: &memory)
            bytesLeft -= taken
            if taken == 0 { return sink.isBroken ? .broken : .blocked }
        }
        return .drained
    }

    /// Writes once; returns how many bytes the sink took.
    private func deliver(_ bytes: UnsafeRawBufferPointer, to sink: inout Side, _ half: inout HalfRelay) -> Int {
        guard case .bytes(let count) = unsafe sink.send(bytes) else { return 0 }
        half.delivered += UInt64(count)
        return count
    }

    /// The sink has failed: bytes that wait, and bytes still to be read, cannot be delivered.
    private mutating func stopDelivering(_ half: inout HalfRelay) {
        switch half.stage {
        case .open:
            half.stage = .discarding
        case .ending:
            half.stage = .discarded
        case .ended, .discarding, .discarded:
            return
        }
        half.discarded += UInt32(half.waiting.count)
        half.waiting.clear(to: &memory)
    }
}
