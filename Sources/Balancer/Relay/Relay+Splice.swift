import Reactor

// Bulk transfers: bytes go from socket to socket through a pipe, by reference. A copy of 256 KiB costs more than the
// calls; a copy of a small message costs less than a second call would. So a direction is spliced after a read that
// filled the buffer, and copied again once little comes.
extension Relay {
    /// One read and one write by splice(2); false when it is not to be had, and nothing was moved.
    mutating func splice(
        from source: inout Side, to sink: inout Side, _ half: inout HalfRelay, _ budget: inout Budget
    ) -> Bool {
        guard !source.hasUrgentData, let place = pipes.take() else { return false }
        switch source.splice(into: pipes[place], atMost: pipes.pipeBytes) {
        case .bytes(let count):
            budget.spend(count)
            half.isBulk = count >= pipes.pipeBytes / Limits.bulkFraction
            half.piped.fill(place, count: count)
            _ = drainPipe(to: &sink, &half)
            return true
        case .wouldBlock:
            pipes.give(place)
            return true
        case .failed:
            pipes.give(place)
            half.phase = .ending
            return true
        case .undecided:
            half.isBulk = false
            pipes.give(place)
            return false
        case .unsupported:
            pipes.disable(place)
            return false
        }
    }

    /// Writes what is in the half's pipe; true when nothing is left in it.
    mutating func drainPipe(to sink: inout Side, _ half: inout HalfRelay) -> Bool {
        while !half.piped.isEmpty {
            guard sink.isWritable,
                case .bytes(let count) = sink.splice(from: pipes[half.piped.place], count: half.piped.count)
            else { return false }
            half.delivered += UInt64(count)
            half.piped.drop(first: count, to: &pipes)
        }
        return true
    }
}
