import Reactor

extension Targets {
    /// Notes what there is to say of the backend at `place` besides what the roster has. Kept up to date, since nobody looks at
    /// all backends for it.
    mutating func mark(_ place: Int) {
        guard !states[place].hasLeft else { return }
        states[place].tellMark(loop)
    }
}
