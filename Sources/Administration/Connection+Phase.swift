extension Connection {
    /// What a connection does.
    enum Phase: Hashable {
        /// Between requests, or before the first.
        case idle
        /// Some bytes of a head have come.
        case head
        /// The head has come, the body not yet.
        case body
        /// The balancer is asked.
        case asking
        /// An answer is being written.
        case answering
        /// Server-sent events are written as they come.
        case streaming
        /// The last answer is written; what still comes is dropped, so that the answer is not lost to a reset.
        case leaving
        /// It is closed.
        case gone
    }
}
