import Reactor

/// The backends of a loop that start slowly, and the timer by which their weights grow.
struct SlowStarts {
    /// One that does.
    struct Start {
        let place: Int
        let id: TargetID
        let ramp: SlowStart
    }

    private(set) var starts: [Start] = []
    private let timer: TimerID

    /// The token of its timer shares a kind with the one of the process's drain.
    init(_ core: inout LoopCore) {
        timer = core.timers.add(Token(.drainTimer, SlabKey(index: 2, generation: 0)))
    }

    /// True of the token of a timer of the kind `.drainTimer` that belongs to slow starts.
    static func isToken(_ token: Token) -> Bool { token.index == 2 }

    /// Backends begin, also such as have begun before. All at once: thousands may come back together.
    mutating func begin(_ new: [Start], _ core: inout LoopCore) {
        let places = Set(new.map(\.place))
        starts.removeAll { places.contains($0.place) }
        starts += new
        arm(&core)
    }

    /// Those that have their whole weight, or have left, start no more.
    mutating func keep(_ core: inout LoopCore, where isKept: (Start) -> Bool) {
        starts.removeAll { !isKept($0) }
        arm(&core)
    }

    private func arm(_ core: inout LoopCore) {
        guard let step = starts.map(\.ramp.step).min() else { return core.timers.disarm(timer) }
        core.timers.arm(timer, at: core.now + step)
    }
}

extension Targets {
    /// Backends that have come back, or joined, begin with a part of their weight.
    mutating func beginSlowStarts(_ core: inout LoopCore) {
        var new: [SlowStarts.Start] = []
        for place in Set(returning) where states.isTaken(place) {
            guard let time = pools[states[place].pool].settings.slowStart else { continue }
            new.append(.init(place: place, id: states[place].id, ramp: SlowStart(core.now, for: time)))
        }
        returning.removeAll()
        if !new.isEmpty { slowStarts.begin(new, &core) }
        growSlowStarts(&core)
    }

    /// Gives each backend that starts slowly the weight of this moment.
    mutating func growSlowStarts(_ core: inout LoopCore) {
        guard !slowStarts.starts.isEmpty else { return }
        var changed: Set<Int> = []
        var over: Set<Int> = []
        for start in slowStarts.starts {
            guard states.isTaken(start.place), states[start.place].id == start.id, !states[start.place].hasLeft else {
                over.insert(start.place)
                continue
            }
            let pool = states[start.place].pool
            let percent = pools[pool].settings.slowStart == nil ? SlowStart.percentMax : start.ramp.percent(core.now)
            if percent == SlowStart.percentMax { over.insert(start.place) }
            states[start.place].percent = percent
            mark(start.place)
            let now = states[start.place].percentNow
            if pools[pool].grow(states[start.place].position, percent: now) { changed.insert(pool) }
        }
        for pool in changed { pools[pool].candidatesChanged() }
        slowStarts.keep(&core) { !over.contains($0.place) }
    }
}
