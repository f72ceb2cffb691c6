import Reactor

/// What one loop of the process does besides its share of the clients: the two parts that exist once, steward and
/// prober, and the calls from one to the other.
struct Duties: ~Copyable {
    var steward: Steward
    var prober: Prober
    private var poolWatch = PoolWatch()
    private let control: ControlChannel?
    /// How many SIGHUPs wait for what is being read again.
    private var hangupsWaiting = 0

    /// Makes the parts in the loop that `wanted` is passed to; nil in the others.
    static func make(
        _ wanted: consuming ProcessDuties?, _ configuration: Configuration, _ roster: SharedRoster,
        ownAddresses: [OwnAddress], _ core: inout LoopCore, _ journal: inout Journal
    ) throws(SystemCallError) -> Duties? {
        guard let wanted else { return nil }
        let lookUp = wanted.lookUp
        let control = wanted.control
        try control?.add(to: core.poller)
        let steward = try Steward(signals: wanted.signals, service: wanted.service, &core)
        let prober = try Prober(roster, configuration, lookUp, ownAddresses: ownAddresses, &core)
        journal.log.add(to: core.poller, Token(.log))
        journal.log.started(configuration)
        return Duties(steward: steward, prober: prober, control: control)
    }

    /// What a loop asks for.
    enum Work {
        /// An event of a probe or of the resolver.
        case event(Event)
        /// A timer of a probe, of the look-ups or of the watchdog.
        case timer(Token)
        /// The prober's work that exceeded its share of the last turn.
        case rest
    }

    /// Does what is asked for. False when the event is of a probe that has ended.
    mutating func perform(
        _ work: Work, _ facts: LoopFacts, _ seat: Seat?, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Bool {
        switch work {
        case .event(let event): return handle(event, facts, &core, &journal)
        case .timer(let token): expire(token, facts, seat, &core, &journal)
        case .rest:
            prober.continueWork(&core, &journal)
            endReload(facts, &core)
        }
        return true
    }

    private mutating func handle(
        _ event: Event, _ facts: LoopFacts, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Bool {
        switch TokenOwner(of: event.token) {
        case .probe:
            guard let index = prober.index(ofProbe: event.token) else { return false }
            if Prober.isAgent(event.token) {
                prober.agentReady(index, event.readiness, &core, &journal)
            } else {
                prober.ready(index, event.readiness, &core, &journal)
            }
        case .resolver:
            prober.namesAnswered(&core, &journal)
            endReload(facts, &core)
        default: break
        }
        return true
    }

    private mutating func expire(
        _ token: Token, _ facts: LoopFacts, _ seat: Seat?, _ core: inout LoopCore, _ journal: inout Journal
    ) {
        switch TokenOwner(of: token) {
        case .probeTimer: prober.expired(token, &core, &journal)
        case .resolver where FirstRound.isToken(token): prober.firstRoundExpired()
        case .resolver where Prober.isEjectionToken(token): prober.ejectionsExpired(&core, &journal)
        case .resolver: prober.namesExpired(&core, &journal)
        case .watchdogTimer: steward.beat(seat, &core)
        default: break
        }
    }

    // MARK: signals

    /// The next command that a signal stands for; nil when no signal is left. The first SIGTERM or SIGINT means drain,
    /// the next one stop; the other signals that ask for the end mean drain. The rest is handled here.
    mutating func nextCommand(
        _ facts: LoopFacts, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Board.Command? {
        while let request = steward.nextRequest() {
            switch request {
            case .end: return facts.isDraining ? .stop : .drain
            case .drain(.userFirst) where journal.log.reopen(): continue
            case .drain(let signal):
                guard !facts.isDraining else { continue }
                journal.log.ending(by: signal)
                return .drain
            case .reload: reload(facts, &core, &journal)
            case .nothing(let signal): journal.log.ignoring(signal)
            }
        }
        return nil
    }

    /// SIGHUP: the configuration is read again, if it is a file's. The addresses of names may have changed in any case.
    private mutating func reload(_ facts: LoopFacts, _ core: inout LoopCore, _ journal: inout Journal) {
        guard !facts.isDraining else { return }
        steward.beginReload(&core)
        if let control, let readAgain = control.readAgain {
            hangupsWaiting += 1
            return readAgain(control)
        }
        journal.log.reloading(names: prober.lookUpNames(&core, &journal))
        endReload(facts, &core)
    }

    /// What other threads have asked for.
    func takeRequests() -> [ControlRequest] {
        control?.take() ?? []
    }

    /// A configuration was taken over or refused, for which so many SIGHUPs have waited.
    mutating func configurationHandled(
        hangups: Int, _ facts: LoopFacts, _ core: inout LoopCore, _ journal: inout Journal
    ) {
        hangupsWaiting -= hangups
        prober.lookUpNames(&core, &journal)
        endReload(facts, &core)
    }

    /// Notifies the manager once the configuration was taken over or refused, and the last name has been looked up.
    private mutating func endReload(_ facts: LoopFacts, _ core: inout LoopCore) {
        guard steward.isReloading, hangupsWaiting == 0, !prober.isLookingUp, !facts.isDraining else { return }
        steward.endReload(facts.service, &core)
    }

    // MARK: the loop's turns

    /// Publishes the prober's findings in the roster, and tells the manager when the state has changed. True when the
    /// roster has changed.
    mutating func publish(
        _ shared: SharedState, _ seat: Seat?, isDraining: Bool, _ core: inout LoopCore, _ journal: inout Journal
    ) -> Bool {
        let hasRevised = prober.publish(&core, &journal)
        if hasRevised { poolWatch.look(shared.roster.current(), &journal) }
        guard steward.takeChange(of: shared.conditions) || hasRevised else { return false }
        let facts = ServiceFacts(shared.roster.current(), shared.conditions, isDraining: isDraining)
        steward.notifyState(facts, seat, &core)
        return hasRevised
    }

    /// Pools or backends have changed, by whoever's wish. True when there is something to tell the manager.
    mutating func adopt(_ roster: Roster, _ core: inout LoopCore, _ journal: inout Journal) -> Bool {
        guard prober.adopt(&core) else { return false }
        poolWatch.look(roster, &journal)
        return true
    }

    /// Makes up for a stall of the process: probes and the watchdog follow real time, which the loop's clock left out.
    mutating func catchUp(_ seat: Seat?, _ core: inout LoopCore) {
        prober.catchUp(core.stall, &core)
        steward.beat(seat, &core)
    }

    /// The loop accepts no more clients.
    mutating func drain(_ facts: LoopFacts, within time: Duration, _ core: inout LoopCore) {
        steward.notifyStopping(facts.service, within: time, &core)
        prober.stop(&core)
    }

    // Functions, because reading a property of a noncopyable optional would consume it.

    /// Open descriptors of both parts, for the audit.
    func openDescriptors() -> Int { steward.openDescriptors + prober.openDescriptors }
}
