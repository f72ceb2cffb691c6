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
            guard makeRoom() else { return pauseAccepting() }
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

    /// Makes sure of memory for one more client, unless there are `clientsMax` anyway.
    private mutating func makeRoom() -> Bool {
        if clients.isFull || clients.hasRoom && core.timers.hasRoom { return true }
        return core.timers.makeRoom() && core.ready.reserve(clients.nextRoom + 1) && clients.makeRoom()
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
        case .chatting: expireUnfinished(index)
        }
    }

    mutating func queue(_ key: SlabKey) {
        let index = Int(key.index)
        guard !clients[index].isQueued, clients[index].phase != .draining else { return }
        clients[index].isQueued = true
        core.ready.append(Token(ServerToken.client, key))
    }

    // MARK: lines

    mutating func announce(_ index: Int) {
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
    mutating func finish(_ index: Int, _ departure: Departure) {
        let isProbe = departure == .failed && clients[index].phase == .unannounced
        if !isProbe { announce(index) }
        core.timers.remove(clients[index].timer)
        let number = clients[index].stream.number
        let unfinished = takeUnfinished(index)
        if !unfinished.isEmpty { lastWords.append(unfinished) }
        let memory = clients[index].backlog.memoryBytes
        _ = clients.remove(at: index)
        backlogsChanged(by: -memory)
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
