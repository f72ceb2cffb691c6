import Reactor
import Synchronization

/// What the loops of a process share, even if there is only one: the roster, listeners on their way to a loop, the counters
/// of each loop, the lengths of its turns, and what keeps clients from being served.
final class SharedState: Sendable {
    let roster: SharedRoster
    /// The listeners that were bound for each loop, by its index, until it has taken them.
    let bound: [BoundListeners]
    /// Which reload each loop has.
    let barrier: ReloadBarrier
    /// The counters of each loop, by its index, over all backends. Readable from any thread, without a lock.
    let counters: [CounterBlock]
    /// The lengths of each loop's turns, by its index.
    let turns: [TurnLengths]
    let conditions = ServiceConditions()
    /// Whoever asks the loops; nil where nobody does.
    let access: LoopAccess?
    private let draining = Atomic(false)
    /// What makes the ids of this process's sessions others than those of another process, and the lots that policies draw.
    let sessionSalt: UInt64

    init(_ configuration: Configuration, salt: UInt64 = SessionIDs.makeSalt(), access: LoopAccess? = nil) {
        sessionSalt = salt
        self.access = access
        roster = SharedRoster(configuration)
        bound = (0..<configuration.threads).map { _ in BoundListeners() }
        barrier = ReloadBarrier(loops: configuration.threads)
        counters = (0..<configuration.threads).map { _ in CounterBlock() }
        turns = (0..<configuration.threads).map { _ in TurnLengths() }
    }

    /// Binds the listeners of the configuration that the roster was made from, for all loops.
    func bindListeners(_ configuration: Configuration) throws(SystemCallError) {
        let plan = ListenerPlan(binding: roster.current().listeners)
        try BoundListeners.bind(plan, backlog: configuration.limits.backlog, to: bound)
    }

    /// The process is about to end: set by the first loop that drains.
    var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// A loop drains.
    func beginDraining() { draining.store(true, ordering: .relaxed) }

    /// Sessions of all loops: those that came without those that have ended, which are read first.
    var sessions: Int {
        let ended = EndReason.allCases.reduce(0) { $0 &+ total($1.counter) }
        let came = total(.accepted)
        return came > ended ? Int(truncatingIfNeeded: came - ended) : 0
    }

    /// The sum over all loops.
    func total(_ counter: Counter) -> UInt64 { counters.reduce(0) { $0 &+ $1.cells[counter] } }
}
