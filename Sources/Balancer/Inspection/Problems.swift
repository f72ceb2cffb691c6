import AdministrationAPI

/// What is wrong, the worst first, for somebody who has just been woken.
struct Problems {
    private(set) var sentences: [String] = []

    init(
        _ roster: Roster, _ conditions: ServiceConditions, _ loops: [Status.Loop], _ status: Status,
        recentlyLostLines: Int = 0
    ) {
        for loop in loops {
            guard let silence = loop.stuckSeconds else { continue }
            add("loop \(loop.index) has not answered for \(Int(silence)) s: its sessions stand still")
        }
        if conditions.contains(.cannotAccept) {
            add("clients are closed: no descriptor or memory is left to accept them")
        }
        if conditions.contains(.cannotConnect) {
            add("clients are closed: no port, source address, descriptor or memory is left to connect with")
        }
        for pool in status.pools { look(at: pool) }
        if status.sessions >= status.sessionsMax {
            add("all \(status.sessionsMax) sessions are taken: new clients wait")
        }
        for listener in status.listeners where listener.state == "paused" {
            add("listener \(listener.name) is paused by an operator: new clients wait")
        }
        for listener in status.listeners where listener.state == "full" {
            add("listener \(listener.name) has as many sessions as it may have: new clients wait")
        }
        if roster.isFrozen { add("all checks have failed at once: verdicts are those of before") }
        if recentlyLostLines > 0 {
            add(
                "the log has lost \(recentlyLostLines) lines since the start, the last ones a moment ago: look at its disk or reader"
            )
        }
        for finding in status.audit { add("this does not add up: \(finding)") }
    }

    private mutating func look(at pool: Status.Pool) {
        let (down, others) = (pool.backends.filter { $0.isOut }, pool.backends.filter { !$0.isOut })
        let served = others.contains { $0.isServing }
        if !served, !pool.backends.isEmpty, pool.backends.contains(where: { $0.state != "unknown" }) {
            add("pool \(pool.name) has no backend for new clients: they are closed")
        }
        if pool.backends.isEmpty { add("pool \(pool.name) has no backends") }
        if pool.isInPanic { add("pool \(pool.name) is in panic: so few backends are up that all are used") }
        for backend in down.prefix(Self.backendsMax) {
            let cause = backend.cause.map { ": \($0)" } ?? ""
            add("backend \(pool.name)/\(backend.name) is \(backend.state)\(cause)")
        }
        if down.count > Self.backendsMax {
            add("\(down.count - Self.backendsMax) more backends of pool \(pool.name) are down")
        }
        if let most = pool.queueMax, pool.queueLength >= most {
            add("the queue of pool \(pool.name) is full: new clients are closed")
        } else if pool.queueLength > 0 {
            add("\(pool.queueLength) clients of pool \(pool.name) wait for a place at a backend")
        }
    }

    /// The most backends of a pool that have a sentence each.
    private static let backendsMax = 5

    private mutating func add(_ sentence: String) { sentences.append(sentence) }
}

extension Status.Backend {
    /// It is known to be unwell.
    fileprivate var isOut: Bool { ["down", "ejected", "silent", "refusing"].contains(state) }

    /// New clients may get it.
    fileprivate var isServing: Bool { ["up", "unchecked", "unknown"].contains(state) && weight > 0 && address != nil }
}
