/// The limit on sessions of a listener, over all its addresses and all loops; it lasts as long as the listener's name does.
///
/// ```
///   the limit is reached           a session ends                     the loop accepts
///   loop waits, paused ---------> a loop that waits has the turn ---> again, or gives the place up, which
///                                 (loops in turn), and is woken       gives the next loop its turn
/// ```
///
/// A loop that waits does not take a place that another loop has the turn for. Otherwise the loop whose session has ended,
/// which is awake, would always be first.
final class ListenerPlaces: Sendable {
    private let places = SharedPlaces(max: .max)

    /// The limit.
    var max: Int { places.max }

    /// Sessions of all loops.
    var sessions: Int { places.occupied }

    /// Changes the limit; sessions beyond it continue.
    func limit(to max: Int) { places.limit(to: max) }

    /// Reserves a place; false when there is none for this loop now: it has the turn once one is free.
    func reserve(_ loop: Int) -> Bool {
        guard !places.isWaiting(loop) else { return false }
        repeat {
            if places.reserve() { return true }
        } while !places.wait(loop)
        return false
    }

    /// A session has the reserved place.
    func occupy() { places.occupy() }

    /// Sessions that there were before there was a limit.
    func add(_ sessions: Int) { places.occupy(unreserved: sessions) }

    /// Gives a reserved place up; returns the loop whose turn it is, which the caller wakes.
    func giveUp() -> Int? {
        places.giveUp()
        return places.nextWaiting()
    }

    /// A session has ended; returns the loop whose turn it is, which the caller wakes.
    func vacate() -> Int? {
        _ = places.vacate()
        return places.nextWaiting()
    }

    /// The limit has changed: the loop may try without having the turn.
    func tryAnew(_ loop: Int) { places.stopWaiting(loop) }
}
