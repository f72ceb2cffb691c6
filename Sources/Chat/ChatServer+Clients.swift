import Reactor

extension ChatServer {
    // MARK: arrival

    mutating func queueAcceptor() {
        guard acceptor.mayAccept, !acceptor.isQueued else { return }
        acceptor.isQueued = true
        core.ready.append(Token(ServerToken.acceptor))
    }

    /// Accepts clients up to the limit of a turn; the rest is accepted in the next one.
    mutating func acceptClients() {
        acceptor.isQueued = false
        guard acceptor.mayAccept else { return }
        var admitted = 0
        for _ in 0..<Self.acceptsPerTurn {
            switch acceptor.accept() {
            case .accepted(let stream, let address):
                admit(stream, from: address)
                admitted += 1
            case .aborted: continue
            case .wouldBlock: return
            case .exhausted:
                // Those that wait get a close instead of silence.
                _ = acceptor.turnAway(with: &reserve)
                return pauseAccepting()
            }
        }
        // A whole share of failed connections is no accident: do not spin on them.
        if admitted == 0 { pauseAccepting() } else { queueAcceptor() }
    }

    private mutating func pauseAccepting() {
        guard acceptor.pause() else { return }
        core.timers.arm(pauseTimer, at: core.now + Acceptor.pauseAfterShortage)
    }

    /// The listener is edge-triggered: clients that came during the pause are not reported again.
    mutating func resumeAccepting() {
        guard acceptor.resume() else { return }
        core.timers.disarm(pauseTimer)
        queueAcceptor()
    }

    private mutating func admit(_ stream: consuming Stream, from address: SocketAddress) {
        // Beyond `clientsMax` the stream ends here, and the client sees a close.
        let client = ServerClient(stream: stream, address: address, backlogLimit: Self.backlogBytesMax)
        guard let key = clients.insert(client) else { return }
        let index = Int(key.index)
        let token = Token(ServerToken.client, key)
        if clients[index].stream.add(to: core.poller, token) != nil {
            // The limit of epoll registrations: as above.
            _ = clients.remove(at: index)
            return
        }
        let timer = core.timers.add(token)
        clients[index].timer = timer
        core.timers.arm(timer, at: core.now + .milliseconds(Self.graceMilliseconds))
    }

    // MARK: events

    mutating func handleClient(_ event: Event) {
        let key = event.token.key
        // The client may have left earlier in this batch.
        guard clients.contains(key) else { return }
        let index = Int(key.index)
        if event.readiness.contains(.writable) || clients[index].phase == .draining {
            sendBacklog(to: index)
            guard clients.contains(key) else { return }
        }
        if !event.readiness.isDisjoint(with: Readiness.unsettled) { clients[index].isEnding = true }
        if event.readiness.contains(.readable) || clients[index].isEnding { queue(key) }
    }

    mutating func expire(client index: Int) {
        switch clients[index].phase {
        case .unannounced: announce(index)
        case .draining: finish(index, .ended)
        // Its timer is not armed.
        case .chatting: break
        }
    }

    private mutating func queue(_ key: SlabKey) {
        let index = Int(key.index)
        guard !clients[index].isQueued, clients[index].phase != .draining else { return }
        clients[index].isQueued = true
        core.ready.append(Token(ServerToken.client, key))
    }

    // MARK: bytes

    /// Reads once and passes on what came. A client that may have sent more is queued again, behind the others.
    mutating func receive(from key: SlabKey) {
        let index = Int(key.index)
        clients[index].isQueued = false
        // Nothing is read from a client that does not take what it is sent: one that sends faster than it reads its own
        // echo is slowed down, not disconnected. Its end is read all the same.
        if !clients[index].backlog.isEmpty, !clients[index].isEnding {
            clients[index].isHeld = true
            return
        }
        switch unsafe clients[index].stream.receive(into: buffer.memory) {
        case .bytes(let count):
            announce(index)
            unsafe broadcast(buffer.prefix(count))
            // The sender may have been disconnected by its own message.
            guard clients.contains(key) else { return }
            // A short read has emptied the socket, unless its end is still to be read.
            if count == Self.receiveBytesPerTurn || clients[index].isEnding { queue(key) }
        case .wouldBlock: break
        case .endOfStream: drain(index)
        case .failed: finish(index, .failed)
        }
    }

    /// Sends `bytes` to every client. Clients that fail on the way leave at once; the others keep their places.
    private mutating func broadcast(_ bytes: UnsafeRawBufferPointer) {
        for index in clients.indexRange where clients.isTaken(index) {
            if clients[index].phase == .draining { continue }
            switch unsafe clients[index].deliver(bytes) {
            case .accepted: break
            case .tooSlow: finish(index, .tooSlow)
            case .failed: finish(index, .failed)
            }
        }
    }

    private mutating func sendBacklog(to index: Int) {
        switch clients[index].sendBacklog() {
        case .accepted:
            guard clients[index].backlog.isEmpty else { return }
            if clients[index].phase == .draining { return finish(index, .ended) }
            if clients[index].isHeld {
                clients[index].isHeld = false
                queue(clients.key(at: index))
            }
        // Only `deliver`, which adds to the backlog, reports `tooSlow`.
        case .tooSlow, .failed: finish(index, .failed)
        }
    }

    /// The client has ended its direction, and so the chat. What is queued for it is still sent.
    private mutating func drain(_ index: Int) {
        announce(index)
        clients[index].phase = .draining
        if clients[index].backlog.isEmpty {
            finish(index, .ended)
        } else {
            core.timers.arm(clients[index].timer, at: core.now + .seconds(Self.drainSeconds))
        }
    }

    // MARK: lines

    private mutating func announce(_ index: Int) {
        guard clients[index].phase == .unannounced else { return }
        clients[index].phase = .chatting
        core.timers.disarm(clients[index].timer)
        let address = clients[index].address
        output.record {
            $0.append("Connected client IP: ")
            $0.append(host: address)
            $0.append("\n")
        }
    }

    /// Ends a client: the only way to.
    private mutating func finish(_ index: Int, _ departure: Departure) {
        let isProbe = departure == .failed && clients[index].phase == .unannounced
        if !isProbe { announce(index) }
        core.timers.remove(clients[index].timer)
        let number = clients[index].stream.number
        _ = clients.remove(at: index)
        // A descriptor is free again, which a shortage may have waited for.
        resumeAccepting()
        if isProbe { return }
        if departure == .tooSlow {
            errors.record {
                $0.append("client ")
                $0.append(number)
                $0.append(" disconnected: it reads too slowly (more than ")
                $0.append(Self.backlogBytesMax)
                $0.append(" bytes waiting)\n")
            }
        }
        output.record {
            $0.append("client ")
            $0.append(number)
            $0.append(" terminated\n")
        }
    }
}
