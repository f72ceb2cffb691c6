/// What all loops share of a pool, for as long as the pool has its name: its queue, and how many sessions it has.
final class SharedPool: Sendable {
    /// Clients that wait for a place at one of its backends.
    let queue = SharedQueue()
    /// Sessions on its backends; only maintained while the pool has a limit.
    let load = SharedLoad()
    /// What is counted of it.
    let counters: LoopCounters

    init(loops: Int) {
        counters = LoopCounters(loops: loops)
    }
}
