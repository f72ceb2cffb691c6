import Synchronization

/// How many clients of a pool wait for a place at a backend, over all loops, and which loops have some: so that a place that
/// becomes free in one loop is offered to the clients of all.
///
/// Each loop keeps its own clients, first come first served (``PoolQueue``). A place is offered to the loops in turn, so that
/// none starves; and a client that comes while others wait stands behind them, in whatever loop. A loop that has no use for
/// what it was offered (its clients have left, or have tried that backend) passes it on, once round all loops at most.
///
/// No wake-up is lost, for the reason that ``SharedPlaces`` gives: a loop marks itself and then looks for a place once more;
/// whoever frees a place counts it and then looks for marks; all of that is sequentially consistent.
struct SharedQueue: ~Copyable, Sendable {
    private let clients = Atomic<Int>(0)
    /// Loops with clients that wait, a bit each.
    private let loops = Atomic<UInt64>(0)
    /// Loops that were offered a place and have not looked yet, a bit each.
    private let offers = Atomic<UInt64>(0)
    /// The loop after the one that was offered a place last.
    private let turn = Atomic<Int>(0)
    /// How often the place that became free last was passed on.
    private let passes = Atomic<Int>(0)

    /// Clients that wait, in all loops.
    var count: Int { clients.load(ordering: .sequentiallyConsistent) }

    // MARK: clients

    /// Counts a client in; false when as many wait as may.
    func enter(atMost most: Int) -> Bool {
        var seen = clients.load(ordering: .relaxed)
        while seen < most {
            let (done, now) = clients.weakCompareExchange(
                expected: seen, desired: seen + 1, ordering: .sequentiallyConsistent)
            if done { return true }
            seen = now
        }
        return false
    }

    /// Counts a client out.
    func leave() { clients.subtract(1, ordering: .sequentiallyConsistent) }

    /// The loop has clients that wait.
    func mark(_ loop: Int) { loops.bitwiseOr(1 << UInt64(loop), ordering: .sequentiallyConsistent) }

    /// It has none any more.
    func unmark(_ loop: Int) { loops.bitwiseAnd(~(1 << UInt64(loop)), ordering: .sequentiallyConsistent) }

    // MARK: places

    /// Offers a place that has become free to a loop, which the caller then wakes; nil when no client waits.
    func offer() -> Int? {
        passes.store(0, ordering: .relaxed)
        return offer(toOneOf: loops.load(ordering: .sequentiallyConsistent))
    }

    /// The loop has no use for a place that is free: offers it to another, which the caller then wakes; nil when there is
    /// none, or when so many loops have passed it on.
    func passOn(by loop: Int, of loopCount: Int) -> Int? {
        let others = loops.load(ordering: .sequentiallyConsistent) & ~(1 << UInt64(loop))
        guard others != 0, passes.wrappingAdd(1, ordering: .relaxed).newValue < loopCount else { return nil }
        return offer(toOneOf: others)
    }

    /// True when the loop was offered a place since the last call.
    func takeOffer(_ loop: Int) -> Bool {
        let bit: UInt64 = 1 << UInt64(loop)
        guard offers.load(ordering: .sequentiallyConsistent) & bit != 0 else { return false }
        return offers.bitwiseAnd(~bit, ordering: .sequentiallyConsistent).oldValue & bit != 0
    }

    private func offer(toOneOf bits: UInt64) -> Int? {
        guard bits != 0 else { return nil }
        let first = turn.load(ordering: .relaxed)
        let ahead = bits & ~0 << UInt64(first)
        let loop = (ahead != 0 ? ahead : bits).trailingZeroBitCount
        turn.store((loop + 1) % Limits.threadsMax, ordering: .relaxed)
        offers.bitwiseOr(1 << UInt64(loop), ordering: .sequentiallyConsistent)
        return loop
    }
}
