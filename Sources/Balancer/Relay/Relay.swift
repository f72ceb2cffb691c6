import Reactor

/// Moves the bytes of all sessions of a loop, through one read buffer.
///
/// Most of what is read is written at once, so sessions need no buffer of their own: only what a slow side does not
/// take is copied to a block of the pool. After a large read the bytes go through a pipe instead (`Relay+Splice`). Both
/// directions are told by one function, `pump`, with the direction as data.
@safe struct Relay: ~Copyable {
    /// How far a call got with one direction.
    private enum Progress {
        /// Nothing more can be done before the next event.
        case waiting
        /// There is more to do, in the next turn: this one's share is used up.
        case more
    }

    /// What became of the bytes that waited for a sink.
    enum Flush {
        /// None are left: more may be read.
        case drained
        /// The sink is full; an event tells when it has room.
        case blocked
        /// The sink has failed; what is left has no reader.
        case broken
    }

    let chunk: UnsafeMutableRawBufferPointer
    /// One direction's share of a turn in bytes.
    private var bytesPerTurn: Int
    /// For slow readers, and for bulk transfers.
    var memory: RelayMemory
    /// Bytes taken out of all sources so far, by reads and by splices. A peek takes none: see ``RelayLedger``.
    var received: UInt64 = 0
    /// How many of them belong to sessions that have ended.
    private(set) var releasedBytes: UInt64 = 0
    /// Refusals to splice since the last splice that moved bytes.
    var spliceRefusals = 0

    init(limits: Limits) {
        unsafe chunk = .allocate(byteCount: limits.chunkBytes, alignment: 4096)
        memory = RelayMemory(limits: limits)
        bytesPerTurn = limits.chunkBytes * Limits.chunksPerTurn
    }

    deinit { unsafe chunk.deallocate() }

    /// The more sessions had more to do than their share of the last turn, the smaller it is in this one: a turn of
    /// many bulk transfers would keep the others waiting.
    mutating func beginTurn(withMoreToDo count: Int) {
        let chunks = count <= Limits.chunksPerTurn ? Limits.chunksPerTurn : 1
        bytesPerTurn = memory.chunkBytes * chunks
    }

    /// Moves what can be moved in both directions of a session. True when there is more to do in the next turn: the
    /// share of this one is used up.
    mutating func run(_ session: inout Session) -> Bool {
        var hasMore = false
        var broken: Bool
        repeat {
            broken = session.isBroken
            if session.upstream.mayMove(from: session.client, to: session.backend),
                pump(from: &session.client, to: &session.backend, &session.upstream, other: session.downstream.isOver)
                    == .more
            {
                hasMore = true
            }
            if session.downstream.mayMove(from: session.backend, to: session.client),
                pump(from: &session.backend, to: &session.client, &session.downstream, other: session.upstream.isOver)
                    == .more
            {
                hasMore = true
            }
            // A side that broke meanwhile changes what the direction pumped first has to do.
        } while !broken && session.isBroken
        return hasMore
    }

    /// Gives back the memory of a session that ends.
    mutating func release(_ session: inout Session) {
        releasedBytes += session.received
        session.upstream.waiting.clear(to: &memory)
        session.downstream.waiting.clear(to: &memory)
    }

    /// Moves bytes from `source` to `sink` until one of them has no more to give or to take, or the turn's share is
    /// used up. `otherIsOver`: the opposite direction has ended, so that both sockets are about to be closed.
    private mutating func pump(
        from source: inout Side, to sink: inout Side, _ half: inout HalfRelay, other otherIsOver: Bool
    ) -> Progress {
        var budget = Budget(bytes: bytesPerTurn)
        while true {
            if sink.isBroken { stopDelivering(&half) }
            switch half.phase {
            case .open:
                switch flush(to: &sink, &half) {
                case .drained: break
                case .blocked: return .waiting
                case .broken: continue
                }
                guard source.isReadable, sink.isWritable else { return .waiting }
                guard budget.hasMore else { return .more }
                transfer(from: &source, to: &sink, &half, &budget)
            case .ending:
                switch flush(to: &sink, &half) {
                case .drained: break
                case .blocked: return .waiting
                case .broken: continue
                }
                // When the opposite direction is over as well, the close that follows sends the FIN.
                if !otherIsOver { sink.stream.shutdownWrite() }
                half.phase = .ended
            case .discarding:
                guard source.isReadable else { return .waiting }
                guard budget.hasMore else { return .more }
                discard(from: &source, &half, &budget)
            case .ended, .discarded:
                return .waiting
            }
        }
    }

    /// One read and one write.
    private mutating func transfer(
        from source: inout Side, to sink: inout Side, _ half: inout HalfRelay, _ budget: inout Budget
    ) {
        if half.splicesLeft > 0, splice(from: &source, to: &sink, &half, &budget) { return }
        // With no block left for what the sink may refuse, look first and take only what the sink has taken.
        let peek = !memory.blocks.hasRoom
        switch unsafe source.receive(into: chunk, peek: peek) {
        case .bytes(let count):
            budget.spend(count)
            half.noteRead(isLarge: count >= memory.chunkBytes / Limits.bulkFraction)
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: chunk[..<count])
            let taken = unsafe deliver(bytes, to: &sink, &half)
            if peek {
                // Counts what it takes.
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
            half.phase = .ending
        case .wouldBlock:
            break
        }
    }

    /// Reads once more what was looked at and delivered. The bytes are there, so no result but theirs is possible.
    mutating func consume(_ count: Int, from source: inout Side, lookedAt: Int) {
        let isReadable = source.isReadable || count < lookedAt
        var left = count
        while left > 0, case .bytes(let read) = unsafe source.receive(into: .init(rebasing: chunk[..<left])) {
            left -= read
            received += UInt64(read)
        }
        source.isReadable = isReadable
    }

    /// Writes what waits: nothing, in most calls, which therefore cost no call.
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
            if taken == 0 { return sink.isBroken ? .broken : .blocked }
        }
        return .drained
    }

    /// One write; how much of it was taken.
    private func deliver(_ bytes: UnsafeRawBufferPointer, to sink: inout Side, _ half: inout HalfRelay) -> Int {
        guard case .bytes(let count) = unsafe sink.send(bytes) else { return 0 }
        half.delivered += UInt64(count)
        return count
    }

    /// The sink is gone: what waits has no reader, and neither has what is to come.
    private mutating func stopDelivering(_ half: inout HalfRelay) {
        switch half.phase {
        case .open:
            half.phase = .discarding
        case .ending:
            half.phase = .discarded
        case .ended, .discarding, .discarded:
            return
        }
        half.discarded += UInt32(half.waiting.count)
        half.waiting.clear(to: &memory)
    }

    private mutating func discard(from source: inout Side, _ half: inout HalfRelay, _ budget: inout Budget) {
        switch unsafe source.receive(into: chunk) {
        case .bytes(let count):
            received += UInt64(count)
            budget.spend(count)
            half.discarded += UInt32(count)
            if half.discarded > Limits.lingerBytesMax { half.phase = .discarded }
        case .endOfStream, .failed:
            half.phase = .discarded
        case .wouldBlock:
            break
        }
    }
}

/// One direction's share of a turn.
struct Budget {
    private var bytes: Int
    private var reads = Limits.readsPerTurn

    init(bytes: Int) {
        self.bytes = bytes
    }

    var hasMore: Bool { bytes > 0 && reads > 0 }

    mutating func spend(_ count: Int) {
        bytes -= count
        reads -= 1
    }
}
