import Reactor

// Bulk transfers: bytes go from socket to socket through a pipe, by reference. Copying 256 KiB costs more than two
// splices; copying a small message costs less than the second splice. So a direction is spliced after a large read, and
// copied again after a few small reads in a row.
extension Relay {
    /// Splices once from the source to a pipe, and on to the sink. False when nothing was moved and a read must follow:
    /// no pipe is free, urgent data or the end is next, or the kernel refuses.
    mutating func splice(
        from source: inout Side, to sink: inout Side, _ half: inout HalfRelay
    ) -> Bool {
        guard spliceRefusals < Limits.spliceRefusalsMax else {
            half.refuseSplices()
            return false
        }
        guard !source.hasUrgentData, let pipe = memory.takePipe() else {
            // A shortage may pass. Making a pipe may cost a call that fails, so try again only after the next large
            // read.
            half.pauseSplices()
            return false
        }
        switch source.splice(into: memory.pipes[pipe], atMost: memory.chunkBytes) {
        case .bytes(let count):
            spliceRefusals = 0
            received += UInt64(count)
            half.recordRead(isLarge: count >= memory.chunkBytes / Limits.bulkFraction)
            half.waiting.note(pipe: pipe, count: count)
            _ = flush(to: &sink, &half)
            // What was written has counted already.
            bytesLeft -= half.waiting.count
            return true
        case .wouldBlock:
            memory.pipes.give(pipe)
            return true
        case .failed:
            memory.pipes.give(pipe)
            half.stage = .ending
            return true
        case .undecided:
            half.pauseSplices()
            memory.pipes.give(pipe)
            return false
        case .unsupported:
            // The kernel would refuse this socket again, at the cost of a call each time.
            half.refuseSplices()
            spliceRefusals += 1
            memory.pipes.give(pipe)
            return false
        }
    }

    /// Splices once from the half-relay's pipe; returns how many bytes the sink took.
    func deliverPiped(to sink: inout Side, _ half: inout HalfRelay) -> Int {
        let result = sink.splice(from: memory.pipes[half.waiting.pipe], count: half.waiting.count)
        guard case .bytes(let count) = result else { return 0 }
        half.delivered += UInt64(count)
        return count
    }
}
