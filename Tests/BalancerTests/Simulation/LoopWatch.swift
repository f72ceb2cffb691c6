import Reactor

@testable import Balancer

/// What a run looks at between the turns of its loop.
struct LoopWatch {
    private let kernel: SimulatedKernel
    private(set) var turns = 0
    /// What did not hold, for people: the first turn's only, since what follows may be a consequence.
    private(set) var violations: [String] = []
    /// What the loop has counted, once it has stopped.
    private(set) var counts = CountedTotals()
    /// The counters of all backends that there ever were.
    private var targetCounters: [TargetID: TargetCounters] = [:]
    private let timeouts: Configuration.PoolTimeouts
    private let pools: [Configuration.Pool]
    /// Where backends were that were down before any turn.
    private var downAddresses: Set<SocketAddress> = []
    /// What a turn does, and who waits for the next.
    private(set) var shares: ShareWatch
    private let probeTimeout: Duration

    /// The backend's socket of each session, by that of the client, as the last turn has left them.
    private var peers: [ObjectIdentifier: Peer] = [:]
    /// The addresses that sessions, and those that probes may be sent to in the next turn.
    private var sessionAddresses: Set<SocketAddress> = []
    private var probeAddresses: Set<SocketAddress> = []
    private var timedOut: UInt64 = 0
    private var version: UInt64 = 0
    /// Pools with a backend for a new client that has no limit.
    private var unlimitedPools: Set<Int> = []
    /// How many sessions each backend had, by the place of its state.
    private var sessionsBefore: [Int: Int32] = [:]
    /// How many sessions each pool had, by its place.
    private var poolSessionsBefore: [Int: Int32] = [:]
    /// Who waits, and for how long.
    private var queues = QueueWatch()
    /// What happens before the first byte of sessions.
    private(set) var prefaces = PrefaceWatch()
    /// Turns that began with a stall.
    private(set) var stalls = 0
    /// In the loop's time: when the last turn was, the earliest deadline after it, and the latest deadline before which
    /// time was given back.
    private var now: UInt64 = 0
    private var planned: UInt64 = 0
    private var sparedUntil: UInt64 = 0

    private struct Peer {
        let backend: SimulatedSocket
        let isConnected: Bool
    }

    init(_ kernel: SimulatedKernel, _ configuration: Configuration) {
        self.kernel = kernel
        pools = configuration.pools
        timeouts = pools[0].timeouts
        shares = ShareWatch(configuration)
        probeTimeout = configuration.pools.map(\.health.timeout).min() ?? .zero
    }

    /// The loop was made, or its backends were changed.
    mutating func begin(_ loop: borrowing BalancerLoop) {
        look(at: loop)
        prepare(loop)
    }

    /// A configuration was taken over. Clients that waited at a listener that went were served as the one before said, also
    /// with its limits.
    mutating func beginReloaded(_ loop: borrowing BalancerLoop) {
        noteSessions(loop)
        begin(loop)
    }

    private mutating func noteSessions(_ loop: borrowing BalancerLoop) {
        sessionsBefore.removeAll()
        for place in loop.targets.states.indexRange where loop.targets.states.isTaken(place) {
            sessionsBefore[place] = loop.targets.states[place].sessions
        }
        poolSessionsBefore = Self.poolSessions(loop)
    }

    /// One more turn is over.
    mutating func endTurn(of loop: borrowing BalancerLoop) {
        turns += 1
        look(at: loop)
        lookAtTimers(loop)
        // What an operator has set for a while may have gone back within the turn.
        if loop.shared.access == nil || loop.shared.roster.version == version { lookAtBackends() }
        lookAtStop(loop)
        for violation in shares.look(at: loop, kernel) where violations.isEmpty { note(violation) }
        for violation in queues.look(at: loop) where violations.isEmpty { note(violation) }
        lookAtPools(loop)
        lookAtPrefaces(loop)
        prepare(loop)
    }

    /// Notes what the next turn begins with.
    private mutating func prepare(_ loop: borrowing BalancerLoop) {
        kernel.closed.removeAll()
        kernel.connecting.removeAll()
        kernel.turn = TurnCalls()
        shares.prepare(loop)
        kernel.endOutput()
        timedOut = loop.journal.cells[.failedTimedOut]
        let before = peers
        peers.removeAll()
        for index in loop.sessions.slab.indexRange where loop.sessions.slab.isTaken(index) {
            guard let client = kernel.socketObject(loop.sessions.slab[index].link.client.stream.number),
                let backend = kernel.socketObject(loop.sessions.slab[index].link.backend.stream.number),
                // In a drill it connects to nobody.
                !loop.sessions.slab[index].isDrilled
            else { continue }
            let address = loop.targets.states[Int(loop.sessions.slab[index].target)].address
            if backend.address != address { note("client \(client.host.id) is elsewhere than its session says") }
            let key = ObjectIdentifier(client)
            if let peer = before[key], peer.isConnected, peer.backend !== backend {
                note("client \(client.host.id) was moved to another backend")
            }
            peers[key] = Peer(backend: backend, isConnected: loop.sessions.slab[index].isConnected)
        }
        let roster = loop.shared.roster.current()
        version = loop.shared.roster.version
        downAddresses.formUnion(roster.targets.filter { !$0.isUp }.compactMap(\.address))
        probeAddresses = Set(roster.targets.compactMap(\.address))
        let candidates = roster.pools.flatMap(Self.candidates(of:))
        sessionAddresses = Set(candidates.compactMap(\.address))
        unlimitedPools = Set(
            candidates.filter { $0.sessionsMaxNow == nil }.compactMap(\.address).compactMap(RosterScript.pool(of:)))
        for pool in roster.pools where pool.settings.sessionsMax != nil {
            if let number = Int(pool.name) { unlimitedPools.remove(number) }
        }
        noteSessions(loop)
        now = loop.core.now.nanoseconds
        planned = max(now, loop.core.timers.nextDeadline?.nanoseconds ?? .max)
        let skipped = loop.core.monotonicNow.nanoseconds - now
        kernel.pace.planned = planned.addingReportingOverflow(skipped).overflow ? .max : planned + skipped
        kernel.isClockNews = true
    }

    /// The backends that new sessions of a pool may be sent to: unknown ones only where none is known, and of these backups
    /// only where there is no other.
    private static func candidates(of pool: PoolEntry) -> [TargetEntry] {
        var all = pool.targets.filter { $0.isEligible && $0.weightNow > 0 }
        let usable = pool.targets.filter { $0.address != nil && $0.weightNow > 0 }
        if all.count * 1_000_000 < usable.count * pool.settings.panicThreshold { return usable }
        if pool.settings.health.startsUnknown {
            let known = all.filter { $0.probes.last != nil }
            if !known.isEmpty { all = known }
        }
        let first = all.filter { !$0.isBackup }
        return first.isEmpty ? all : first
    }

    /// Nothing that comes later in the batch than what stops the loop reaches anybody.
    private mutating func lookAtStop(_ loop: borrowing BalancerLoop) {
        guard let stale = kernel.signals.staleBeforeStop else { return }
        if loop.isRunning { note("it goes on after the second SIGTERM") }
        if kernel.signals.callsAfterStop > 0 { note("\(kernel.signals.callsAfterStop) calls after it had stopped") }
        let later = loop.journal.cells[.staleEvents] - stale
        if later > 0 { note("\(later) events were looked at after it had stopped") }
    }

    /// What the loop's timers have done in this turn: nothing that the network had overruled before, and nothing for
    /// which the process had not run long enough.
    private mutating func lookAtTimers(_ loop: borrowing BalancerLoop) {
        let records = PrintedRecord.all(in: kernel.newOutput)
        let idle = records.filter { $0.reason == .idle || $0.reason == .halfClosed }
        for record in idle { checkIdle(record) }
        for record in records where record.reason == .sessionAge { checkAge(record) }
        for record in records where record.reason == .backendDown || record.reason == .backendRemoved {
            checkClosed(record)
        }
        let isSteered = loop.shared.access != nil
        // Attempts that may have timed out: they began long enough ago, and were neither answered nor refused. Only in a drill,
        // which an operator orders, is there one that connects to nobody.
        let unanswered = kernel.closed.count {
            !$0.socket.resetsOnClose
                && (isSteered && $0.state == .fresh
                    || $0.state == .connecting && $0.age >= timeouts.connect.wholeNanoseconds)
        }
        let timedOut = loop.journal.cells[.failedTimedOut] - timedOut
        if timedOut > unanswered { note("\(timedOut) connects have timed out, and \(unanswered) had to") }
        let isRunning = loop.state == .running
        // A probe that an operator's order has made pointless is abandoned.
        if isRunning, !isSteered { for probe in kernel.closed where probe.isProbe { checkProbe(probe) } }

        // A loop that stops reads the clock for the log.
        guard loop.isRunning, kernel.pace.overshoot > Pace.stallMin else { return }
        stalls += 1
        // An order may have ended the session whose deadline the kernel's timer is still set for: the loop does not plan to wake
        // up then.
        if loop.core.stall < kernel.pace.overshoot, !isSteered {
            note("a stall of \(kernel.pace.overshoot) ns counted as \(loop.core.stall) ns")
        }
        guard planned > max(now, sparedUntil) else { return }
        sparedUntil = planned
        let probes = isRunning && !isSteered ? kernel.closed.count { $0.isProbe && $0.state == .connecting } : 0
        if idle.count > 0 || timedOut > 0 || probes > 0 { note("a timer has paid for a stall") }
    }

    /// Where this turn has sent sessions and probes: to backends that the roster had when it began.
    private mutating func lookAtBackends() {
        for socket in kernel.connecting {
            guard let address = socket.address else { continue }
            let allowed = socket.resetsOnClose ? probeAddresses : sessionAddresses
            if !allowed.contains(address) { note("a connection to \(address), which was no backend") }
        }
        for record in PrintedRecord.all(in: kernel.newOutput) {
            // Of clients that are led elsewhere: PrefaceWatch.
            guard let pool = kernel.client(at: record.client)?.pool else { continue }
            if let backend = record.backend, RosterScript.pool(of: backend) != pool {
                note("\(record.client) was sent to a backend of another pool")
            }
            if record.reason == .noBackend, sessionAddresses.contains(where: { RosterScript.pool(of: $0) == pool }) {
                note("\(record.client) was closed although its pool had a backend")
            }
            if record.reason == .backendsFull, unlimitedPools.contains(pool) {
                note("\(record.client) was closed although a backend had room")
            }
        }
    }

    /// What the loop and the prober know of backends once all sessions are over: those of the roster and no others.
    mutating func lookAtRemains(_ loop: borrowing BalancerLoop) {
        struct Known: Hashable {
            let id: TargetID
            let address: SocketAddress?
        }
        let wanted = loop.shared.roster.current().targets.map { Known(id: $0.id, address: $0.address) }
        var states: [Known] = []
        for place in loop.targets.states.indexRange where loop.targets.states.isTaken(place) {
            states.append(Known(id: loop.targets.states[place].id, address: loop.targets.states[place].address))
            let sessions = loop.targets.states[place].sessions
            if sessions != 0 { note("a backend has \(sessions) sessions, and there are none") }
        }
        if states.count != wanted.count || Set(states) != Set(wanted) {
            note("the loop knows \(states.count) backends, the roster has \(wanted.count)")
        }
        for violation in PrefaceWatch.remains(of: loop) { note(violation) }
        guard loop.state == .running, let probed = loop.duties?.probedTargets() else { return }
        if probed.count != wanted.count || Set(probed) != Set(wanted.map(\.id)) {
            note("\(probed.count) backends are probed, the roster has \(wanted.count)")
        }
    }

    private mutating func checkIdle(_ record: PrintedRecord) {
        guard let client = kernel.client(at: record.client) else { return note("a record of nobody") }
        let ends = [client, peers[ObjectIdentifier(client)]?.backend].compactMap(\.self)
        if kernel.closed.contains(where: { closed in closed.wasUnheard && ends.contains { $0 === closed.socket } }) {
            note("\(record.client) ended for idleness with an event that was not reported")
        }
        let heard = ends.compactMap(\.lastHeard).max() ?? 0
        let silence = kernel.pace.counted(at: kernel.nanoseconds) - heard
        let limit = record.reason == .idle ? timeouts.idle : timeouts.halfClosed ?? timeouts.idle
        if silence < limit.wholeNanoseconds {
            note("\(record.client) ended for \(record.reason) after \(silence) ns")
        }
        if record.reason == .halfClosed, !ends.contains(where: \.inboxEnded) {
            note("\(record.client) ended as half-closed, and no side has ended its direction")
        }
    }

    private mutating func checkClosed(_ record: PrintedRecord) {
        guard let number = record.backend.flatMap(RosterScript.pool(of:)) else { return note("a record of nobody") }
        let pool = pools[number]
        let mayBe =
            record.reason == .backendRemoved
            ? pool.whenRemoved != .keep
            : pool.whenDown == .close && record.backend.map(downAddresses.contains) == true
        if !mayBe { note("\(record.client) ended as \(record.reason), which its backend was not") }
    }

    private mutating func checkAge(_ record: PrintedRecord) {
        guard let limit = timeouts.sessionAgeMax?.milliseconds else { return note("a session without a limit aged") }
        if record.milliseconds < 0.9 * limit { note("\(record.client) was too old after \(record.milliseconds) ms") }
    }

    private mutating func checkProbe(_ probe: ClosedSocket) {
        switch probe.state {
        case .connecting:
            if probe.age < probeTimeout.wholeNanoseconds { note("a probe has timed out after \(probe.age) ns") }
        case .fresh, .refused, .connected, .dead:
            if probe.wasUnheard, probe.wasNeverHeard { note("a probe was judged before its result was reported") }
        }
    }

    /// What must hold between any two turns.
    mutating func look(at loop: borrowing BalancerLoop) {
        for target in loop.targets.roster.targets { targetCounters[target.id] = target.counters }
        guard violations.isEmpty else { return }
        let audit = Audit(loop)
        if !audit.isSound { note(audit.description) }
        // The wakers of those who ask are not the loop's.
        let open = kernel.openDescriptors - (loop.shared.access == nil ? 0 : 2)
        if audit.descriptors != open {
            note("\(open) descriptors are open, the loop knows of \(audit.descriptors)")
        }
        lookAtCandidates(loop)
    }

    /// Candidates and what the loop knows of them agree, and connections are held ready for those that may be picked.
    private mutating func lookAtCandidates(_ loop: borrowing BalancerLoop) {
        var sessions: [Int: Int32] = [:]
        for index in loop.sessions.slab.indexRange where loop.sessions.slab.isTaken(index) {
            guard loop.sessions.slab[index].link.backend.stream.isOpen else { continue }
            let state = Int(loop.sessions.slab[index].target)
            if loop.sessions.slab[index].phase == .relaying, !loop.sessions.sweep.isOn,
                loop.targets.states[state].closing != nil
            {
                note("a session stays with a backend that is to be left")
            }
            sessions[Int(loop.sessions.slab[index].target), default: 0] += 1
        }
        for place in loop.targets.states.indexRange where loop.targets.states.isTaken(place) {
            if loop.targets.states[place].sessions != sessions[place] ?? 0 {
                note("a backend counts \(loop.targets.states[place].sessions) sessions of \(sessions[place] ?? 0)")
            }
            let warm = loop.targets.states[place].warm.count
            guard !loop.targets.states[place].hasLeft else {
                if warm > 0 { note("connections are held ready for a backend that has left") }
                continue
            }
            let pool = loop.targets.states[place].pool
            let candidate = loop.targets.pools[pool].candidates[loop.targets.states[place].position]
            if Int(candidate.place) != place { note("a candidate stands for another backend") }
            let now = loop.targets.states[place].sessions
            if now > candidate.sessionsMax, now > sessionsBefore[place] ?? 0 {
                note("a backend has got \(now) sessions, and may have \(candidate.sessionsMax)")
            }
            if warm > 0, !candidate.isUp { note("connections are held ready for a backend that is not to be picked") }
            if warm > 0, loop.targets.states[place].probes.last != .succeeded {
                note("connections are held ready for a backend whose last probe has not succeeded")
            }
        }
    }

    /// How many sessions the backends of each pool have, without those that have left.
    private static func poolSessions(_ loop: borrowing BalancerLoop) -> [Int: Int32] {
        var sessions: [Int: Int32] = [:]
        for place in loop.targets.states.indexRange where loop.targets.states.isTaken(place) {
            guard !loop.targets.states[place].hasLeft else { continue }
            sessions[loop.targets.states[place].pool, default: 0] += loop.targets.states[place].sessions
        }
        return sessions
    }

    /// Limits of pools and listeners are held, and what is counted for them is what there is.
    private mutating func lookAtPools(_ loop: borrowing BalancerLoop) {
        for (pool, sessions) in Self.poolSessions(loop) {
            guard let most = loop.targets.pools[pool].settings.sessionsMax else { continue }
            let counted = loop.targets.pools[pool].shared.load.count
            if counted != sessions { note("a pool counts \(counted) sessions of \(sessions)") }
            if sessions > most, sessions > poolSessionsBefore[pool] ?? 0 {
                note("a pool has got \(sessions) sessions, and may have \(most)")
            }
        }
        var counted = 0
        for index in loop.sessions.slab.indexRange where loop.sessions.slab.isTaken(index) {
            if loop.sessions.slab[index].isCounted { counted += 1 }
        }
        let listeners = loop.targets.roster.listeners
        let known = listeners.reduce(0) { $0 + $1.places.sessions }
        if known != counted { note("listeners count \(known) sessions of \(counted)") }
        for listener in listeners {
            guard let most = listener.settings.sessionsMax, loop.state == .running else { continue }
            if listener.places.sessions > Int(most) { note("a listener has more sessions than it may") }
        }
    }

    /// Also after a change between two turns.
    mutating func lookAtPrefaces(_ loop: borrowing BalancerLoop) {
        guard let book = kernel.book else { return }
        book.noteClients(kernel)
        for violation in prefaces.look(at: loop, kernel, book) where violations.isEmpty { note(violation) }
    }

    private mutating func note(_ violation: String) {
        violations.append("turn \(turns): \(violation)")
    }

    /// Takes the counters of a loop that has stopped.
    mutating func takeCounts(of loop: borrowing BalancerLoop) {
        for counter in Counter.allCases {
            counts.all[counter] = loop.journal.cells[counter]
            counts.targets[counter] = targetCounters.values.reduce(0) { $0 + $1[counter] }
        }
    }
}

/// What a loop has counted, in all and over its backends.
struct CountedTotals {
    var all: [Counter: UInt64] = [:]
    /// The sum over all backends.
    var targets: [Counter: UInt64] = [:]

    private static let failures: [Counter] = [
        .failedRefused, .failedTimedOut, .failedUnreachable, .failedReset, .failedNoDescriptor, .failedNoPort,
        .failedNoMemory, .failedOtherwise,
    ]

    /// The equations between the counters and the records of all sessions that do not hold.
    func violations(_ records: [PrintedRecord]) -> [String] {
        var found: [String] = []
        func expect(_ counted: UInt64?, _ expected: Int, _ name: String) {
            if counted != UInt64(expected) {
                found.append("\(name): counted \(counted ?? 0), the records say \(expected)")
            }
        }
        func sum(_ value: (PrintedRecord) -> Int) -> Int { records.reduce(0) { $0 + value($1) } }
        expect(all[.accepted], records.count, "accepted")
        for reason in EndReason.allCases {
            expect(all[reason.counter], records.count { $0.reason == reason }, "ended \(reason)")
            expect(
                targets[reason.counter], records.count { $0.reason == reason && $0.backend != nil },
                "ended \(reason), over the backends")
        }
        expect(all[.bytesDiscarded], sum(\.discarded), "bytes discarded")
        for (counter, value) in [
            (Counter.bytesUp, sum(\.up)), (.bytesDown, sum(\.down)), (.connects, sum(\.attempts)),
            (.redispatches, records.reduce(0) { $0 + max(0, $1.attempts - 1) }),
        ] {
            expect(all[counter], value, "\(counter)")
            expect(targets[counter], value, "\(counter), over the backends")
        }
        expect(targets[.disconnects], sum(\.attempts), "disconnects, over the backends")
        let failed = Self.failures.reduce(0) { $0 + (all[$1] ?? 0) }
        let leastFailed = sum(\.failures)
        let mostFailed = leastFailed + records.count { $0.hasUnknownAttempt }
        expect(failed, min(max(Int(failed), leastFailed), mostFailed), "failed attempts")
        expect(
            Self.failures.reduce(0) { $0 + (targets[$1] ?? 0) }, Int(failed), "failed attempts, over the backends")
        return found
    }
}

extension Duties {
    /// The backends that are probed. (A function: a property of an optional that cannot be copied would consume it.)
    fileprivate func probedTargets() -> [TargetID] {
        prober.targets.indexRange.filter { prober.targets.isTaken($0) }.map { prober.targets[$0].id }
    }
}
