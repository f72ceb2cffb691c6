import Reactor

// Agents beside backends: a connection to each at its own intervals, on which it says a line. One that does not answer changes
// nothing: whether a backend is there is what its probes find out.
extension Prober {
    /// Laps of agents have this bit, in tokens of sockets, and tokens of their timers have it as their lap.
    static let agentLap: UInt8 = 8

    /// True of a token of an agent's socket or timer.
    static func isAgent(_ token: Token) -> Bool { token.lap & agentLap != 0 }

    private func token(ofAgent index: Int) -> Token {
        Token(.probe, targets.key(at: index), lap: Self.agentLap | targets[index].agentProbe.lap & 7)
    }

    /// The timer of an agent has expired: it is the next start, or the deadline of the current one.
    mutating func agentExpired(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        if targets[index].agentProbe.stream.isOpen { return agentEnded(index, &core) }
        guard !targets[index].agentProbe.isWaitingForTurn else { return }
        if turns.mayProbe() { return askAgent(index, &core, &journal) }
        targets[index].agentProbe.isWaitingForTurn = true
        turns.wait(Token(.probeTimer, targets.key(at: index), lap: Self.agentLap), &core)
    }

    /// Begins to connect to an agent.
    mutating func askAgent(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        guard !isStopped, let agent = targets[index].agent else { return }
        guard let backend = targets[index].address, !backend.isUnix, !isOwn(backend.with(port: agent.port)) else {
            return agentEnded(index, &core)
        }
        let address = backend.with(port: agent.port)
        targets[index].agentProbe.lap &+= 1
        do throws(Errno) {
            let stream = try Stream(for: address, from: targets[index].source.forProbes)
            let result = stream.connect(to: address)
            if case .failed(let errno) = result { throw errno }
            if let errno = stream.add(to: core.poller, token(ofAgent: index)) { throw errno }
            targets[index].agentProbe.stream = stream
            core.timers.arm(targets[index].agentProbe.timer, at: core.now + agent.timeout)
            if result == .connected { agentConnected(index, &core, &journal) }
        } catch {
            agentEnded(index, &core)
        }
    }

    /// An event of an agent's socket.
    mutating func agentReady(
        _ index: Int, _ readiness: Readiness, _ core: inout LoopCore, _ journal: inout Journal
    ) {
        guard case .connecting = targets[index].agentProbe.phase else { return hearAgent(index, &core, &journal) }
        if !readiness.isDisjoint(with: [.error, .hangup]), targets[index].agentProbe.stream.takeError() != nil {
            agentEnded(index, &core)
        } else if !readiness.isDisjoint(with: [.writable, .hangup]) {
            if targets[index].agentProbe.stream.isConnectedToItself { return agentEnded(index, &core) }
            agentConnected(index, &core, &journal)
        }
    }

    private mutating func agentConnected(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        targets[index].agentProbe.phase = .talking(Dialogue(lineAfter: targets[index].agent?.send ?? []))
        hearAgent(index, &core, &journal)
    }

    /// Sends and reads, as far as that goes now.
    mutating func hearAgent(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        guard case .talking(var dialogue) = targets[index].agentProbe.phase else { return }
        while true {
            switch dialogue.state {
            case .succeeded:
                takeOver(index, dialogue.line, &journal)
                return agentEnded(index, &core)
            case .failed: return agentEnded(index, &core)
            case .sends:
                let result = unsafe dialogue.unsent.withUnsafeBytes { unsafe targets[index].agentProbe.stream.send($0) }
                switch result {
                case .bytes(let count): dialogue.hasSent(count)
                case .wouldBlock: return targets[index].agentProbe.phase = .talking(dialogue)
                case .failed: return agentEnded(index, &core)
                }
            case .reads:
                guard turns.mayRead(token(ofAgent: index), &core) else {
                    return targets[index].agentProbe.phase = .talking(dialogue)
                }
                switch readAgent(index) {
                case .bytes(let count): dialogue.take(chunk[..<count])
                case .endOfStream: dialogue.end()
                case .wouldBlock: return targets[index].agentProbe.phase = .talking(dialogue)
                case .failed: return agentEnded(index, &core)
                }
            }
        }
    }

    private mutating func readAgent(_ index: Int) -> ReceiveResult {
        var bytes = exchange(&chunk, with: [])
        defer { chunk = bytes }
        return Self.read(&bytes, targets[index].agentProbe.stream, atMost: Limits.probeChunkBytes)
    }

    /// The agent has said a line.
    private mutating func takeOver(_ index: Int, _ line: [UInt8], _ journal: inout Journal) {
        var standing = targets[index].standing
        let unknown = standing.take(line)
        let facts = targets[index].facts(wasUp: targets[index].health.isUp)
        if let word = unknown.first, !targets[index].hasToldUnknownWord {
            targets[index].hasToldUnknownWord = true
            journal.log.agentSaidUnknown(EscapedBytes.text(word), facts)
        }
        guard standing != targets[index].standing else { return }
        if targets[index].standing.keepsClientsAway, !standing.keepsClientsAway { targets[index].comebacks &+= 1 }
        targets[index].standing = standing
        note(index)
        journal.log.agentSaid(EscapedBytes.text(line), standing, facts)
    }

    /// The connection to an agent is over, or there was none.
    private mutating func agentEnded(_ index: Int, _ core: inout LoopCore) {
        targets[index].agentProbe.abandon()
        guard let agent = targets[index].agent else { return }
        let rhythm = ProbeRhythm(targets[index].id, of: targets.count, interval: agent.interval)
        let due = rhythm.next(after: targets[index].agentProbe.due, now: core.now)
        targets[index].agentProbe.due = due
        core.timers.arm(targets[index].agentProbe.timer, at: due)
    }
}
