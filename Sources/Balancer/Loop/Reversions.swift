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

        /// The same figure of the same thing, whatever it goes back to.
        func isOfSame(as other: Subject) -> Bool {
            switch (self, other) {
            case (.backend(let id, let figure, _), .backend(let otherID, let otherFigure, _)):
                id == otherID && figure == otherFigure
            case (.listener(let name, _), .listener(let other, _)): name == other
            case (.perClient(let name, _), .perClient(let other, _)): name == other
            default: false
            }
        }

        /// The listener goes back to its pause; nil of anything else.
        var wasPaused: Bool? { if case .listener(_, let wasPaused) = self { wasPaused } else { nil } }
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

    /// Something is set: until `end`, of CLOCK_MONOTONIC, when it goes back to what `subject` has, or for good (nil). Where it was
    /// to go back already it goes back to what lasted before that, and at the new time alone.
    mutating func replace(_ subject: Subject, at end: Instant?, _ core: inout LoopCore) {
        let lasting = lasting(subject)
        entries.removeAll { $0.subject.isOfSame(as: subject) }
        if let end { entries.append((end, lasting)) }
        arm(&core)
    }

    /// What lasts: what the figure goes back to, or `subject`, as it is, where it does not.
    func lasting(_ subject: Subject) -> Subject {
        entries.first { $0.subject.isOfSame(as: subject) }?.subject ?? subject
    }

    /// The backend leaves: nothing of it goes back.
    mutating func forget(_ id: TargetID, _ core: inout LoopCore) {
        entries.removeAll { if case .backend(id, _, _) = $0.subject { true } else { false } }
        arm(&core)
    }

    /// The timer has expired: what goes back now.
    mutating func takeDue(_ core: inout LoopCore) -> [Subject] {
        let now = core.monotonicNow
        let due = entries.filter { $0.end <= now }.map(\.subject)
        entries.removeAll { $0.end <= now }
        arm(&core)
        return due
    }

    /// The process stood still: the loop's clock has left that out.
    func catchUp(_ core: inout LoopCore) { arm(&core) }

    private func arm(_ core: inout LoopCore) {
        guard let end = entries.map(\.end).min() else { return core.timers.disarm(timer) }
        // The loop's clock leaves stalls out; whoever said "for 10 minutes" does not.
        core.timers.arm(timer, at: core.now + max(.zero, end - core.monotonicNow))
    }
}
