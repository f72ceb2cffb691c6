import Reactor

extension ChatServer {
    // MARK: arrival

    /// Accepts who waits, up to the limit of a turn. What is left is accepted in the next turn.
    mutating func acceptClients() {
        var admitted = 0
        for _ in 0..<Self.acceptsPerTurn {
            switch listener.accept() {
            case .accepted(let stream, let address):
                admit(stream, from: address)
                admitted += 1
            case .aborted: continue
            case .wouldBlock:
                isAcceptable = false
                return
            case .exhausted:
                // Who waits is told by a close; when nobody does, or not even that is possible, time has to help: the
                // listener, being edge-triggered, will not report those who wait already.
                if reserve.turnAway(at: listener) { continue }
                return pauseAccepting()
            }
        }
        // A whole share of failures is no accident: do not spin on it.
        if admitted == 0 { pauseAccepting() }
    }

    private mutating func pauseAccepting() {
        isAcceptable = false
        timers.wheel.arm(shortagePause, at: now + .milliseconds(Self.shortagePauseMilliseconds))
    }

    private mutating func admit(_ stream: consuming Stream, from address: SocketAddress) {
        // When the house is full the stream ends here, and the close tells the client.
        let client = ServerClient(stream: stream, address: address, backlogLimit: Self.backlogBytesMax)
        guard let key = clients.insert(client) else { return }
        let index = Int(key.index)
        let token = Token(kind: Kind.client, index: index, generation: key.generation)
        if clients[index].stream.add(to: poller, token) != nil {
            // The limit of epoll registrations: as above.
            _ = clients.remove(at: index)
            return
        }
        // The wheel has room for a timer of each client and one of the listener.
        clients[index].timer = timers.wheel.add(token)
        timers.wheel.arm(clients[index].timer, at: now + .milliseconds(Self.graceMilliseconds))
    }

    // MARK: events

    mutating func handleClient(_ event: Event) {
        let key = event.token.key
        // An event of one who has left earlier in this batch.
        guard clients.contains(key) else { return }
        let index = Int(key.index)
        if event.readiness.contains(.writable) || clients[index].phase == .draining {
            sendBacklog(to: index)
            guard clients.contains(key) else { return }
        }
        if !event.readiness.isDisjoint(with: Readiness.unsettled) { clients[index].isEnding = true }
        if event.readiness.contains(.readable) || clients[index].isEnding { queue(key) }
    }

    mutating func timeHasCome(for index: Int) {
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
        ready.append(key)
    }

    // MARK: bytes

    /// Reads once and passes on what came. Who has more to say is queued again, behind the others.
    mutating func receive(from key: SlabKey) {
        let index = Int(key.index)
        clients[index].isQueued = false
        // Who does not take what was said is not listened to: one who sends faster than it reads its own echo is slowed
        // down, not cut off. Its end is heard all the same.
        if !clients[index].backlog.isEmpty, !clients[index].isEnding {
            clients[index].isHeld = true
            return
        }
        switch unsafe clients[index].stream.receive(into: receiveBuffer.memory) {
        case .bytes(let count):
            announce(index)
            unsafe broadcast(receiveBuffer.prefix(count))
            // The sender may have been disconnected by its own message.
            guard clients.contains(key) else { return }
            // A short read has emptied the socket, unless its end is still to be read.
            if count == Self.receiveBytesPerTurn || clients[index].isEnding { queue(key) }
        case .wouldBlock: break
        case .endOfStream: drain(index)
        case .failed: finish(index, .failed)
        }
    }

    /// Offers `bytes` to everybody. Clients that fail on the way leave at once: the places of the slab stay.
    private mutating func broadcast(_ bytes: UnsafeRawBufferPointer) {
        var next = clients.index(after: -1)
        while let index = next {
            next = clients.index(after: index)
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
        // Sending what waits makes nobody slower; the case is there for `deliver`.
        case .tooSlow, .failed: finish(index, .failed)
        }
    }

    /// The client has ended its direction, and so the chat; what is queued for it still leaves.
    private mutating func drain(_ index: Int) {
        announce(index)
        clients[index].phase = .draining
        if clients[index].backlog.isEmpty {
            finish(index, .ended)
        } else {
            timers.wheel.arm(clients[index].timer, at: now + .seconds(Self.drainSeconds))
        }
    }

    // MARK: lines

    private mutating func announce(_ index: Int) {
        guard clients[index].phase == .unannounced else { return }
        clients[index].phase = .chatting
        timers.wheel.disarm(clients[index].timer)
        let address = clients[index].address
        output.record {
            $0.append("Connected client IP: ")
            $0.append(host: address)
            $0.append("\n")
        }
    }

    /// The one exit of a client.
    private mutating func finish(_ index: Int, _ departure: Departure) {
        let isProbe = departure == .failed && clients[index].phase == .unannounced
        if !isProbe { announce(index) }
        timers.wheel.remove(clients[index].timer)
        let client = clients.remove(at: index)
        if isProbe { return }
        let number = client.stream.number
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
