import Reactor

// From a client that was accepted to a backend that is connected.
extension BalancerLoop {
    /// Sends a session to the next backend not yet tried for it, until one answers or may still answer. When none is
    /// left the session ends at once.
    mutating func connectNext(_ index: Int) {
        while let backend = pickBackend(index) {
            switch beginConnect(index, backend) {
            case .inProgress:
                timers.wheel.arm(sessions[index].timer, at: now + configuration.timeouts.connect)
                return
            case .connected:
                return connected(index)
            case .failed(let errno):
                leaveBackend(index, errno)
            }
        }
        endUnconnected(index)
    }

    private mutating func pickBackend(_ index: Int) -> SlabKey? {
        let pool = Int(sessions[index].pool)
        let members = pools[pool].members
        var policy = pools[pool].policy
        let place = policy.pick(members.count) {
            let backend = Int(members[$0].index)
            return backends[backend].health.isUp && !sessions[index].tried.contains(backend)
        }
        pools[pool].policy = policy
        return place.map { members[$0] }
    }

    private mutating func beginConnect(_ index: Int, _ key: SlabKey) -> ConnectResult {
        let backend = Int(key.index)
        backends[backend].sessions += 1
        sessions[index].backendKey = key
        sessions[index].tried.insert(backend)
        sessions[index].attempts &+= 1
        sessions[index].lap &+= 1
        let stream: Stream
        do throws(Errno) {
            stream = try Stream(for: backends[backend].address, from: backends[backend].source)
        } catch {
            return .failed(error)
        }
        let result = stream.connect(to: backends[backend].address)
        if case .failed = result { return result }
        // Only now: a socket that has not begun to connect would be reported as hung up.
        let token = Token(.backend, sessions.key(at: index), lap: sessions[index].lap)
        if let errno = stream.add(to: poller, token) { return .failed(errno) }
        sessions[index].backend = Side(stream: stream, hasNoDelay: false)
        return result
    }

    /// An attempt has failed: the session has no backend, until it is sent to the next.
    private mutating func leaveBackend(_ index: Int, _ errno: Errno) {
        backends[Int(sessions[index].backendKey.index)].sessions -= 1
        sessions[index].connectFailure = errno
        sessions[index].backend = Side(stream: .empty, hasNoDelay: false)
        if errno.isLocalShortage, connectShortage.add(now: now) { log.cannotConnect(errno) }
    }

    /// No backend is left to try.
    private mutating func endUnconnected(_ index: Int) {
        guard let errno = sessions[index].connectFailure else {
            let pool = Int(sessions[index].pool)
            if pools[pool].outage.add(now: now) { log.outageBegan() }
            return finish(index, .noBackend)
        }
        finish(index, errno.isLocalShortage ? .shortage : .connectFailed)
    }

    /// An event of the backend's socket while it connects.
    mutating func connectReady(_ index: Int, _ readiness: Readiness) {
        if readiness.isDisjoint(with: [.error, .hangup]) {
            if readiness.contains(.writable) {
                sessions[index].backend.note(readiness)
                connected(index)
            }
            return
        }
        guard let errno = sessions[index].backend.stream.takeError() else {
            // Connected and already over: what it sent is to be read.
            sessions[index].backend.note(readiness)
            return connected(index)
        }
        leaveBackend(index, errno)
        connectNext(index)
    }

    /// The connect has not come to an end in time.
    mutating func connectExpired(_ index: Int) {
        leaveBackend(index, .timedOut)
        connectNext(index)
    }

    /// The backend's connection stands: bytes may flow.
    private mutating func connected(_ index: Int) {
        if connectShortage.isOn, let count = connectShortage.end(now: now) { log.canConnectAgain(attempts: count) }
        sessions[index].phase = .relaying
        sessions[index].connected = now
        sessions[index].backend.isWritable = true
        let patience = min(configuration.timeouts.idle, Self.keepaliveAfter)
        timers.wheel.arm(sessions[index].timer, at: now + patience)
        service(index)
    }
}
