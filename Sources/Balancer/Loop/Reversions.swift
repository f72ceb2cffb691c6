import Reactor

/// What an operator has set for a while, and goes back by itself. Kept by the loop with the duties.
struct Reversions {
    /// What becomes what it was before.
    enum Subject {
        /// `before` has the figure as it was when it was set for a while.
        case backend(TargetID, TargetSteering.Figure, before: TargetSteering?)
        case listener(String, wasPaused: Bool)
        /// `before`: what an operator had set; nil for what is configured.
        case perClient(listener: String, before: Int32?)
    }

    private var entries: [(end: Instant, subject: Subject)] = []
    private let timer: TimerID

    /// How much there is.
    var count: Int { entries.count }

    /// The token of its timer shares a kind with the one of the process's drain.
    init(_ core: inout LoopCore) {
        timer = core.timers.add(Token(.drainTimer, SlabKey(index: 5, generation: 0)))
    }

    /// True of the token of a timer of the kind `.drainTimer` that is of these.
    static func isToken(_ token: Token) -> Bool { token.index == 5 }

    /// Something goes back at `end`, of CLOCK_MONOTONIC.
    mutating func add(_ subject: Subject, at end: Instant, _ core: inout LoopCore) {
        entries.append((end, subject))
        arm(&core)
    }

    /// Something else is set for a backend's figure: what was to go back does not. Returns what that would have been, which is
    /// what lasts; nil where nothing was to go back.
    mutating func forget(
        _ id: TargetID, _ figure: TargetSteering.Figure, _ core: inout LoopCore
    ) -> TargetSteering?? {
        let place = entries.firstIndex {
            if case .backend(id, figure, _) = $0.subject { true } else { false }
        }
        guard let place, case .backend(_, _, let before) = entries.remove(at: place).subject else { return nil }
        arm(&core)
        return .some(before)
    }

    /// What a paused or resumed listener goes back to; nil where it does not.
    func wasPaused(_ name: String) -> Bool? {
        for entry in entries {
            if case .listener(name, let wasPaused) = entry.subject { return wasPaused }
        }
        return nil
    }

    /// The timer has expired: what goes back now.
    mutating func takeDue(_ core: inout LoopCore) -> [Subject] {
        let now = core.monotonicNow
        let due = entries.filter { $0.end <= now }.map(\.subject)
        entries.removeAll { $0.end <= now }
        arm(&core)
        return due
    }

    /// When the listener's pause, or its other limit, goes back; nil for never.
    func end(ofListener name: String, isPause: Bool) -> Instant? {
        entries.first {
            switch $0.subject {
            case .backend: false
            case .listener(let listener, _): isPause && listener == name
            case .perClient(let listener, _): !isPause && listener == name
            }
        }?.end
    }

    /// Another order has come for the listener: what was to go back does not.
    mutating func forget(listener name: String, isPause: Bool, _ core: inout LoopCore) {
        entries.removeAll {
            switch $0.subject {
            case .backend: false
            case .listener(let listener, _): isPause && listener == name
            case .perClient(let listener, _): !isPause && listener == name
            }
        }
        arm(&core)
    }

    /// The process stood still: the loop's clock has left that out.
    func catchUp(_ core: inout LoopCore) { arm(&core) }

    private func arm(_ core: inout LoopCore) {
        guard let end = entries.map(\.end).min() else { return core.timers.disarm(timer) }
        // The loop's clock leaves stalls out; whoever said "for 10 minutes" does not.
        core.timers.arm(timer, at: core.now + max(.zero, end - core.monotonicNow))
    }
}
