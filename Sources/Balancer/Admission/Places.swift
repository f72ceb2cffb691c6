import Reactor

/// The limit on sessions as one loop sees it: its own, or the one that the loops of the process share.
///
/// A place is reserved before a client is accepted, so clients beyond the limit stay in the kernel's backlog. A session
/// then occupies it, or it is given up when no client was waiting.
struct Places: ~Copyable {
    /// The limit.
    private(set) var max: Int
    /// Sessions of a single loop.
    private var own = 0
    private let seat: Seat?

    init(max: Int, seat: Seat?) {
        self.max = max
        self.seat = seat
    }

    /// Changes the limit; true when listeners that wait for a place may go on. Each of several loops does it, with the same
    /// limit.
    mutating func limit(_ max: Int) -> Bool {
        guard max != self.max else { return false }
        defer { self.max = max }
        seat?.board.places.limit(to: max)
        return max > self.max
    }

    /// The loop's index.
    var loop: Int { seat?.loop ?? 0 }

    /// Wakes another loop.
    func wake(_ loop: Int) { seat?.wake(loop) }

    /// Sessions of all loops.
    var occupied: Int { seat?.board.places.occupied ?? own }

    /// All places are occupied.
    var isFull: Bool { seat?.board.places.isOccupied ?? (own >= max) }

    /// True when a place may be free; if not, one of several loops is woken when one is.
    var hasRoom: Bool {
        guard let seat else { return own < max }
        return !seat.board.places.isOccupied || !seat.board.places.wait(seat.loop)
    }

    /// True when one more client may be accepted; if not, one of several loops is woken when that changes.
    mutating func reserve() -> Bool {
        guard let seat else { return own < max }
        repeat {
            if seat.board.places.reserve() { return true }
        } while !seat.board.places.wait(seat.loop)
        return false
    }

    /// A session occupies the reserved place.
    mutating func occupy() {
        guard let seat else { return own += 1 }
        seat.board.places.occupy()
    }

    /// Gives the reserved place up: no client was accepted.
    mutating func giveUp() {
        guard let seat else { return }
        seat.board.places.giveUp()
        seat.wake(seat.board.places.nextWaiting())
    }

    /// Frees the place of a session that has ended, and logs its record; true when listeners of this loop may resume.
    mutating func vacate(_ record: inout SessionRecord, _ log: inout LoopLog) -> Bool {
        guard let seat else {
            own -= 1
            let remaining = own
            if record.isLogged { log.log.sessionEnded(record) { remaining } }
            return true
        }
        if record.isLogged {
            // Counted with the log's lock held, so that the counts are in the order of the lines.
            log.log.sessionEnded(record) { seat.board.places.vacate() }
        } else {
            _ = seat.board.places.vacate()
        }
        let next = seat.board.places.nextWaiting()
        if next != seat.loop { seat.wake(next) }
        // This loop is the next; or it is paused for lack of descriptors, some of which the session has freed.
        return next == seat.loop || !seat.board.places.isWaiting(seat.loop)
    }

    /// This loop was woken for a free place that it does not need: wakes another that waits.
    func passOn() {
        guard let seat else { return }
        seat.wake(seat.board.places.nextWaitingForFree())
    }
}
