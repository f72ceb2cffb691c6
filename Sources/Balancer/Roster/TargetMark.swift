import Reactor

/// What a loop has to say of a backend besides what the roster has, for the status.
struct TargetMark: Hashable {
    /// Clients go to others first: ``Suspicion``.
    var isSuspect: Bool
    /// How much of its weight it has, in percent; nil for all of it.
    var percent: Int32?
}

extension Targets {
    /// Notes what there is to say of the backend at `place`. Kept up to date, since nobody looks at all backends for it.
    mutating func mark(_ place: Int) {
        let (isSuspect, percent) = (states[place].suspicion.isOn, states[place].percent)
        guard !states[place].hasLeft else { return }
        states[place].tellMark(loop)
        let isPlain = !isSuspect && percent == SlowStart.percentMax
        if isPlain, marks.isEmpty { return }
        let mark = TargetMark(isSuspect: isSuspect, percent: percent == SlowStart.percentMax ? nil : percent)
        marks[states[place].id] = isPlain ? nil : mark
    }
}
