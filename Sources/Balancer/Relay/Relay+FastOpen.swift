import Reactor

// TCP Fast Open: the client's first bytes go to the backend with the SYN. They stay in the client's socket until the
// connection is established, so that they can go to the next backend if this one fails.
extension Relay {
    /// Begins to connect a session that has no backend yet. Bytes that went with the SYN count as delivered.
    mutating func connect(
        _ stream: borrowing Stream, to address: SocketAddress, _ link: inout Link
    ) -> ConnectResult {
        let first = unsafe chunk.room(min(chunk.count, Limits.fastOpenBytesMax))
        // Not through `Side`: the peek takes no bytes, and its result must not change the client's readiness.
        guard case .bytes(let count) = unsafe link.client.stream.receive(into: first, peek: true) else {
            return stream.connect(to: address)
        }
        let (result, sent) = unsafe stream.connect(
            to: address, sending: UnsafeRawBufferPointer(rebasing: first[..<count]))
        link.upstream.delivered = UInt64(sent)
        return result
    }

    /// Takes the bytes that went with the SYN out of the client's socket, now that the connection is established.
    mutating func takeSentEarly(_ link: inout Link) {
        let count = Int(link.upstream.delivered)
        consume(count, from: &link.client, lookedAt: count)
        // The peek was limited to `fastOpenBytesMax`, so there may be more.
        link.client.isReadable = true
        link.backend.markSent()
    }
}
