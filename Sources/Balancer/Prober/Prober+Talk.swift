import Reactor

// What happens on the connection of a probe once it stands: see ``Probe``. Reads have a share of the turn, and of a probe.
extension Prober {
    /// The connection of a probe stands.
    mutating func connected(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        guard let address = targets[index].probedAddress, let dialogue = makeDialogue(index, at: address) else {
            if targets[index].endsWithReset { return probeEnded(index, nil, &core, &journal) }
            return leave(index, nil, serverEnds: false, &core, &journal)
        }
        targets[index].probe.phase = .talking(dialogue)
        goOn(index, &core, &journal)
    }

    private mutating func makeDialogue(_ index: Int, at address: SocketAddress) -> Dialogue? {
        let source = targets[index].namesItself ? targets[index].probe.stream.localAddress : nil
        return targets[index].dialogue(at: address, from: source)
    }

    /// There may be something to read or to write on the connection of a probe.
    mutating func goOn(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        switch targets[index].probe.phase {
        case .connecting: break
        case .talking(let dialogue):
            // The one there is: nothing is copied when it takes bytes.
            targets[index].probe.phase = .connecting
            talk(index, dialogue, &core, &journal)
        case .leaving(let bytesLeft): awaitEnd(index, bytesLeft: bytesLeft, &core)
        }
    }

    /// Why a probe failed whose time is over.
    func lateness(_ index: Int) -> ProbeFailure {
        guard case .talking(let dialogue) = targets[index].probe.phase, let reason = dialogue.lateReason else {
            return .timeout
        }
        return .answer(reason)
    }

    private func token(ofProbe index: Int) -> Token {
        Token(.probe, targets.key(at: index), lap: targets[index].probe.lap & 7)
    }

    /// Sends and reads what the dialogue wants, as far as that goes now.
    private mutating func talk(
        _ index: Int, _ dialogue: consuming Dialogue, _ core: inout LoopCore, _ journal: inout Journal
    ) {
        while true {
            switch dialogue.state {
            case .succeeded:
                return leave(index, nil, serverEnds: dialogue.serverEnds, &core, &journal)
            case .failed(let reason):
                return leave(index, .answer(reason), serverEnds: dialogue.serverEnds, &core, &journal)
            case .sends:
                let result = unsafe dialogue.unsent.withUnsafeBytes { unsafe targets[index].probe.stream.send($0) }
                switch result {
                case .bytes(let count): dialogue.hasSent(count)
                case .wouldBlock: return targets[index].probe.phase = .talking(dialogue)
                case .failed(let errno): return probeEnded(index, .error(errno), &core, &journal)
                }
            case .reads:
                guard turns.mayRead(token(ofProbe: index), &core) else {
                    return targets[index].probe.phase = .talking(dialogue)
                }
                switch read(index, atMost: Limits.probeChunkBytes) {
                case .bytes(let count): dialogue.take(chunk[..<count])
                case .endOfStream: dialogue.end()
                case .wouldBlock: return targets[index].probe.phase = .talking(dialogue)
                case .failed(let errno): return probeEnded(index, .error(errno), &core, &journal)
                }
            }
        }
    }

    /// Judges a probe, and ends its connection in order. A server that ends it by itself is waited for: so it is the one
    /// that keeps a port in TIME_WAIT, and none that takes a FIN for a client who has gone away is disturbed.
    private mutating func leave(
        _ index: Int, _ failure: ProbeFailure?, serverEnds: Bool, _ core: inout LoopCore, _ journal: inout Journal
    ) {
        if !serverEnds { targets[index].probe.stream.shutdownWrite() }
        targets[index].probe.phase = .leaving(bytesLeft: Limits.probeAnswerBytesMax)
        judged(index, failure, &core, &journal)
        goOn(index, &core, &journal)
    }

    /// Reads what the peer still sends, until its end, or until that is too much or takes too long.
    private mutating func awaitEnd(_ index: Int, bytesLeft: Int, _ core: inout LoopCore) {
        var bytesLeft = bytesLeft
        while bytesLeft > 0 {
            guard turns.mayRead(token(ofProbe: index), &core) else { break }
            switch read(index, atMost: min(bytesLeft, Limits.probeChunkBytes)) {
            case .bytes(let count): bytesLeft -= count
            case .wouldBlock: return targets[index].probe.phase = .leaving(bytesLeft: bytesLeft)
            case .endOfStream, .failed: return left(index, &core)
            }
        }
        guard bytesLeft > 0 else { return left(index, &core) }
        targets[index].probe.phase = .leaving(bytesLeft: bytesLeft)
    }

    /// The connection of a probe that is judged is over.
    mutating func left(_ index: Int, _ core: inout LoopCore) {
        targets[index].probe.abandon()
        setNextProbe(index, &core)
    }

    private mutating func read(_ index: Int, atMost count: Int) -> ReceiveResult {
        // Moved out and in again: the compiler takes both for accesses to the same.
        var bytes = exchange(&chunk, with: [])
        defer { chunk = bytes }
        return Self.read(&bytes, targets[index].probe.stream, atMost: count)
    }

    static func read(_ chunk: inout [UInt8], _ stream: borrowing Stream, atMost count: Int) -> ReceiveResult {
        unsafe chunk.withUnsafeMutableBytes { bytes in
            unsafe stream.receive(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<count]))
        }
    }
}
