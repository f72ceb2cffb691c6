import Reactor

/// Moves the bytes of all sessions of a loop, through one read buffer.
///
/// Most of what is read is written at once, so sessions need no buffer of their own: only what a slow side does not take
/// is copied to a block of the pool. After a read that filled the buffer, the bytes go through a pipe instead
/// (`Relay+Splice`). Both directions are told by one function, `pump`, with the direction as data.
@safe struct Relay: ~Copyable {
    /// How far a call got.
    enum Progress: Equatable {
        /// Nothing more can be done before the next event.
        case waiting
        /// There is more to do, in the next turn: this one's share is used up.
        case more
    }

    private let chunk: UnsafeMutableRawBufferPointer
    /// One direction's share of a turn in bytes.
    private let bytesPerTurn: Int
    /// Memory for slow readers.
    private(set) var blocks: BlockPool
    /// For bulk transfers.
    var pipes: PipePool

    init(limits: Limits) {
        unsafe chunk = .allocate(byteCount: limits.chunkBytes, alignment: 4096)
        blocks = BlockPool(blockBytes: limits.chunkBytes, blocksMax: limits.blocksMax)
        pipes = PipePool(pipeBytes: limits.chunkBytes, pipesMax: limits.pipesMax)
        bytesPerTurn = limits.chunkBytes * Limits.chunksPerTurn
    }

    deinit { unsafe chunk.deallocate() }

    /// Moves what can be moved in both directions of a session.
    mutating func run(_ session: inout Session) -> Progress {
        var progress = Progress.waiting
        var broken: Bool
        repeat {
            broken = session.isBroken
            let up = pump(
                from: &session.client, to: &session.backend, &session.upstream, other: session.downstream.isOver)
            if up == .more { progress = .more }
            let down = pump(
                from: &session.backend, to: &session.client, &session.downstream, other: session.upstream.isOver)
            if down == .more { progress = .more }
            // A side that broke meanwhile changes what the direction pumped first has to do.
        } while !broken && session.isBroken
        return progress
    }

    /// True when nothing that `side` has sent is left to read: its end or its failure comes next. Nothing is taken.
    mutating func isExhausted(_ side: inout Side) -> Bool {
        switch unsafe side.receive(into: .init(rebasing: chunk[..<1]), peek: true) {
        case .bytes: false
        case .endOfStream, .failed: true
        case .wouldBlock: false
        }
    }

    /// Gives back the memory of a session that ends.
    mutating func release(_ session: inout Session) {
        session.upstream.pending.clear(to: &blocks)
        session.upstream.piped.clear(to: &pipes)
        session.downstream.pending.clear(to: &blocks)
        session.downstream.piped.clear(to: &pipes)
    }

    /// Moves bytes from `source` to `sink` until one of them has no more to give or to take, or the turn's share is used
    /// up. `otherIsOver`: the opposite direction has ended, so that both sockets are about to be closed.
    private mutating func pump(
        from source: inout Side, to sink: inout Side, _ half: inout HalfRelay, other otherIsOver: Bool
    ) -> Progress {
        var budget = Budget(bytes: bytesPerTurn)
        while true {
            if sink.isBroken { stopDelivering(&half) }
            switch half.phase {
            case .open:
                guard flush(to: &sink, &half), source.isReadable, sink.isWritable else {
                    if sink.isBroken { continue }
                    return .waiting
                }
                guard budget.hasMore else { return .more }
                transfer(from: &source, to: &sink, &half, &budget)
            case .ending:
                guard flush(to: &sink, &half) else {
                    if sink.isBroken { continue }
                    return .waiting
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
        if half.isBulk, splice(from: &source, to: &sink, &half, &budget) { return }
        // With no block left for what the sink may refuse, look first and take only what the sink has taken.
        let peek = !blocks.hasRoom
        switch unsafe source.receive(into: chunk, peek: peek) {
        case .bytes(let count):
            budget.spend(count)
            unsafe half.isBulk = count == chunk.count
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: chunk[..<count])
            let taken = unsafe deliver(bytes, to: &sink, &half)
            if peek {
                consume(taken, from: &source, lookedAt: count)
            } else if taken < count, !sink.isBroken {
                unsafe half.pending.keep(UnsafeRawBufferPointer(rebasing: bytes[taken...]), in: &blocks)
            } else {
                half.discarded += UInt64(count - taken)
            }
        case .endOfStream, .failed:
            half.phase = .ending
        case .wouldBlock:
            break
        }
    }

    /// Reads once more what was looked at and delivered. The bytes are there, so no result but theirs is possible.
    private func consume(_ count: Int, from source: inout Side, lookedAt: Int) {
        let isReadable = source.isReadable || count < lookedAt
        var left = count
        while left > 0, case .bytes(let read) = unsafe source.receive(into: .init(rebasing: chunk[..<left])) {
            left -= read
        }
        source.isReadable = isReadable
    }

    /// Writes what waits; true when nothing is left of it.
    private mutating func flush(to sink: inout Side, _ half: inout HalfRelay) -> Bool {
        guard drainPipe(to: &sink, &half) else { return false }
        while !half.pending.isEmpty {
            guard sink.isWritable else { return false }
            let taken = unsafe deliver(half.pending.bytes, to: &sink, &half)
            half.pending.drop(first: taken, to: &blocks)
            if taken == 0 { return false }
        }
        return true
    }

    /// One write; how much of it was taken.
    private func deliver(_ bytes: UnsafeRawBufferPointer, to sink: inout Side, _ half: inout HalfRelay) -> Int {
        guard case .bytes(let count) = unsafe sink.send(bytes) else { return 0 }
        half.delivered += UInt64(count)
        return count
    }

    /// The sink is gone: what is pending has no reader, and neither has what is to come.
    private mutating func stopDelivering(_ half: inout HalfRelay) {
        switch half.phase {
        case .open:
            half.phase = .discarding
        case .ending:
            half.phase = .discarded
        case .ended, .discarding, .discarded:
            return
        }
        half.discarded += UInt64(half.waiting)
        half.pending.clear(to: &blocks)
        half.piped.clear(to: &pipes)
    }

    private func discard(from source: inout Side, _ half: inout HalfRelay, _ budget: inout Budget) {
        switch unsafe source.receive(into: chunk) {
        case .bytes(let count):
            budget.spend(count)
            half.discarded += UInt64(count)
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
