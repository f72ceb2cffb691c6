import Synchronization

/// The places for sessions of all loops together, and which loops wait for one.
///
/// ```
///             reserve              occupy                vacate
///   free ---------------> reserved --------> occupied ---------------> free
///     ^                      |
///     +----------------------+ giveUp: no client was waiting
/// ```
///
/// A loop reserves before it accepts, so that the clients beyond the limit stay in the kernel's queue. Reserved places
/// count against the limit, but are not sessions: printed counts are of clients that exist.
///
/// ## No wake-up is lost
///
/// When a place becomes free while a loop waits, the loop must be woken. Two threads each write one word and then read
/// the other's:
///
/// ```
///   the loop that finds no place        the loop whose session ends
///     1. waiting |= own bit               1. counts -= 1
///     2. read counts: still full?         2. read waiting: any bit?
/// ```
///
/// All four are sequentially consistent, so in their one order the first writer's word is seen by the other's read:
/// either the loop sees the free place and continues, or the ending session sees the bit. Acquire and release would not
/// do: they let a read pass an earlier write to another word.
///
/// One free place wakes one loop. A loop that is woken and does not need the place (its clients have left) gives it up
/// or passes it on, see ``Places/passOn()``, so the chain does not end at a loop that no longer waits.
struct SharedPlaces: ~Copyable, Sendable {
    private let limit: Atomic<Int>
    /// Occupied places in the low half, reserved ones in the high half.
    private let counts = Atomic<UInt64>(0)
    /// One bit per loop.
    private let waiting = Atomic<UInt64>(0)
    /// The loop after the one that was woken last: the first candidate for the next wake, so that none starves.
    private let turn = Atomic<Int>(0)

    private static let oneOccupied: UInt64 = 1
    private static let oneReserved: UInt64 = 1 << 32

    /// One bit of a word per loop.
    static let loopsMax = Limits.threadsMax

    init(max: Int) {
        limit = Atomic(max)
    }

    /// The limit. Relaxed: whoever lowers it waits for no session to end, and after it was raised each loop looks again
    /// (``Places/limit(_:)``).
    var max: Int { limit.load(ordering: .relaxed) }

    /// Changes the limit. Sessions beyond it continue.
    func limit(to max: Int) { limit.store(max, ordering: .relaxed) }

    private static func occupied(_ counts: UInt64) -> Int { Int(counts & (oneReserved - 1)) }
    private static func taken(_ counts: UInt64) -> Int { occupied(counts) + Int(counts >> 32) }

    /// Sessions of all loops. Relaxed: the number is only displayed.
    var occupied: Int { Self.occupied(counts.load(ordering: .relaxed)) }

    /// True while every place is occupied; reserved ones do not count.
    var isOccupied: Bool { occupied >= max }

    // MARK: a place's life

    /// Reserves a place; false when there is none. Relaxed suffices: no other data is published with the count.
    func reserve() -> Bool {
        var seen = counts.load(ordering: .relaxed)
        while Self.taken(seen) < max {
            let (done, now) = counts.weakCompareExchange(
                expected: seen, desired: seen + Self.oneReserved, ordering: .relaxed)
            if done { return true }
            seen = now
        }
        return false
    }

    /// A session occupies the reserved place.
    func occupy() {
        counts.subtract(Self.oneReserved - Self.oneOccupied, ordering: .relaxed)
    }

    /// Counts so many sessions in that have not reserved a place: beyond the limit, if need be.
    func occupy(unreserved count: Int) {
        counts.add(UInt64(count) * Self.oneOccupied, ordering: .relaxed)
    }

    /// Gives up a reserved place; the caller then wakes ``nextWaiting()``.
    func giveUp() {
        counts.subtract(Self.oneReserved, ordering: .sequentiallyConsistent)
    }

    /// Frees the place of a session that has ended; returns how many sessions are left. The caller then wakes
    /// ``nextWaiting()``.
    func vacate() -> Int {
        Self.occupied(counts.subtract(Self.oneOccupied, ordering: .sequentiallyConsistent).newValue)
    }

    // MARK: waiting

    /// Marks a loop as waiting. False when a place is free after all: try again.
    func wait(_ loop: Int) -> Bool {
        let bit: UInt64 = 1 << UInt64(loop)
        waiting.bitwiseOr(bit, ordering: .sequentiallyConsistent)
        if Self.taken(counts.load(ordering: .sequentiallyConsistent)) >= max { return true }
        waiting.bitwiseAnd(~bit, ordering: .sequentiallyConsistent)
        return false
    }

    /// The loop waits no more.
    func stopWaiting(_ loop: Int) {
        waiting.bitwiseAnd(~(1 << UInt64(loop)), ordering: .sequentiallyConsistent)
    }

    /// True while a loop is marked as waiting.
    func isWaiting(_ loop: Int) -> Bool {
        waiting.load(ordering: .relaxed) & 1 << UInt64(loop) != 0
    }

    /// Unmarks and returns the loop to wake for a place that has become free; nil when none waits, which costs one
    /// load.
    func nextWaiting() -> Int? {
        while true {
            let bits = waiting.load(ordering: .sequentiallyConsistent)
            guard bits != 0 else { return nil }
            let first = turn.load(ordering: .relaxed)
            let ahead = bits & ~0 << UInt64(first)
            let loop = (ahead != 0 ? ahead : bits).trailingZeroBitCount
            let bit: UInt64 = 1 << UInt64(loop)
            let before = waiting.bitwiseAnd(~bit, ordering: .sequentiallyConsistent).oldValue
            // Another thread has unmarked it meanwhile, and wakes it for another place.
            guard before & bit != 0 else { continue }
            turn.store((loop + 1) % Self.loopsMax, ordering: .relaxed)
            return loop
        }
    }

    /// The loop to wake instead of one that does not need its place; nil when no place is free, or no loop waits.
    func nextWaitingForFree() -> Int? {
        Self.taken(counts.load(ordering: .sequentiallyConsistent)) < max ? nextWaiting() : nil
    }
}
