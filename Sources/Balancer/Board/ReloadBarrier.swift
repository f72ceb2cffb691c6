import Reactor

/// Which reload each loop has taken over. A configuration is taken over only when all loops have the one before, so that no
/// loop ever finds listeners that were bound for another reload than the one that it takes over.
final class ReloadBarrier: Sendable {
    private let lock = Lock()
    /// By the loops' indices; nil of one that does not exist yet. Accessed only with the lock held.
    nonisolated(unsafe) private var adopted: [UInt64?]

    init(loops: Int) {
        unsafe adopted = Array(repeating: nil, count: loops)
    }

    /// A loop was made with the roster of this reload, or has taken it over.
    func pass(_ loop: Int, _ reload: UInt64) {
        lock.lock()
        defer { lock.unlock() }
        unsafe adopted[loop] = reload
    }

    /// True when all loops have this reload.
    func hasPassed(_ reload: UInt64) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        return unsafe adopted.allSatisfy { $0 == reload }
    }
}
