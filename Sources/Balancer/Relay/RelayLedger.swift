/// What a relay's sessions hold and have moved, added up: for an audit.
///
/// Three sums hold between any two calls of the relay, whatever the network did. Over all live sessions:
///
/// ```
///   blocks that hold waiting bytes                        = blocks handed out and not given back
///   pipes that hold waiting bytes                         = pipes handed out and not given back
///   delivered + discarded + waiting, in both directions   = received - what ended sessions had received
/// ```
///
/// What ended sessions had received is also the sum of `bytesUp`, `bytesDown` and `bytesDiscarded` over their records:
/// what waits when a session ends counts as discarded.
///
/// A difference in the first two is a leak: the pool is smaller by one place for as long as the loop runs. In the third
/// it is a byte lost, made up or counted twice.
///
/// While a session connects, what it has delivered is what went along with the SYN (`Relay+FastOpen`). Those bytes are
/// still in the client's socket, since the next backend may need them; they are received when the connection stands. So
/// a session that connects has received nothing: see ``Session/received``.
///
/// - Complexity: an audit is O(sessions): for debug builds, at the end of a turn.
struct RelayLedger: Equatable {
    var blocks = 0
    var pipes = 0
    var bytes: UInt64 = 0

    /// Adds a live session.
    mutating func add(_ session: borrowing Session) {
        add(session.upstream.waiting)
        add(session.downstream.waiting)
        bytes += session.received
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
    /// What the ledger of all live sessions must come to.
    var expectedLedger: RelayLedger {
        RelayLedger(blocks: memory.blocks.taken, pipes: memory.pipes.taken, bytes: received - releasedBytes)
    }
}

extension Session {
    /// Bytes taken out of its two sockets.
    var received: UInt64 { phase == .connecting ? 0 : upstream.received + downstream.received }
}
