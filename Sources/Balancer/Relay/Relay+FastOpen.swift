import Reactor

// TCP Fast Open: what the client has sent already goes to the backend with the SYN. It stays in the client's socket
// until the connection stands, so that it can go to the next backend when this one fails.
extension Relay {
    /// Begins to connect a session that has no backend yet. What went along counts as delivered.
    mutating func connect(
        _ stream: borrowing Stream, to address: SocketAddress, _ session: inout Session
    ) -> ConnectResult {
        let first = unsafe UnsafeMutableRawBufferPointer(rebasing: chunk.prefix(Limits.fastOpenBytesMax))
        // Not by way of `Side`: nothing is taken, and nothing learnt.
        guard case .bytes(let count) = unsafe session.client.stream.receive(into: first, peek: true) else {
            return stream.connect(to: address)
        }
        let (result, sent) = unsafe stream.connect(
            to: address, sending: UnsafeRawBufferPointer(rebasing: first[..<count]))
        session.upstream.delivered = UInt64(sent)
        return result
    }

    /// The connection stands: what went along with the SYN is taken from the client.
    mutating func takeSentEarly(_ session: inout Session) {
        let count = Int(session.upstream.delivered)
        consume(count, from: &session.client, lookedAt: count)
        // A peek has not seen the end of what there is.
        session.client.isReadable = true
        session.backend.noteSent()
    }
}
