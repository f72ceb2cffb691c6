import Reactor

/// A search through all sessions of a loop for those whose backend is to be left, in shares of a turn: nobody keeps a list
/// of a backend's sessions, which each of them would have to be in.
///
/// The search goes round once from where it was when a backend was marked last (``TargetState/closing``).
struct ClosingSearch {
    private var next = 0
    /// How many places there were when it began. A session that begins meanwhile at a further one is on no such backend,
    /// or has the search begin again when it is connected.
    private var places = 0
    /// How many places are still to be looked at.
    private var left = 0
    private var looksLeft = 0
    private var closesLeft = 0

    /// True until all sessions were looked at.
    @inline(__always) var isOn: Bool { left > 0 }

    /// Deals out the share of a turn: before the first place that is looked at in it.
    mutating func beginTurn() {
        looksLeft = Limits.closeLooksPerTurn
        closesLeft = Limits.closesPerTurn
    }

    /// One more backend is to be left; there are so many places.
    mutating func begin(places: Int) {
        self.places = places
        left = places
    }

    /// The next place; nil when all were looked at, or the turn's share is used up.
    mutating func nextPlace() -> Int? {
        guard left > 0, looksLeft > 0, closesLeft > 0 else { return nil }
        left -= 1
        looksLeft -= 1
        if next >= places { next = 0 }
        defer { next += 1 }
        return next
    }

    /// The session at the last place is ended.
    mutating func found() { closesLeft -= 1 }
}

extension Sessions {
    /// Backends were marked: their sessions end in this turn and the next ones.
    mutating func searchForClosing() { search.begin(places: slab.indexRange.count) }

    /// The place of the next session whose backend is to be left, and why; nil when there is none, or none in this turn.
    /// One that is connecting is not yet the backend's, and one that lingers is about to end.
    mutating func nextToClose(_ targets: inout Targets) -> (index: Int, reason: EndReason)? {
        while let index = search.nextPlace() {
            guard slab.isTaken(index), slab[index].phase == .relaying,
                let reason = targets.states[Int(slab[index].target)].closing
            else { continue }
            search.found()
            return (index, reason)
        }
        return nil
    }
}
