import Reactor

// The first bytes of a session that begins with a header of ours: header and the client's first bytes go out with one write.
extension Relay {
    /// Writes a header to a backend that has just been connected, and what has come from the client already. `write` puts
    /// the header into memory of at least ``ProxyHeaderWriter/bytesMax`` bytes, and returns its size. False when the
    /// backend did not take all of it, and there is no memory for the rest: no byte of the client was read then.
    ///
    /// The header counts as bytes that were received from the client, so that what is delivered is what was received.
    mutating func sendHeader(_ link: inout Link, _ write: (UnsafeMutableRawBufferPointer) -> Int) -> Bool {
        if opening == nil { opening = ByteBuffer(mapping: Limits.openingBytes) }
        guard let memory = unsafe opening?.memory else { return false }
        let header = unsafe write(memory)
        // What the backend does not take has to fit into a block.
        let most = min(memory.count, self.memory.chunkBytes)
        var total = header
        if link.client.isReadable, hasShare, self.memory.blocks.hasRoom, most > header {
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[header..<most])
            switch unsafe link.client.receive(into: room) {
            case .bytes(let count):
                total += count
                charge(count)
            case .endOfStream, .failed: link.upstream.stage = .ending
            case .wouldBlock: break
            }
        }
        received += UInt64(total)
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: memory[..<total])
        var taken = 0
        if case .bytes(let count) = unsafe link.backend.send(bytes) { taken = count }
        link.upstream.delivered += UInt64(taken)
        guard taken < total else { return true }
        guard !link.backend.isBroken, self.memory.blocks.hasRoom, total - taken <= self.memory.chunkBytes else {
            link.upstream.discarded += UInt32(total - taken)
            return link.backend.isBroken
        }
        unsafe link.upstream.waiting.keep(UnsafeRawBufferPointer(rebasing: bytes[taken...]), in: &self.memory)
        return true
    }
}
