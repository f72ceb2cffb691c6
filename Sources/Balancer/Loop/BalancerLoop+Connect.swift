import Reactor

// From a client that was accepted to a backend that is connected.
extension BalancerLoop {
    /// Sends a session to the next backend not yet tried for it, until one answers or may still answer. When none is
    /// left the session ends at once.
    mutating func connectNext(_ index: Int) {
        while let backend = pickBackend(index) {
            switch beginConnect(index, backend) {
            case .inProgress:
                timers.wheel.arm(sessions[index].timer, at: now.advanced(nanoseconds: patience.connect))
                return
            case .connected:
                return connected(index)
            case .failed(let errno):
                leaveBackend(index, errno)
                // What this machine lacks for one backend it lacks for all.
                if errno.isShortageForAll { return endUnconnected(index) }
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
            return isUp(backend) && !sessions[index].tried.contains(backend)
        }
        pools[pool].policy = policy
        return place.map { members[$0] }
    }

    private mutating func beginConnect(_ index: Int, _ key: SlabKey) -> ConnectResult {
        let backend = Int(key.index)
        guard let address = backends[backend].address else {
            preconditionFailure("a backend without an address is not up, so it is not picked: isUp")
        }
        sessions[index].backendKey = key
        sessions[index].backendAddress = backends[backend].addresses.number
        sessions[index].tried.insert(backend)
        sessions[index].lap &+= 1
        let warm = takeWarm(backend)
        let stream: Stream
        let result: ConnectResult
        if warm.isOpen {
            // If it does not stand yet, an event tells of it, as of any other.
            result = mayBeItsOwnPeer(address) || !warm.isConnected ? .inProgress : .connected
            stream = warm
        } else {
            do throws(Errno) {
                stream = try Stream(for: address, from: sourceForSessions(backend))
            } catch {
                return .failed(error)
            }
            result =
                configuration.latency.fastOpen
                ? relay.connect(stream, to: address, &sessions[index])
                : stream.connect(to: address)
        }
        if case .failed = result { return result }
        // Only now: a socket that has not begun to connect would be reported as hung up.
        let token = Token(.backend, sessions.key(at: index), lap: sessions[index].lap)
        if let errno = stream.add(to: poller, token) { return .failed(errno) }
        sessions[index].backend = Side(stream: stream, hasNoDelay: false, isUnix: address.isUnix)
        return result
    }

    /// An attempt has failed: the session has no backend, until it is sent to the next.
    private mutating func leaveBackend(_ index: Int, _ errno: Errno) {
        sessions[index].connectFailure = errno
        sessions[index].backend = Side(stream: .empty, hasNoDelay: false, isUnix: false)
        // What went along with the SYN went nowhere; the client's socket still has it.
        sessions[index].upstream.delivered = 0
        guard errno.isLocalShortage else { return }
        dropAllWarm()
        if connectShortage.add(now: now) { log.cannotConnect(errno) }
    }

    /// No backend is left to try.
    private mutating func endUnconnected(_ index: Int) {
        guard let errno = sessions[index].connectFailure else {
            let pool = Int(sessions[index].pool)
            if pools[pool].outage.add(now: now) { log.outageBegan(pool: pool) }
            return finish(index, .noBackend)
        }
        finish(index, errno.isLocalShortage ? .shortage : .connectFailed)
    }

    /// An event of the backend's socket while it connects.
    mutating func connectReady(_ index: Int, _ readiness: Readiness) {
        if readiness.isDisjoint(with: [.error, .hangup]) {
            guard readiness.contains(.writable) else { return }
            if isConnectedToItself(index) { return redispatch(index, .connectionRefused) }
            sessions[index].backend.note(readiness)
            return connected(index)
        }
        guard let errno = sessions[index].backend.stream.takeError() else {
            // Connected and already over: what it sent is to be read.
            sessions[index].backend.note(readiness)
            return connected(index)
        }
        // A RST of a connection that stood (one that never did is ECONNREFUSED): what was sent before it is delivered.
        // And a backend that may have acted on what went along with the SYN was this client's: no other gets the same.
        if errno.isReset, sessions[index].upstream.delivered > 0 || !sessions[index].backend.stream.isExhausted {
            sessions[index].backend.noteReset(errno)
            return connected(index)
        }
        redispatch(index, errno)
    }

    /// The connect has not come to an end in time.
    mutating func connectExpired(_ index: Int) {
        redispatch(index, .timedOut)
    }

    private mutating func redispatch(_ index: Int, _ errno: Errno) {
        leaveBackend(index, errno)
        connectNext(index)
    }

    private mutating func isConnectedToItself(_ index: Int) -> Bool {
        guard let address = backendAddress(of: index) else { return false }
        return mayBeItsOwnPeer(address) && sessions[index].backend.stream.isConnectedToItself(address)
    }

    /// Only a local backend in the range from which the kernel takes source ports can be met by a connection to itself;
    /// the others are spared the question.
    private func mayBeItsOwnPeer(_ address: SocketAddress) -> Bool {
        address.port >= ephemeralPortMin
    }

    /// The backend's connection stands: bytes may flow.
    private mutating func connected(_ index: Int) {
        if connectShortage.isOn, let count = connectShortage.end(now: now) { log.canConnectAgain(attempts: count) }
        sessions[index].phase = .relaying
        sessions[index].times.noteConnected(now)
        if sessions[index].upstream.delivered > 0 { relay.takeSentEarly(&sessions[index]) }
        sessions[index].backend.isWritable = true
        timers.wheel.arm(sessions[index].timer, at: now.advanced(nanoseconds: patience.firstLook))
        service(index)
    }
}
