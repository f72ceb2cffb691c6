import Reactor

/// The clients of one listener, for all loops: a ``ClientTable`` under a lock, which is held for one call.
///
/// Unchecked: accessed only with the lock held, which the compiler cannot see.
final class SharedClients: @unchecked Sendable {
    /// How many there are.
    struct Counts: Hashable, Sendable {
        /// Sessions that are counted.
        var sessions: Int
        /// Waiting connections that are counted.
        var waiting: Int
        /// Clients of which something is known.
        var entries: Int
        /// Those of them that have neither.
        var idle: Int
    }

    private let lock = Lock()
    private var table: ClientTable

    /// As ``ClientTable``'s.
    init(_ settings: ClientTable.Settings, idleMax: Int = ClientTable.idleMaxUsual, seed: UInt64) {
        table = ClientTable(settings, idleMax: idleMax, seed: seed)
    }

    /// ``ClientTable/admit(_:now:)``
    func admit(_ address: SocketAddress, now: UInt64) -> ClientTable.Verdict {
        lock.lock()
        defer { lock.unlock() }
        return table.admit(address, now: now)
    }

    /// ``ClientTable/leave(_:)``
    func leave(_ entry: ClientTable.Entry) {
        // Most sessions are of listeners without limits, and need no lock.
        guard entry != .none else { return }
        lock.lock()
        defer { lock.unlock() }
        table.leave(entry)
    }

    /// ``ClientTable/hold(_:)``
    func hold(_ address: SocketAddress) -> ClientTable.Entry? {
        lock.lock()
        defer { lock.unlock() }
        return table.hold(address)
    }

    /// ``ClientTable/release(_:)``
    func release(_ entry: ClientTable.Entry) {
        guard entry != .none else { return }
        lock.lock()
        defer { lock.unlock() }
        table.release(entry)
    }

    /// ``ClientTable/change(_:)``
    func change(_ settings: ClientTable.Settings) {
        lock.lock()
        defer { lock.unlock() }
        table.change(settings)
    }

    /// The counts, all of the same moment.
    var counts: Counts {
        lock.lock()
        defer { lock.unlock() }
        return Counts(sessions: table.sessions, waiting: table.waiting, entries: table.entries, idle: table.idle)
    }
}
