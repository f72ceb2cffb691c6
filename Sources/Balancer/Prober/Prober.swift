import Reactor

/// Probes all backends of the process and looks up their names: one connect per backend and interval.
///
/// What a turn costs does not depend on how many backends there are. Their probes are spread (``ProbeRhythm``); so many
/// begin in a turn, and so many look-ups (+Turns); and findings are collected where they are made, so that nobody walks
/// over all backends to publish them.
///
/// It exists once, in the loop with the ``Duties``. Its timers, sockets and look-ups lead only to itself, and it has no
/// access to sessions. Its findings go into the roster (``publish()``), from which every loop, its own included, takes
/// them at the start of a turn.
///
/// ```
///   timer --> start --> connect ------> event, timer --> judge --+
///               |                                                +--> findings --> publish --> roster --> candidates
///               +--> no address --> resolver --> move (+Names) --+
/// ```
struct Prober: ~Copyable {
    let shared: SharedRoster
    /// The revision by a change of pools or backends that it has taken over: findings are its own.
    var version: UInt64 = 0
    var targets: Slab<ProbedTarget>
    /// Where each backend is.
    var places: [TargetID: Int] = [:]
    /// Backends that get no clients until then, besides those that have left since.
    var ejections: [(key: SlabKey, end: Instant)] = []
    let ejectionTimer: TimerID
    /// Backends whose last check has succeeded.
    var answering = 0
    /// All checks have failed at once, and none has succeeded since: verdicts stay what they were.
    var isFrozen = false
    /// What of that the roster has.
    var publishedFrozen = false
    /// Whether that is done.
    var freezesWhenAllFail = false
    /// Looks up names; nil while no backend has ever had one.
    var resolver: BackgroundResolver?
    let lookUp: BackgroundResolver.Lookup
    let namesTimer: TimerID
    let namesInterval: Duration
    /// The balancer's own listeners: an address that reaches one of them is not used.
    var ownAddresses: [OwnAddress]
    /// Probes that were not made for lack of descriptors or memory.
    private var shortage = Episode()
    private(set) var isStopped = false
    /// The places of backends of which the roster may not have the latest finding; some may have left meanwhile.
    var noted: [Int] = []
    /// What waits for a turn.
    var turns = ProberTurns()
    /// Backends whose name is being looked up, or waits for that.
    var lookUpsUnderWay = 0
    /// Backends that have a name.
    var nameCount = 0
    /// Where the periodic look-up goes on.
    var nextName = 0
    var firstRound: FirstRound
    /// What is read of the answer to a probe, a piece at a time.
    var chunk = [UInt8](repeating: 0, count: Limits.probeChunkBytes)

    /// The first probe of each backend is due at once, or where there are many, soon: ``ProbeRhythm/first(of:now:)``.
    init(
        _ shared: SharedRoster, _ configuration: Configuration, _ lookUp: @escaping BackgroundResolver.Lookup,
        ownAddresses: [OwnAddress], _ core: inout LoopCore
    ) throws(SystemCallError) {
        self.shared = shared
        self.lookUp = lookUp
        self.ownAddresses = ownAddresses
        targets = Slab(capacity: Token.indexLimit, reserving: configuration.backendCount)
        namesTimer = core.timers.add(Token(.resolver))
        ejectionTimer = core.timers.add(Token(.resolver, Self.ejectionKey))
        namesInterval = configuration.timeouts.names
        firstRound = FirstRound(&core)
        if configuration.pools.contains(where: { $0.backends.contains { $0.name != nil } }) {
            try openResolver(&core)
        }
        adopt(&core)
    }

    // MARK: probes

    /// The place of the backend that a probe's event belongs to; nil when that probe has ended.
    func index(ofProbe token: Token) -> Int? {
        guard targets.contains(token.key) else { return nil }
        let isAgent = Self.isAgent(token)
        let isUnderWay =
            isAgent
            ? targets[token.index].agentProbe.isUnderWay(token.lap) : targets[token.index].probe.isUnderWay(token.lap)
        return isUnderWay ? token.index : nil
    }

    /// The timer of a backend's probe has expired: it is the start of the next one, or the deadline of the current one.
    mutating func expired(_ token: Token, _ core: inout LoopCore, _ journal: inout Journal) {
        guard targets.contains(token.key) else { return }
        let index = token.index
        if Self.isAgent(token) {
            agentExpired(index, &core, &journal)
        } else if targets[index].probe.isLeaving {
            left(index, &core)
        } else if targets[index].probe.stream.isOpen {
            probeEnded(index, lateness(index), &core, &journal)
        } else if targets[index].probe.awaitsAddress {
            probeEnded(index, .noAddress("no name server has answered"), &core, &journal)
        } else {
            begin(index, &core, &journal)
        }
    }

    mutating func startProbe(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        guard !isStopped else { return }
        if targets[index].isNameNew {
            targets[index].isNameNew = false
            requestLookup(index, &core, &journal)
        }
        guard targets[index].steered != .maintain else {
            firstProbeEnded(index)
            return setNextProbe(index, &core)
        }
        guard targets[index].check.kind != .none else { return lookAfterUnchecked(index, &core, &journal) }
        guard let served = targets[index].address, let address = targets[index].probedAddress else {
            return awaitAddress(index, &core, &journal)
        }
        // Asked again for each probe: the machine may have got the address since it was configured.
        note(index, isItself: isOwn(served))
        if targets[index].isItself || isOwn(address) { return probeEnded(index, .itself, &core, &journal) }
        targets[index].probe.lap &+= 1
        targets[index].noteSuspicions()
        if targets[index].steered != .ready, startSteered(index, address, &core, &journal) { return }
        do throws(Errno) {
            var stream = try probeSocket(index, address)
            var result = stream.connect(to: address)
            let isChecked = result.hasBegun && targets[index].source.needsCheck
            if isChecked, !recordSource(index, chosen: stream.localAddress) {
                stream = try probeSocket(index, address)
                result = stream.connect(to: address)
            }
            let token = Token(.probe, targets.key(at: index), lap: targets[index].probe.lap & 7)
            switch result {
            case .failed(let errno):
                throw errno
            case .connected where targets[index].endsWithReset:
                return probeEnded(index, nil, &core, &journal)
            case .connected, .inProgress:
                if let errno = stream.add(to: core.poller, token) { throw errno }
            }
            targets[index].probe.stream = stream
            setDeadline(index, &core)
            if result == .connected { connected(index, &core, &journal) }
        } catch {
            // Of several source addresses another one may do.
            if error == .addressNotAvailable, targets[index].source.takeNext() {
                return startProbe(index, &core, &journal)
            }
            probeEnded(index, .error(error), &core, &journal)
        }
    }

    /// A probe of a backend for which an operator has set a state. False when that changes nothing for it.
    private mutating func startSteered(
        _ index: Int, _ address: SocketAddress, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Bool {
        switch targets[index].steered {
        case .ready, .drain, .maintain: return false
        case .refusing: probeEnded(index, .error(.connectionRefused), &core, &journal)
        case .silent:
            do throws(Errno) {
                // It connects to nobody, so that its deadline is its result.
                targets[index].probe.stream = try probeSocket(index, address)
                setDeadline(index, &core)
            } catch {
                probeEnded(index, .error(error), &core, &journal)
            }
        }
        return true
    }

    /// True of an address at which a listener of the balancer is reached.
    func isOwn(_ address: SocketAddress) -> Bool {
        ownAddresses.contains { $0.receives(address) }
    }

    private mutating func note(_ index: Int, isItself: Bool) {
        guard targets[index].isItself != isItself else { return }
        targets[index].isItself = isItself
        note(index)
    }

    /// Records the source address that the kernel chose for a probe; false when it is the wrong one.
    private mutating func recordSource(_ index: Int, chosen: SocketAddress?) -> Bool {
        note(index)
        return targets[index].source.note(chosen: chosen)
    }

    /// There is no address to probe yet: looks the name up. The answer starts the probe, or is its failure.
    private mutating func awaitAddress(_ index: Int, _ core: inout LoopCore, _ journal: inout Journal) {
        targets[index].probe.awaitsAddress = true
        setDeadline(index, &core)
        requestLookup(index, &core, &journal)
    }

    private func setDeadline(_ index: Int, _ core: inout LoopCore) {
        core.timers.arm(targets[index].probe.timer, at: core.now + targets[index].check.timeout)
    }

    private func probeSocket(_ index: Int, _ address: SocketAddress) throws(Errno) -> Stream {
        let stream = try Stream(for: address, from: targets[index].source.forProbes)
        if targets[index].endsWithReset { stream.resetOnClose() }
        return stream
    }

    /// An event of the probe's socket.
    mutating func ready(_ index: Int, _ readiness: Readiness, _ core: inout LoopCore, _ journal: inout Journal) {
        guard case .connecting = targets[index].probe.phase else { return goOn(index, &core, &journal) }
        if !readiness.isDisjoint(with: [.error, .hangup]), let errno = targets[index].probe.stream.takeError() {
            probeEnded(index, .error(errno), &core, &journal)
        } else if !readiness.isDisjoint(with: [.writable, .hangup]) {
            let hasMetItself = targets[index].probe.stream.isConnectedToItself
            // Nobody listens there.
            if hasMetItself { return probeEnded(index, .error(.connectionRefused), &core, &journal) }
            connected(index, &core, &journal)
        }
    }

    /// Closes the probe, judges the backend, and sets the time of the next probe.
    mutating func probeEnded(
        _ index: Int, _ failure: ProbeFailure?, _ core: inout LoopCore, _ journal: inout Journal
    ) {
        targets[index].probe.abandon()
        judged(index, failure, &core, &journal)
        setNextProbe(index, &core)
    }

    /// The result of a probe is known.
    mutating func judged(_ index: Int, _ failure: ProbeFailure?, _ core: inout LoopCore, _ journal: inout Journal) {
        firstProbeEnded(index)
        judge(index, failure, &core, &journal)
        // Its name may have another address by now.
        if failure != nil, targets[index].address != nil { requestLookup(index, &core, &journal) }
    }

    mutating func setNextProbe(_ index: Int, _ core: inout LoopCore) {
        let due = targets[index].probe.due
        targets[index].probe.due = targets[index].rhythm.next(after: due, now: core.now, targets[index].health.pace)
        core.timers.arm(targets[index].probe.timer, at: targets[index].probe.due)
    }

    private mutating func judge(
        _ index: Int, _ failure: ProbeFailure?, _ core: inout LoopCore, _ journal: inout Journal
    ) {
        note(index)
        let title = targets[index].title
        let facts = targets[index].facts(wasUp: targets[index].health.isUp)
        switch failure {
        case .error(let errno) where errno.isLocalShortage:
            // A shortage of this machine says nothing about the backend.
            if shortage.add(now: core.now) { journal.log.probeNotMade(title, errno, facts) }
            targets[index].notMade += 1
            if targets[index].notMade >= targets[index].health.fall { targets[index].probes.canProbe = false }
        case .some(let failure):
            let fall = targets[index].isUndecided ? 1 : targets[index].health.fall
            let before = targets[index].health
            let verdict = targets[index].record(.failed)
            if noteFailed(index, before: before, &core, &journal) { return }
            journal.log.probeFailed(title, named: targets[index].host, failure, verdict, fall: fall, facts)
        case nil:
            _ = shortage.end(now: core.now)
            journal.probeConnected(core.monotonicNow)
            noteSucceeded(index, &journal)
            let verdict = targets[index].record(.succeeded)
            endTrial(index, &core, &journal)
            if let address = targets[index].address { announce(index, address, &journal) }
            journal.log.probeSucceeded(title, verdict, rise: targets[index].health.rise, facts)
        }
    }

    /// Sets the new or first address of a backend.
    mutating func moveTarget(_ index: Int, to address: SocketAddress, isSearch: Bool) {
        note(index)
        targets[index].move(to: address, isSearch: isSearch)
    }

    // MARK: time

    /// Makes up for a stall of `stall` nanoseconds, which the loop's clock leaves out. Probes follow real time: those
    /// that became due during the stall start now, so many in each turn, and all names are looked up.
    mutating func catchUp(_ stall: UInt64, _ core: inout LoopCore) {
        guard !isStopped else { return }
        if resolver != nil {
            nextName = Self.allNames
            core.timers.arm(namesTimer, at: core.now)
        }
        for index in targets.indexRange where targets.isTaken(index) && !targets[index].probe.isUnderWay {
            let due = targets[index].probe.due.nanoseconds
            targets[index].probe.due = Instant(nanoseconds: due - min(due, stall))
            core.timers.arm(targets[index].probe.timer, at: targets[index].probe.due)
        }
    }

    /// No probes and no look-ups from now on.
    mutating func stop(_ core: inout LoopCore) {
        isStopped = true
        for index in targets.indexRange where targets.isTaken(index) {
            targets[index].probe.abandon()
            targets[index].agentProbe.abandon()
            core.timers.disarm(targets[index].probe.timer)
            core.timers.disarm(targets[index].agentProbe.timer)
        }
        core.timers.disarm(namesTimer)
        core.timers.disarm(ejectionTimer)
        turns.removeAll()
    }

    /// Open descriptors, for the audit.
    var openDescriptors: Int {
        var count = resolver == nil ? 0 : 1
        for index in targets.indexRange where targets.isTaken(index) {
            if targets[index].probe.stream.isOpen { count += 1 }
            if targets[index].agentProbe.stream.isOpen { count += 1 }
        }
        return count
    }
}
