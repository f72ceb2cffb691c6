import Reactor

/// The listeners of one loop, from where they are bound to the loop that will accept from them.
///
/// Unchecked: accessed only with the lock held, which the compiler cannot see.
final class BoundListeners: @unchecked Sendable {
    private let lock = Lock()
    private var entrances = Slab<Entrance>(capacity: Limits.listenersMax)

    /// Takes all of them.
    func take() -> Slab<Entrance> {
        lock.lock()
        defer { lock.unlock() }
        return exchange(&entrances, with: Slab(capacity: Limits.listenersMax))
    }

    fileprivate func add(_ entrance: consuming Entrance) {
        lock.lock()
        defer { lock.unlock() }
        // There is room: a loop has taken what was bound for it before more is (``ReloadBarrier``).
        _ = entrances.insert(entrance)
    }

    private func add(all others: BoundListeners) {
        var others = others.take()
        for index in others.indexRange where others.isTaken(index) { add(others.remove(at: index)) }
    }

    /// Binds the listeners of a plan for all loops, before any loop has one of them: a port in use is found first, and a
    /// client that connects early is in the queue of a loop that will serve it. All of them, or none.
    ///
    /// The listeners of loop 0 are bound like those of a single loop, which fails when another process listens there;
    /// then they are shared with those of the other loops. With port 0 these use the port that the kernel chose. At a
    /// socket that the service manager made, all loops accept from its one queue.
    ///
    /// - Parameters:
    ///   - sets: One for each loop.
    ///   - joining: Addresses whose port listeners of this process have, which share it: see
    ///     ``Admission/share(inTheWayOf:)``.
    static func bind(
        _ plan: ListenerPlan, backlog: Int?, to sets: [BoundListeners], joining: Set<SocketAddress> = []
    ) throws(SystemCallError) {
        let bound = sets.map { _ in BoundListeners() }
        for (id, settings) in plan.new {
            if settings.inherited != nil {
                for set in bound { set.add(try Entrance(id, settings, backlog: backlog)) }
                continue
            }
            let isJoining = joining.contains(settings.address)
            let first = try Entrance(id, settings, backlog: backlog, joining: isJoining)
            guard bound.count > 1 else {
                bound[0].add(first)
                continue
            }
            try first.acceptor.listener.share()
            let address = first.acceptor.listener.address
            bound[0].add(first)
            for set in bound.dropFirst() {
                set.add(try Entrance(id, settings, at: address, backlog: backlog, joining: true))
            }
        }
        for (set, new) in zip(sets, bound) { set.add(all: new) }
    }
}
