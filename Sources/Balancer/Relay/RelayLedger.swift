/// What the sessions of a loop hold of its relay's memory, added up one by one.
///
/// Between two calls of the relay, the sum over all live sessions equals ``RelayMemory/taken``: a place that is taken
/// but held by no session has leaked, and the pool is smaller by one for as long as the loop runs.
///
/// - Complexity: an audit is O(sessions): for debug builds, at the end of a turn.
struct RelayLedger: Equatable {
    var blocks = 0
    var pipes = 0

    mutating func add(_ session: borrowing Session) {
        add(session.upstream.waiting)
        add(session.downstream.waiting)
    }

    private mutating func add(_ waiting: borrowing WaitingBytes) {
        switch waiting.store {
        case .none: break
        case .block: blocks += 1
        case .pipe: pipes += 1
        }
    }
}

extension RelayMemory {
    /// The places that the pools have handed out and not received back.
    var taken: RelayLedger { RelayLedger(blocks: blocks.taken, pipes: pipes.taken) }
}
