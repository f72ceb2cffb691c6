import Reactor

// From an accepted client to a connected backend.
extension Sessions {
    /// Tries the backends not yet tried for a session, until a connect succeeds or is in progress. When none is left, or
    /// the pool's limits on attempts are reached, the session ends at once; when the turn's connects are used up, it goes
    /// on in the next turn: ``Sessions/next(in:)``.
    mutating func connectNext(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        while true {
            guard connectsLeft > 0 else {
                queueConnect(index, &core)
                return .continues
            }
            guard connectLimit(of: index, &targets, core.now) == nil else { break }
            if hasToQueue(index, &targets) { return wait(index, &targets, &core, &journal) }
            guard let place = pick(for: index, &targets, core.now) else {
                if mayWait(index, &targets) { return wait(index, &targets, &core, &journal) }
                break
            }
            if isTraced { tracePick(index, place, &targets) }
            guard targets.take(place) else { continue }
            connectsLeft -= 1
            if isTraced { traceAttempt(index, place, &targets, core.now) }
            countAttempt(index, on: place, &targets, journal.cells)
            switch beginConnect(index, to: place, &targets, &core) {
            case .inProgress:
                targets.states[place].suspicion.connectBegan(core.now)
                armConnect(index, to: place, &targets, &core)
                return .continues
            case .connected:
                return connected(index, &targets, &core, &journal)
            case .failed(let errno):
                let hasGivenBack = connectFailed(index, errno, &targets, core.now, &journal)
                // What this machine lacks for one backend, it lacks for all.
                if errno.isShortageForAll, !hasGivenBack { return endUnconnected(index, &targets, &core, &journal) }
            }
        }
        return endUnconnected(index, &targets, &core, &journal)
    }

    @inline(__always) private mutating func pick(for index: Int, _ targets: inout Targets, _ now: Instant) -> Int? {
        let pool = Int(slab[index].pool)
        let prefix = targets.pools[pool].clientPrefix
        let key = prefix.map { slab[index].clientKey(ipv6Hosts, at: index, $0) } ?? 0
        return targets.pick(from: pool, for: PickRequest(tried: slab[index].tried, clientKey: key), now)
    }

    /// The limit on attempts that the session has reached; nil for none.
    @inline(__always) mutating func connectLimit(
        of index: Int, _ targets: inout Targets, _ now: Instant
    ) -> ConnectLimit? {
        targets.pools[Int(slab[index].pool)].connectLimits.reached(
            slab[index].attempts, accepted: slab[index].times.accepted, now: now)
    }

    /// The limit without which another backend would have been tried; nil for none.
    @inline(never) mutating func limitInTheWay(
        of index: Int, _ targets: inout Targets, _ now: Instant
    ) -> ConnectLimit? {
        guard let limit = connectLimit(of: index, &targets, now) else { return nil }
        let tried = slab[index].tried
        let pool = Int(slab[index].pool)
        return targets.pools[pool].candidates.contains { $0.isUp && !$0.isFull && !tried.contains(Int($0.place)) }
            ? limit : nil
    }

    /// An attempt is in progress: it may take the connect timeout, and what is left of the time for all attempts.
    private mutating func armConnect(
        _ index: Int, to place: Int, _ targets: inout Targets, _ core: inout LoopCore
    ) {
        let end = core.now.advanced(nanoseconds: targets.states[place].timeouts.connect)
        let last = targets.pools[Int(slab[index].pool)].connectLimits.end(slab[index].times.accepted)
        slab[index].isCutShort = last < end
        core.timers.arm(slab[index].timer, at: min(end, last))
    }

    private mutating func countAttempt(_ index: Int, on place: Int, _ targets: inout Targets, _ all: CounterCells) {
        all.add(.connects)
        guard slab[index].attempts > 0 else { return }
        all.add(.redispatches)
        targets.states[place].cells.add(.redispatches)
    }

    private mutating func beginConnect(
        _ index: Int, to place: Int, _ targets: inout Targets, _ core: inout LoopCore
    ) -> ConnectResult {
        slab[index].target = Int32(place)
        slab[index].tried.insert(place)
        slab[index].attempts += 1
        slab[index].lap &+= 1
        if targets.states[place].drill != .ready { return beginDrill(index, on: place, &targets) }
        let address = targets.states[place].address
        var stream = targets.takeWarm(place, &core)
        var result: ConnectResult
        if stream.isOpen {
            // One that may be connected to itself is checked when the poller reports it.
            result = targets.states[place].mayMeetItself ? .inProgress : .connected
        } else {
            result = connect(index, to: place, &targets, &stream)
            if targets.states[place].sources.count > 1, case .failed(.addressNotAvailable) = result {
                result = connectFromOthers(index, to: place, &targets, &stream)
            }
        }
        if case .failed = result { return result }
        // Added only now: the poller reports a socket that has not begun to connect as hung up.
        let token = Token(.backend, slab.key(at: index), lap: slab[index].lap)
        if let errno = stream.add(to: core.poller, token) { return .failed(errno) }
        slab[index].link.backend = Side(stream: stream, hasNoDelay: false, isUnix: address.isUnix)
        return result
    }

    /// A drill: the backend refuses, or does not answer. The socket of the latter is one that connects to nobody.
    @inline(never) private mutating func beginDrill(
        _ index: Int, on place: Int, _ targets: inout Targets
    ) -> ConnectResult {
        guard targets.states[place].drill == .silent else { return .failed(.connectionRefused) }
        do throws(Errno) {
            let stream = try targets.makeStream(to: place)
            let isUnix = targets.states[place].address.isUnix
            slab[index].link.backend = Side(stream: stream, hasNoDelay: false, isUnix: isUnix)
            slab[index].isDrilled = true
            return .inProgress
        } catch {
            return .failed(error)
        }
    }

    /// One of several source addresses has no port left towards the backend, or this machine does not have it: the others
    /// are tried. To begin once more costs one of the turn's connects.
    @inline(never) private mutating func connectFromOthers(
        _ index: Int, to place: Int, _ targets: inout Targets, _ stream: inout Stream
    ) -> ConnectResult {
        var result = ConnectResult.failed(.addressNotAvailable)
        for _ in 1..<targets.states[place].sources.count {
            connectsLeft -= 1
            result = connect(index, to: place, &targets, &stream)
            guard case .failed(.addressNotAvailable) = result else { break }
        }
        return result
    }

    /// Makes a socket and begins to connect.
    @inline(__always) private mutating func connect(
        _ index: Int, to place: Int, _ targets: inout Targets, _ stream: inout Stream
    ) -> ConnectResult {
        do throws(Errno) {
            stream = try targets.makeStream(to: place)
        } catch {
            return .failed(error)
        }
        let address = targets.states[place].address
        return fastOpen && targets.states[place].proxy == nil
            ? relay.connect(stream, to: address, &slab[index].link) : stream.connect(to: address)
    }

    /// Handles a failed attempt: the session has no backend until the next one. True when the cause was a shortage of
    /// this machine, and warm connections were closed to relieve it.
    /// `isJudged`: that says something of the backend.
    @discardableResult private mutating func connectFailed(
        _ index: Int, _ errno: Errno, _ targets: inout Targets, _ now: Instant, _ journal: inout Journal,
        isJudged: Bool = true
    ) -> Bool {
        let place = Int(slab[index].target)
        if hasNames { noteFailed(index, at: place) }
        if isTraced { traceAttemptEnd(index, errno, now) }
        slab[index].connectFailure = errno
        slab[index].isDrilled = false
        slab[index].link.backend = Side(stream: .empty, hasNoDelay: false, isUnix: false)
        // Data sent with the SYN was not delivered; the client's socket still holds it.
        slab[index].link.upstream.delivered = 0
        targets.drop(place)
        journal.countFailure(errno, targets.states[place].cells)
        guard errno.isLocalShortage else {
            guard isJudged else { return false }
            targets.note(place, isSuspect: true)
            targets.noteFailure(place, &journal)
            return false
        }
        if connectShortage.add(now: now) { journal.log.cannotConnect(errno) }
        return targets.dropAllWarm()
    }

    /// Ends a session for which no backend is left to try, or may be tried.
    mutating func endUnconnected(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        guard let errno = slab[index].connectFailure else {
            let reason = targets.refuse(from: Int(slab[index].pool), &core, &journal)
            return end(index, reason, &targets, &core, &journal)
        }
        guard errno.isLocalShortage else { return end(index, .connectFailed, &targets, &core, &journal) }
        journal.begin(.cannotConnect, core.monotonicNow)
        return end(index, .shortage, &targets, &core, &journal)
    }

    /// An event of the backend's socket while it connects.
    mutating func connectReady(
        _ index: Int, _ readiness: Readiness, _ targets: inout Targets, _ core: inout LoopCore,
        _ journal: inout Journal
    ) -> Step {
        if readiness.isDisjoint(with: [.error, .hangup]) {
            guard readiness.contains(.writable) else { return .continues }
            if targets.states[Int(slab[index].target)].mayMeetItself,
                slab[index].link.backend.stream.isConnectedToItself
            {
                return redispatch(index, .connectionRefused, &targets, &core, &journal)
            }
            slab[index].link.backend.note(readiness)
            return connectedAtLast(index, &targets, &core, &journal)
        }
        guard let errno = slab[index].link.backend.stream.takeError() else {
            // Connected, and already closed by the backend: what it sent must be read.
            slab[index].link.backend.note(readiness)
            return connectedAtLast(index, &targets, &core, &journal)
        }
        // A RST after the handshake (before it, the error is ECONNREFUSED): what the backend sent before the RST is
        // delivered. And a backend may have acted on data sent with the SYN, so no other backend gets the same data.
        if errno.isReset, slab[index].link.upstream.delivered > 0 || !slab[index].link.backend.stream.isExhausted {
            slab[index].link.backend.markReset(errno)
            return connectedAtLast(index, &targets, &core, &journal)
        }
        return redispatch(index, errno, &targets, &core, &journal)
    }

    /// An attempt in progress has failed or timed out: tries the next backend.
    mutating func redispatch(
        _ index: Int, _ errno: Errno, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal,
        isJudged: Bool = true
    ) -> Step {
        assert(slab[index].link.backend.stream.isOpen, "an attempt that fails is in progress")
        targets.states[Int(slab[index].target)].suspicion.connectEnded()
        connectFailed(index, errno, &targets, core.now, &journal, isJudged: isJudged)
        return connectNext(index, &targets, &core, &journal)
    }

    /// The attempt that was in progress has succeeded.
    private mutating func connectedAtLast(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        targets.states[Int(slab[index].target)].suspicion.connectSucceeded(core.now)
        return connected(index, &targets, &core, &journal)
    }

    /// The backend is connected: relaying begins.
    private mutating func connected(
        _ index: Int, _ targets: inout Targets, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Step {
        if connectShortage.isOn, let count = connectShortage.end(now: core.now) {
            journal.log.canConnectAgain(attempts: count)
            journal.end(.cannotConnect)
        }
        let place = Int(slab[index].target)
        if targets.states[place].suspicion.isOn { targets.note(place, isSuspect: false) }
        let pool = Int(slab[index].pool)
        if targets.pools[pool].troubles.isCrowded { targets.endCrowd(pool, core.now, &journal) }
        targets.release(pool: pool)
        if slab[index].attempts > 1 { releaseFailed(index, &targets) }
        slab[index].tried = TriedTargets()
        slab[index].move(to: .relaying)
        // It was connecting when its backend was found down, or removed.
        if targets.states[place].closing != nil { beginSweep() }
        slab[index].times.recordConnected(core.now)
        if isTraced { traceConnected(index, &targets, core.now) }
        if slab[index].link.upstream.delivered > 0 { takeSentEarly(index, targets.states[place].cells, journal.cells) }
        slab[index].link.backend.isWritable = true
        let check = core.now.advanced(nanoseconds: targets.states[place].timeouts.firstIdleCheck)
        let ageEnd = slab[index].ageEnd(targets.states[place].timeouts)
        core.timers.arm(slab[index].timer, at: ageEnd.map { min($0, check) } ?? check)
        if let proxy = targets.states[place].proxy {
            guard sendHeader(index, proxy, targets.states[place].cells, journal.cells) else {
                return end(index, .shortage, &targets, &core, &journal)
            }
            // The client's bytes are on their way with it.
            if slab[index].link.isQuiet {
                slab[index].times.recordActivity(core.now)
                return .continues
            }
        }
        return ready(index, &targets, &core, &journal)
    }

    /// Releases the backends whose attempts failed.
    private mutating func releaseFailed(_ index: Int, _ targets: inout Targets) {
        let place = Int(slab[index].target)
        let kept = hasNames ? Int(origins.value(at: index).failed) : -1
        while let tried = slab[index].tried.removeFirst() {
            if tried != place, tried != kept { targets.release(tried) }
        }
    }

    /// Data sent with the SYN has arrived: removes it from the client's socket, and counts it.
    private mutating func takeSentEarly(_ index: Int, _ target: CounterCells, _ all: CounterCells) {
        relay.takeSentEarly(&slab[index].link)
        target.add(.bytesUp, slab[index].link.upstream.delivered)
        all.add(.bytesUp, slab[index].link.upstream.delivered)
    }
}
