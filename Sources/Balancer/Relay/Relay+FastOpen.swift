import Reactor

// TCP Fast Open: the client's first bytes go to the backend with the SYN. They stay in the client's socket until the
// connection is established, so that they can go to the next backend if this one fails.
extension Relay {
    /// Begins to connect a session that has no backend yet. Bytes that went with the SYN count as delivered.
    mutating func connect(
        _ stream: borrowing Stream, to address: SocketAddress, _ session: inout Session
    ) -> ConnectResult {
        let first = unsafe UnsafeMutableRawBufferPointer(rebasing: chunk.prefix(Limits.fastOpenBytesMax))
        // Not through `Side`: the peek takes no bytes, and its result must not change the client's readiness.
        guard case .bytes(let count) = unsafe session.client.stream.receive(into: first, peek: true) else {
            return stream.connect(to: address)
        }
        let (result, sent) = unsafe stream.connect(
            to: address, sending: UnsafeRawBufferPointer(rebasing: first[..<count]))
        session.upstream.delivered = UInt64(sent)
        return result
    }

    /// Takes the bytes that went with the SYN out of the client's socket, now that the connection is established.
    mutating func takeSentEarly(_ session: inout Session) {
        let count = Int(session.upstream.delivered)
        consume(count, from: &session.client, lookedAt: count)
        // The peek was limited to `fastOpenBytesMax`, so there may be more.
        session.client.isReadable = true
        session.backend.noteSent()
    }
}
