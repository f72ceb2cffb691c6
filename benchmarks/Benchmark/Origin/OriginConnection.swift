import Reactor

/// A connection as the origin sees it.
struct OriginConnection: ~Copyable {
    let stream: Stream
    /// What the first byte asks for; nil until it has come.
    var wish: Wish?
    /// Readiness, kept until a call says EAGAIN.
    var isReadable = false
    var isWritable = false
    /// A sign of the end was reported: a short read no longer proves that nothing is left.
    var isEnding = false
    /// It stands in the loop's queue, to go on in the next turn.
    var isQueued = false
    /// The peer has ended its direction.
    var hasEnded = false
    /// Where its streams begin in the pattern.
    var start = 0
    var received: UInt64 = 0
    var sent: UInt64 = 0
    /// Bytes of an echo that were read and that the peer has not taken back yet.
    var pending = ByteQueue(limit: Origin.shareBytes)

    init(_ stream: consuming Stream) {
        self.stream = stream
    }

    mutating func note(_ readiness: Readiness) {
        if !readiness.isDisjoint(with: [.readable, .ending]) { isReadable = true }
        if !readiness.isDisjoint(with: [.writable, .hangup, .error]) { isWritable = true }
        if !readiness.isDisjoint(with: .ending) { isEnding = true }
    }
}
