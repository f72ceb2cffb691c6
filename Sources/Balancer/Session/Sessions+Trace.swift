import Reactor

// What is remembered of each session for those who ask about it: only where there is administration.
extension Sessions {
    /// A new session came in by this listener.
    mutating func beginTrace(_ index: Int, _ listener: LoopCounters?) {
        traces.set(SessionTrace(), at: index)
        guard let listener else { return }
        let number = Int(origins.value(at: index).listener)
        if listenerCells.count <= number {
            listenerCells += repeatElement(nil, count: number + 1 - listenerCells.count)
        }
        if listenerCells[number]?.isOf(listener) != true { listenerCells[number] = listener.row(ofLoop: loop) }
        listenerCells[number]?.cells.add(.accepted)
    }

    /// The counters of the listener by which a session came in; nil where it had none.
    private mutating func cells(ofListenerOf index: Int) -> CounterCells? {
        let number = Int(origins.value(at: index).listener)
        return number < listenerCells.count ? listenerCells[number]?.cells : nil
    }

    /// The session has a pool from now on, after its listener has asked for something.
    mutating func traceEntered(_ index: Int, _ now: Instant) {
        guard isTraced else { return }
        let time = SessionTrace.microseconds(from: slab[index].times.accepted, to: now)
        traces.update(at: index) { $0.prefaceMicroseconds = max(1, time) }
    }

    /// A policy has picked the backend at `place`.
    @inline(never) mutating func tracePick(_ index: Int, _ place: Int, _ targets: inout Targets) {
        let pool = Int(slab[index].pool)
        let tried = slab[index].tried
        let picked = targets.states[place].position
        traces.update(at: index) { trace in
            targets.pools[pool].trace(&trace.pick, picked: picked, tried)
        }
    }

    /// A connect to the backend at `place` begins.
    mutating func traceAttempt(_ index: Int, _ place: Int, _ targets: inout Targets, _ now: Instant) {
        let time = SessionTrace.microseconds(from: slab[index].times.accepted, to: now)
        let id = targets.states[place].id
        traces.update(at: index) { $0.attempts.begin(id, at: time) }
    }

    /// It is over; nil means that it has succeeded.
    mutating func traceAttemptEnd(_ index: Int, _ errno: Errno?, _ now: Instant) {
        let time = SessionTrace.microseconds(from: slab[index].times.accepted, to: now)
        traces.update(at: index) { $0.attempts.end(errno, at: time) }
    }

    /// The session's backend is connected.
    @inline(never) mutating func traceConnected(_ index: Int, _ targets: inout Targets, _ now: Instant) {
        traceAttemptEnd(index, nil, now)
        // Not what came before: neither a queue nor other backends say anything of this one.
        let took = UInt64(traces.value(at: index).attempts.lastTook) * 1000
        targets.states[Int(slab[index].target)].cells.add(.connects, nanoseconds: took)
    }

    /// The session waits no more for a place.
    mutating func countWait(_ index: Int, _ targets: inout Targets, _ now: Instant) {
        guard isTraced else { return }
        let waited = now.nanoseconds &- slab[index].times.waiting.nanoseconds
        // One that has waited before counts from its first wait on.
        let before = UInt64(traces.value(at: index).queueMicroseconds) * 1000
        targets.pools[Int(slab[index].pool)].cells.add(.queueWaits, nanoseconds: waited > before ? waited - before : 0)
        traces.update(at: index) { $0.queueMicroseconds = UInt32(clamping: waited / 1000) }
    }

    /// Bytes may have moved: counts them for the listener, and notes who does not take those that wait.
    mutating func traceMoved(_ index: Int, _ targets: inout Targets, _ now: Instant) {
        let (up, down) = (slab[index].link.upstream.delivered, slab[index].link.downstream.delivered)
        let (clientWaits, backendWaits) = (slab[index].link.isClientWaitedFor, slab[index].link.isBackendWaitedFor)
        var moved: (up: UInt64, down: UInt64) = (0, 0)
        var stalls: (client: UInt64, backend: UInt64) = (0, 0)
        traces.update(at: index) { trace in
            moved = (up &- trace.countedUp, down &- trace.countedDown)
            (trace.countedUp, trace.countedDown) = (up, down)
            if clientWaits != trace.client.isOn { stalls.client = trace.client.note(clientWaits, now) }
            if backendWaits != trace.backend.isOn { stalls.backend = trace.backend.note(backendWaits, now) }
        }
        if moved.up | moved.down != 0 { cells(ofListenerOf: index)?.add(up: moved.up, down: moved.down) }
        if stalls.client | stalls.backend != 0 { count(stalls, slab[index].target, &targets) }
    }

    @inline(never) private mutating func count(
        _ stalls: (client: UInt64, backend: UInt64), _ place: Int32, _ targets: inout Targets
    ) {
        guard place >= 0 else { return }
        targets.states[Int(place)].cells.add(.clientStallMicroseconds, stalls.client)
        targets.states[Int(place)].cells.add(.backendStallMicroseconds, stalls.backend)
    }

    /// The session has ended, and is still in its place; ``lastRecord`` is made.
    @inline(never) mutating func endTrace(_ index: Int, _ targets: inout Targets, _ now: Instant) {
        if slab[index].isConnected {
            traceMoved(index, &targets, now)
            endStalls(index, &targets, now)
            targets.states[Int(slab[index].target)].cells.add(
                .durations, nanoseconds: now.nanoseconds &- slab[index].times.accepted.nanoseconds)
        }
        cells(ofListenerOf: index)?.add(lastRecord.reason.counter)
        if lastRecord.reason == .noBackend { targets.pools[Int(slab[index].pool)].cells.add(.endedNoBackend) }
        var facts = facts(index, &targets, now)
        facts.end = SessionFacts.End(
            reason: UInt8(truncatingIfNeeded: lastRecord.reason.counter.rawValue), by: lastRecord.endedBy.code,
            error: UInt16(truncatingIfNeeded: lastRecord.error?.rawValue ?? 0), time: now.nanoseconds)
        ended.add(facts)
    }

    private mutating func endStalls(_ index: Int, _ targets: inout Targets, _ now: Instant) {
        var stalls: (client: UInt64, backend: UInt64) = (0, 0)
        traces.update(at: index) { trace in
            stalls = (trace.client.note(false, now), trace.backend.note(false, now))
        }
        if stalls.client | stalls.backend != 0 { count(stalls, slab[index].target, &targets) }
    }

    /// What there is to tell of a session. (Mutating, since Swift 6.3 would copy the sessions otherwise.)
    mutating func facts(_ index: Int, _ targets: inout Targets, _ now: Instant) -> SessionFacts {
        var facts = SessionFacts()
        let place = Int(slab[index].target)
        facts.id = ids.id(of: slab.key(at: index)).rawValue
        facts.client = ClientHost(slab[index].clientAddress(ipv6Hosts, at: index))
        facts.listener = origins.value(at: index).listener
        facts.phase = slab[index].phase
        if slab[index].isConnected {
            facts.pool = targets.states[place].poolID.rawValue
        } else if facts.phase != .preface {
            facts.pool = targets.pools[Int(slab[index].pool)].id.rawValue
        }
        if place >= 0, slab[index].isConnected || slab[index].link.backend.stream.isOpen {
            facts.target = targets.states[place].id.rawValue
        }
        facts.attempts = slab[index].attempts
        facts.accepted = slab[index].times.accepted.nanoseconds
        facts.connected = slab[index].isConnected ? slab[index].times.connected.nanoseconds : 0
        facts.lastActive = slab[index].times.lastActive(now: now).nanoseconds
        facts.bytesUp = slab[index].isConnected ? slab[index].link.upstream.delivered : 0
        facts.bytesDown = slab[index].link.downstream.delivered
        facts.trace = traces.value(at: index)
        return facts
    }
}

extension Party {
    /// As a number.
    var code: UInt8 {
        switch self {
        case .client: 0
        case .backend: 1
        case .balancer: 2
        }
    }

    /// From ``code``.
    init(code: UInt8) {
        self = code == 0 ? .client : code == 1 ? .backend : .balancer
    }
}

extension Link {
    /// Bytes for the client wait, since it does not take them.
    var isClientWaitedFor: Bool {
        !client.isWritable && downstream.stage.mayDeliver && (!downstream.waiting.isEmpty || backend.isReadable)
    }

    /// Bytes for the backend wait, since it does not take them.
    var isBackendWaitedFor: Bool {
        !backend.isWritable && upstream.stage.mayDeliver && (!upstream.waiting.isEmpty || client.isReadable)
    }
}

extension HalfRelay.Stage {
    /// Bytes may still be delivered.
    fileprivate var mayDeliver: Bool { self == .open || self == .ending }
}
