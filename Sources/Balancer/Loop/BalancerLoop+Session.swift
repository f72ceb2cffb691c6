import Reactor

// From the first byte to the session's record.
extension BalancerLoop {
    mutating func clientReady(_ index: Int, _ readiness: Readiness) {
        sessions[index].client.note(readiness)
        switch sessions[index].phase {
        case .connecting:
            // A half-close is no reason to end: its request may be on the way. A client that has gone altogether is,
            // unless it has sent something that a backend should get.
            if !readiness.isDisjoint(with: [.hangup, .error]), sessions[index].client.stream.isExhausted {
                finish(index, .abandoned)
            }
        case .relaying, .lingering:
            service(index)
        }
    }

    mutating func backendReady(_ index: Int, _ readiness: Readiness) {
        switch sessions[index].phase {
        case .connecting:
            connectReady(index, readiness)
        case .relaying, .lingering:
            sessions[index].backend.note(readiness)
            service(index)
        }
    }

    /// Moves what can be moved, and sees whether the session has come to its end.
    mutating func service(_ index: Int) {
        sessions[index].times.noteActivity(now)
        let before = sessions[index].delivered
        let hasMore = relay.run(&sessions[index])
        if sessions[index].delivered != before { sessions[index].hasProgressed = true }
        sessions[index].noteEnds()
        if sessions[index].isOver {
            return finish(index, sessions[index].isBroken ? .reset : .finished)
        }
        if sessions[index].phase != .lingering, sessions[index].isOnlyDiscarding || sessions[index].isReset {
            sessions[index].phase = .lingering
            linger(index)
        }
        if hasMore, !sessions[index].isQueued {
            sessions[index].isQueued = true
            ready.append(Token(.session, sessions.key(at: index)))
        }
    }

    /// The session's timer: what it means depends on the phase.
    mutating func sessionExpired(_ index: Int) {
        switch sessions[index].phase {
        case .connecting:
            connectExpired(index)
        case .relaying:
            lookWhetherIdle(index)
        case .lingering:
            if sessions[index].hasProgressed {
                linger(index)
            } else {
                finish(index, .reset)
            }
        }
    }

    /// A side is gone. The other is given what is still there for as long as it goes on taking it.
    private mutating func linger(_ index: Int) {
        sessions[index].hasProgressed = false
        timers.wheel.arm(sessions[index].timer, at: now.advanced(nanoseconds: patience.linger))
    }

    /// The timer is not moved with each event: it looks, when it fires, how long ago the last one was. Keeping a
    /// session from being idle so costs one store.
    private mutating func lookWhetherIdle(_ index: Int) {
        let end = sessions[index].times.lastActive(now: now).advanced(nanoseconds: patience.idle)
        guard end > now else { return finish(index, .idle) }
        if !sessions[index].hasBackendKeepalive {
            sessions[index].hasBackendKeepalive = true
            sessions[index].backend.stream.setKeepalive(.standard)
        }
        timers.wheel.arm(sessions[index].timer, at: end)
    }

    /// The one exit of a session: closes its sockets, gives back what it held, and makes its record.
    mutating func finish(_ index: Int, _ reason: EndReason) {
        let record = makeRecord(index, reason)
        timers.wheel.remove(sessions[index].timer)
        relay.release(&sessions[index])
        _ = sessions.remove(at: index)
        placeFreed(record)
        stopIfDrained()
    }

    /// Mutating although it changes nothing, as all that a session calls in its life: to call what does not mutate from
    /// what does, Swift 6.3 copies the loop, 1,100 bytes, 240 instructions each time.
    private mutating func makeRecord(_ index: Int, _ reason: EndReason) -> SessionRecord {
        let wasConnected = sessions[index].phase != .connecting
        let end: Party =
            switch reason {
            case .finished, .reset: sessions[index].firstEnd ?? .balancer
            case .abandoned: .client
            case .connectFailed: .backend
            case .idle, .noBackend, .shortage, .cut: .balancer
            }
        return SessionRecord(
            client: sessions[index].clientAddress(ipv6Hosts, at: index),
            backend: backendAddress(of: index),
            bytesUp: wasConnected ? sessions[index].upstream.delivered : 0,
            bytesDown: sessions[index].downstream.delivered,
            bytesDiscarded: sessions[index].undelivered,
            accepted: sessions[index].times.accepted,
            connected: wasConnected ? sessions[index].times.connected : nil,
            ended: now,
            attempts: sessions[index].tried.count,
            endedBy: end,
            reason: reason,
            error: wasConnected
                ? sessions[index].client.failure ?? sessions[index].backend.failure : sessions[index].connectFailure)
    }
}
