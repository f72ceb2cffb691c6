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
        if targets[index].agentProbe.stream.isOpen {
            return agentFailed(index, "no answer within the agent's timeout", &core, &journal)
        }
        guard !targets[index].agentProbe.isWaitingForTurn else { return }
        if turns.mayProbe() { return askAgent(index, &core, &journal) }
        targets[index].agentProbe.isWaitingForTurn = true
        turns.wait(Token(.probeTimer, targets.key(at: index), lap: Self.agentLap), &core)
    }

    /// Begins to connect to an agent.
    mutating func askAgent(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        guard !isStopped, let agent = targets[index].agent else { return }
        guard targets[index].steered != .maintain else { return agentEnded(index, &core) }
        guard let backend = targets[index].address, !backend.isUnix, !isOwn(backend.with(port: agent.port)) else {
            return agentFailed(index, "its address is the balancer's own, or has no port", &core, &journal)
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
            agentFailed(index, error.description, &core, &journal)
        }
    }

    /// An event of an agent's socket.
    mutating func agentReady(
        _ index: Int, _ readiness: Readiness, _ core: inout LoopCore, _ journal: inout Journal
    ) {
        guard case .connecting = targets[index].agentProbe.phase else { return hearAgent(index, &core, &journal) }
        if !readiness.isDisjoint(with: [.error, .hangup]),
            let errno = targets[index].agentProbe.stream.takeError()
        {
            agentFailed(index, errno.description, &core, &journal)
        } else if !readiness.isDisjoint(with: [.writable, .hangup]) {
            if targets[index].agentProbe.stream.isConnectedToItself {
                return agentFailed(index, Errno.connectionRefused.description, &core, &journal)
            }
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
            case .failed(let reason): return agentFailed(index, reason, &core, &journal)
            case .sends:
                let result = unsafe dialogue.unsent.withUnsafeBytes { unsafe targets[index].agentProbe.stream.send($0) }
                switch result {
                case .bytes(let count): dialogue.hasSent(count)
                case .wouldBlock: return targets[index].agentProbe.phase = .talking(dialogue)
                case .failed(let errno): return agentFailed(index, errno.description, &core, &journal)
                }
            case .reads:
                guard turns.mayRead(token(ofAgent: index), &core) else {
                    return targets[index].agentProbe.phase = .talking(dialogue)
                }
                switch readAgent(index) {
                case .bytes(let count): dialogue.take(chunk[..<count])
                case .endOfStream: dialogue.end()
                case .wouldBlock: return targets[index].agentProbe.phase = .talking(dialogue)
                case .failed(let errno): return agentFailed(index, errno.description, &core, &journal)
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
        if standing.isSilent {
            standing.isSilent = false
            targets[index].standing.isSilent = false
            note(index)
            journal.log.agentHeard(facts)
        }
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

    /// It has said nothing that can be understood. Told once: what it said before holds.
    private mutating func agentFailed(
        _ index: Int, _ reason: String, _ core: inout LoopCore, _ journal: inout Journal
    ) {
        if !targets[index].standing.isSilent {
            targets[index].standing.isSilent = true
            note(index)
            journal.log.agentSilent(reason, targets[index].facts(wasUp: targets[index].health.isUp))
        }
        agentEnded(index, &core)
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
