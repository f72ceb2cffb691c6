import Reactor

/// Backends that were removed, whose sessions may go on for a while: ``Configuration/WhenRemoved/drain(_:)``.
struct Removals {
    /// A state that has left the roster.
    struct Removal {
        let place: Int
        let id: TargetID
        let end: Instant
    }

    private var removals: [Removal] = []
    private let timer: TimerID

    /// The token of its timer shares a kind with the one of the process's drain: see ``isToken(_:)``.
    init(_ core: inout LoopCore) {
        timer = core.timers.add(Token(.drainTimer, SlabKey(index: 1, generation: 0)))
    }

    /// True of the token of a timer of the kind `.drainTimer` that belongs to removed backends.
    static func isToken(_ token: Token) -> Bool { token.index == 1 }

    /// The sessions of a state may go on for `time`.
    mutating func add(place: Int, _ id: TargetID, for time: Duration, _ core: inout LoopCore) {
        removals.append(Removal(place: place, id: id, end: core.now + time))
        arm(&core)
    }

    /// The timer has expired: those whose time is over.
    mutating func takeDue(_ core: inout LoopCore) -> [Removal] {
        let now = core.now
        let due = removals.filter { $0.end <= now }
        removals.removeAll { $0.end <= now }
        arm(&core)
        return due
    }

    private func arm(_ core: inout LoopCore) {
        guard let end = removals.map(\.end).min() else { return core.timers.disarm(timer) }
        core.timers.arm(timer, at: end)
    }
}
