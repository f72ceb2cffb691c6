import Reactor

// Bulk transfers: bytes go from socket to socket through a pipe, by reference. A copy of 256 KiB costs more than the
// calls; a copy of a small message costs less than a second call would. So a direction is spliced after a large
// read, and copied again after a few in a row that are small.
extension Relay {
    /// One read and one write by splice(2); false when it is not to be had, and nothing was moved.
    mutating func splice(
        from source: inout Side, to sink: inout Side, _ half: inout HalfRelay, _ budget: inout Budget
    ) -> Bool {
        guard spliceRefusals < Limits.spliceRefusalsMax else {
            half.refuseSplices()
            return false
        }
        guard !source.hasUrgentData, let pipe = memory.takePipe() else {
            // A shortage may pass, but looking for a pipe may cost a call: not again before the next large read.
            half.pauseSplices()
            return false
        }
        switch source.splice(into: memory.pipes[pipe], atMost: memory.chunkBytes) {
        case .bytes(let count):
            spliceRefusals = 0
            received += UInt64(count)
            budget.spend(count)
            half.noteRead(isLarge: count >= memory.chunkBytes / Limits.bulkFraction)
            half.waiting.note(pipe: pipe, count: count)
            _ = flush(to: &sink, &half)
            return true
        case .wouldBlock:
            memory.pipes.give(pipe)
            return true
        case .failed:
            memory.pipes.give(pipe)
            half.phase = .ending
            return true
        case .undecided:
            half.pauseSplices()
            memory.pipes.give(pipe)
            return false
        case .unsupported:
            // Not asked again: the answer would be the same, and costs a call.
            half.refuseSplices()
            spliceRefusals += 1
            memory.pipes.give(pipe)
            return false
        }
    }

    /// One write of what is in the half's pipe; how much of it was taken.
    func deliverPiped(to sink: inout Side, _ half: inout HalfRelay) -> Int {
        let result = sink.splice(from: memory.pipes[half.waiting.pipe], count: half.waiting.count)
        guard case .bytes(let count) = result else { return 0 }
        half.delivered += UInt64(count)
        return count
    }
}
