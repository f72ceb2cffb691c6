import Reactor
import Synchronization

/// Where the backends are, by their places: written by the one loop that looks names up, copied by each of the others
/// when it is woken.
final class SharedAddresses: Sendable {
    /// Counts the changes. Only a hint that spares the lock: what is read is read under it.
    private let version = Atomic<UInt64>(0)
    private let lock = Lock()
    /// Only touched by who holds the lock.
    nonisolated(unsafe) private var addresses: [SocketAddress?]

    /// As they are in each loop at its start.
    init(_ configuration: Configuration) {
        unsafe addresses = configuration.pools.flatMap { $0.backends.map(\.address) }
    }

    func set(_ backend: Int, _ address: SocketAddress) {
        lock.lock()
        unsafe addresses[backend] = address
        version.add(1, ordering: .releasing)
        lock.unlock()
    }

    /// All of them, if one has changed since `seen`.
    func changes(since seen: inout UInt64) -> [SocketAddress?]? {
        guard version.load(ordering: .acquiring) != seen else { return nil }
        lock.lock()
        defer { lock.unlock() }
        seen = version.load(ordering: .relaxed)
        return unsafe addresses
    }
}
