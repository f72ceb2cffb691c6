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
    private let shared: SharedRoster
    /// The revision by a change of pools or backends that it has taken over: findings are its own.
    private var version: UInt64 = 0
    var targets: Slab<ProbedTarget>
    /// Looks up names; nil while no backend has ever had one.
    var resolver: BackgroundResolver?
    let lookUp: BackgroundResolver.Lookup
    let namesTimer: TimerID
    let namesInterval: Duration
    /// The balancer's own listeners: an address that reaches one of them is not used.
    private var ownAddresses: [OwnAddress]
    /// Probes that were not made for lack of descriptors or memory.
    private var shortage = Episode()
    private(set) var isStopped = false
    /// The places of backends of which the roster may not have the latest finding; some may have left meanwhile.
    private var noted: [Int] = []
    /// What waits for a turn.
    var turns = ProberTurns()
    /// Backends whose name is being looked up, or waits for that.
    var lookUpsUnderWay = 0
    /// Backends that have a name.
    private(set) var nameCount = 0
    /// Where the periodic look-up goes on.
    var nextName = 0
    private var firstRound: FirstRound

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
        namesInterval = configuration.timeouts.names
        firstRound = FirstRound(&core)
        if configuration.pools.contains(where: { $0.backends.contains { $0.name != nil } }) {
            try openResolver(&core)
        }
        adopt(&core)
    }

    // MARK: the roster

    /// Takes over a revised roster: adds backends that are new in it, and removes those that have left it.
    ///
    /// Returns true when pools or backends have changed.
    @discardableResult mutating func adopt(_ core: inout LoopCore) -> Bool {
        let latest = shared.changeVersion
        guard latest != version else { return false }
        let roster = shared.current()
        version = latest
        guard !isStopped else { return true }
        firstRound.follow(roster)
        var places: [TargetID: Int] = [:]
        for index in targets.indexRange where targets.isTaken(index) { places[targets[index].id] = index }
        var new: [(TargetEntry, PoolEntry)] = []
        for pool in roster.pools {
            for entry in pool.targets {
                if let index = places.removeValue(forKey: entry.id) {
                    follow(index, entry, &core)
                    if targets[index].differs(from: entry, of: pool) { renew(index, entry, of: pool, &core) }
                } else {
                    new.append((entry, pool))
                }
            }
        }
        for index in places.values { forget(index, &core) }
        for (entry, pool) in new {
            let rhythm = ProbeRhythm(entry.id, of: roster.targetCount, interval: pool.settings.health.interval)
            add(entry, of: pool, rhythm, due: rhythm.first(of: new.count, now: core.now), &core)
        }
        return true
    }

    @discardableResult private mutating func add(
        _ entry: TargetEntry, of pool: PoolEntry, _ rhythm: ProbeRhythm, due: Instant, _ core: inout LoopCore
    ) -> Int? {
        let timer = core.timers.add(Token(.probeTimer))
        var target = ProbedTarget(entry, of: pool, rhythm: rhythm, timer: timer, due: due)
        target.isInFirstRound = !firstRound.isOver && (entry.isChecked || entry.address == nil)
        if target.isInFirstRound { firstRound.add() }
        guard let key = targets.insert(target) else {
            core.timers.remove(timer)
            return nil
        }
        if entry.host != nil { nameCount += 1 }
        core.timers.set(timer, Token(.probeTimer, key))
        core.timers.arm(timer, at: due)
        return Int(key.index)
    }

    /// The address may have been changed by a ``RosterChange``, also to another one and back.
    private mutating func follow(_ index: Int, _ entry: TargetEntry, _ core: inout LoopCore) {
        if entry.probes != targets[index].published.probes {
            targets[index].published.probes = entry.probes
            note(index)
        }
        guard entry.address != targets[index].published.address, let address = entry.address else { return }
        targets[index].published.address = address
        targets[index].published.boundSource = entry.boundSource
        targets[index].move(to: address)
        note(index)
        targets[index].announced = address
        targets[index].probe.abandon()
        targets[index].probe.due = core.now
        core.timers.arm(targets[index].probe.timer, at: core.now)
    }

    /// The backend has another name, or its pool other checks or sources. It gets a new place, so that nothing that was
    /// asked for before is taken for an answer; what was found out stays.
    private mutating func renew(
        _ index: Int, _ entry: TargetEntry, of pool: PoolEntry, _ core: inout LoopCore
    ) {
        let isNameNew = targets[index].host != entry.host
        let wasChecked = targets[index].check.kind != .none
        let health = targets[index].health
        let interval = pool.settings.health.interval
        let rhythm = ProbeRhythm(entry.id, of: targets.count, interval: interval)
        // What was to be probed soon still is; otherwise the new interval begins.
        let isNow = isNameNew || !wasChecked || targets[index].probe.isUnderWay
        let due = isNow ? core.now : min(targets[index].probe.due, core.now + interval)
        forget(index, &core)
        guard let place = add(entry, of: pool, rhythm, due: due, &core) else { return }
        targets[place].isNameNew = isNameNew
        if wasChecked, entry.isChecked { targets[place].health = health.with(pool.settings.health) }
        note(place)
    }

    /// The balancer listens at other addresses.
    mutating func set(ownAddresses: [OwnAddress]) { self.ownAddresses = ownAddresses }

    private mutating func forget(_ index: Int, _ core: inout LoopCore) {
        core.timers.remove(targets[index].probe.timer)
        if targets[index].host != nil { nameCount -= 1 }
        if targets[index].isBeingLookedUp { lookUpsUnderWay -= 1 }
        firstProbeEnded(index)
        _ = targets.remove(at: index)
    }

    /// The finding about a backend may be another than the roster has.
    private mutating func note(_ index: Int) {
        guard !targets[index].isNoted else { return }
        targets[index].isNoted = true
        noted.append(index)
    }

    /// Ends a turn: writes new findings to the roster. True when the roster has changed, so that loops that sleep must
    /// be woken.
    mutating func publish(_ core: inout LoopCore) -> Bool {
        turns.end()
        let endsFirstRound = !isStopped && firstRound.takeEnd(&core)
        guard !noted.isEmpty || endsFirstRound else { return false }
        var findings: [(old: Finding, new: Finding)] = []
        for index in noted where targets.isTaken(index) && targets[index].isNoted {
            targets[index].isNoted = false
            let finding = targets[index].finding
            guard finding != targets[index].published else { continue }
            findings.append((targets[index].published, finding))
            targets[index].published = finding
        }
        noted.removeAll(keepingCapacity: true)
        guard !findings.isEmpty || endsFirstRound else { return false }
        shared.publish(findings, endsFirstRound: endsFirstRound)
        return true
    }

    /// The first probe of a backend has ended, with whatever result, or there will be none.
    mutating func firstProbeEnded(_ index: Int) {
        guard targets[index].isInFirstRound else { return }
        targets[index].isInFirstRound = false
        firstRound.remove()
    }

    /// The backends of a discovered pool could not be found out: the first round does not wait for them.
    mutating func undiscovered(_ pool: PoolID) { firstRound.giveUp(pool) }

    /// The time of the first round is over.
    mutating func firstRoundExpired() { firstRound.expire() }

    // MARK: probes

    /// The place of the backend that a probe's event belongs to; nil when that probe has ended.
    func index(ofProbe token: Token) -> Int? {
        guard targets.contains(token.key), targets[token.index].probe.isUnderWay(token.lap) else { return nil }
        return token.index
    }

    /// The timer of a backend's probe has expired: it is the start of the next one, or the deadline of the current one.
    mutating func expired(_ token: Token, _ core: inout LoopCore, _ journal: inout Journal) {
        guard targets.contains(token.key) else { return }
        let index = token.index
        if targets[index].probe.stream.isOpen {
            probeEnded(index, .timeout, &core, &journal)
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
        guard targets[index].check.kind != .none else { return lookAfterUnchecked(index, &core, &journal) }
        guard let address = targets[index].address else { return awaitAddress(index, &core, &journal) }
        // Asked again for each probe: the machine may have got the address since it was configured.
        note(index, isItself: isOwn(address))
        if targets[index].isItself { return probeEnded(index, .itself, &core, &journal) }
        targets[index].probe.lap &+= 1
        do throws(Errno) {
            var stream = try probeSocket(index, address)
            var result = stream.connect(to: address)
            let isChecked = result.hasBegun && targets[index].source.needsCheck
            if isChecked, !recordSource(index, chosen: stream.localAddress) {
                stream = try probeSocket(index, address)
                result = stream.connect(to: address)
            }
            let token = Token(.probe, targets.key(at: index), lap: targets[index].probe.lap)
            switch result {
            case .failed(let errno):
                throw errno
            case .connected:
                return probeEnded(index, nil, &core, &journal)
            case .inProgress:
                if let errno = stream.add(to: core.poller, token) { throw errno }
            }
            targets[index].probe.stream = stream
            setDeadline(index, &core)
        } catch {
            // Of several source addresses another one may do.
            if error == .addressNotAvailable, targets[index].source.takeNext() {
                return startProbe(index, &core, &journal)
            }
            probeEnded(index, .error(error), &core, &journal)
        }
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
        if targets[index].check.close == .reset { stream.resetOnClose() }
        return stream
    }

    /// An event of the probe's socket.
    mutating func ready(_ index: Int, _ readiness: Readiness, _ core: inout LoopCore, _ journal: inout Journal) {
        if !readiness.isDisjoint(with: [.error, .hangup]), let errno = targets[index].probe.stream.takeError() {
            probeEnded(index, .error(errno), &core, &journal)
        } else if !readiness.isDisjoint(with: [.writable, .hangup]) {
            let hasMetItself = targets[index].probe.stream.isConnectedToItself
            // Nobody listens there.
            probeEnded(index, hasMetItself ? .error(.connectionRefused) : nil, &core, &journal)
        }
    }

    /// Closes the probe, judges the backend, and sets the time of the next probe.
    mutating func probeEnded(
        _ index: Int, _ failure: ProbeFailure?, _ core: inout LoopCore, _ journal: inout Journal
    ) {
        targets[index].probe.abandon()
        firstProbeEnded(index)
        judge(index, failure, &core, &journal)
        setNextProbe(index, &core)
        // Its name may have another address by now.
        if failure != nil, targets[index].address != nil { requestLookup(index, &core, &journal) }
    }

    mutating func setNextProbe(_ index: Int, _ core: inout LoopCore) {
        let due = targets[index].probe.due
        targets[index].probe.due = targets[index].rhythm.next(after: due, now: core.now)
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
            let verdict = targets[index].record(.failed)
            journal.log.probeFailed(title, named: targets[index].host, failure, verdict, fall: fall, facts)
        case nil:
            _ = shortage.end(now: core.now)
            journal.probeConnected(core.monotonicNow)
            let verdict = targets[index].record(.succeeded)
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
            core.timers.disarm(targets[index].probe.timer)
        }
        core.timers.disarm(namesTimer)
        turns.removeAll()
    }

    /// Open descriptors, for the audit.
    var openDescriptors: Int {
        var count = resolver == nil ? 0 : 1
        for index in targets.indexRange where targets.isTaken(index) && targets[index].probe.stream.isOpen {
            count += 1
        }
        return count
    }
}
