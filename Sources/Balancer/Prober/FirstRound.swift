import Reactor

/// The first round of probes of the process: over when each backend has been probed once, or looked up in vain. Until then
/// the process says that it is starting, and its service manager waits.
///
/// Backends that come later begin no other round.
struct FirstRound: ~Copyable {
    /// It is over, for good.
    private(set) var isOver = false
    /// Backends whose first probe has not ended.
    private var probesLeft = 0
    /// Discovered pools that have no backend yet.
    private var awaited: Set<PoolID> = []
    /// Those of which the first look for backends was in vain.
    private var undiscovered: Set<PoolID> = []
    private var hasExpired = false
    private let timer: TimerID

    /// The token of its timer shares a kind with the one of the periodic look-ups: see ``isToken(_:)``.
    init(_ core: inout LoopCore) {
        timer = core.timers.add(Token(.resolver, SlabKey(index: 1, generation: 0)))
        core.timers.arm(timer, at: core.now + Limits.firstRoundMax)
    }

    /// True of the token of a timer of the kind `.resolver` that belongs to the first round.
    static func isToken(_ token: Token) -> Bool { token.index == 1 }

    /// A backend is to be probed.
    mutating func add() { probesLeft += 1 }

    /// The first probe of a backend that was added has ended, or it has left.
    mutating func remove() { probesLeft -= 1 }

    /// Pools have changed.
    mutating func follow(_ roster: Roster) {
        guard !isOver else { return }
        awaited = Set(roster.pools.filter { $0.settings.isDiscovered && $0.targets.isEmpty }.map(\.id))
        awaited.subtract(undiscovered)
    }

    /// The backends of a pool could not be found out.
    mutating func giveUp(_ pool: PoolID) {
        guard !isOver else { return }
        undiscovered.insert(pool)
        awaited.remove(pool)
    }

    /// Its time is over, whatever has not answered.
    mutating func expire() { hasExpired = true }

    /// Looks whether it is over; true only when it has ended since the last look.
    mutating func takeEnd(_ core: inout LoopCore) -> Bool {
        guard !isOver, hasExpired || probesLeft == 0 && awaited.isEmpty else { return false }
        core.timers.disarm(timer)
        isOver = true
        return true
    }
}
