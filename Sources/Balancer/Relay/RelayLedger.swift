/// The memory that a relay's sessions hold and the bytes that they have moved, added up for an audit.
///
/// Three equations hold between any two calls of the relay, whatever faults the network had. The left sides are sums
/// over all live sessions:
///
/// ```
///   blocks that hold waiting bytes                         = blocks taken from the pool
///   pipes that hold waiting bytes                          = pipes taken from the pool
///   delivered + discarded + waiting, both directions       = received - received by sessions that have ended
/// ```
///
/// In the first two, a difference is a leak: the pool stays smaller by one place until the loop ends. In the third it
/// is a byte lost, invented or counted twice. Bytes that wait when a session ends count as discarded in its record, so
/// the sum of `bytesUp`, `bytesDown` and `bytesDiscarded` over all records equals the bytes received by sessions that
/// have ended.
///
/// While a session connects, `delivered` counts the bytes that went with the SYN (`Relay+FastOpen`). They are still in
/// the client's socket, because the next backend may need them, and are received once the connection is established.
/// Until then the session has received nothing.
///
/// - Complexity: an audit is O(sessions), so it is for debug builds, at the end of a turn.
struct RelayLedger: Equatable {
    var blocks = 0
    var pipes = 0
    var bytes: UInt64 = 0

    /// Adds a live link.
    mutating func add(_ link: borrowing Link, isConnected: Bool) {
        add(link.upstream.waiting)
        add(link.downstream.waiting)
        if isConnected { bytes += link.received }
    }

    private mutating func add(_ waiting: borrowing WaitingBytes) {
        switch waiting.store {
        case .none: break
        case .block: blocks += 1
        case .pipe: pipes += 1
        }
    }
}

extension Relay {
    /// What the ledger of all live sessions must equal.
    var expectedLedger: RelayLedger {
        RelayLedger(blocks: memory.blocks.taken, pipes: memory.pipes.taken, bytes: received - releasedBytes)
    }
}
