/// How a stream ended for the side that reads it.
enum StreamEnd {
    case fin
    /// A read or a write has failed: the connection was reset.
    case reset
}

/// What one side has done and seen.
struct Outcome {
    /// Bytes that the kernel has taken.
    var sent = 0
    /// Bytes that were read, all of them the right ones but for ``fault``.
    var received = 0
    /// How the other side's stream ended; nil while it has not, or when this side left before.
    var end: StreamEnd?
    /// It left before it had seen the end of the other side's stream, or with a RST.
    var hasCutOff = false
    /// Of ``sent``, the bytes that were acknowledged when it left.
    var acknowledged = 0
    /// What the other side had sent when this one left.
    var sentByOther = 0
    /// It has closed its socket.
    var hasLeft = false
    /// The first wrong bytes.
    var fault: String?
}
