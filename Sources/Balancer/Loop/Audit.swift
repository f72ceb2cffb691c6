import Reactor

/// The invariants of a loop between two turns, checked in debug builds at the end of each turn, and by tests.
///
/// ```
///   accepted            = sessions + ended                             no session is lost or counted twice
///   received            = delivered + waiting + discarded              no byte is lost or invented
///   blocks, pipes taken = those that waiting bytes are in              no memory leaks
///   backends' holds     = sessions on them + those that have tried them  no backend is forgotten or kept for ever
///   names, clients counted = those of sessions that have them         no client is counted for ever
///   listeners + sides of sessions + probes + pipes + warm connections + own = open descriptors
/// ```
///
/// The last is compared with the kernel's count by tests that simulate the kernel. See ``RelayLedger`` for bytes and
/// memory.
///
/// - Complexity: O(sessions + backends).
struct Audit {
    /// The invariants that do not hold, as text; empty when all hold.
    private(set) var findings: [String] = []
    /// How many descriptors the loop must have open.
    private(set) var descriptors = 0

    /// Audits a loop.
    init(_ loop: borrowing BalancerLoop) {
        check(loop.sessions, loop.targets, loop.journal.cells)
        check(prefaces: loop.sessions, isOnlyLoop: loop.seat == nil)
        addDescriptors(loop.core.openDescriptors + loop.admission.openDescriptors)
        addDescriptors(loop.duties?.openDescriptors() ?? 0)
    }

    var isSound: Bool { findings.isEmpty }
    var description: String { findings.joined(separator: "; ") }

    /// Adds a finding when `value` is not `expected`.
    private mutating func expect<Value: Equatable>(_ value: Value, _ expected: Value, _ name: StaticString) {
        if value != expected { findings.append("\(name): \(value), and it must be \(expected)") }
    }

    private mutating func addDescriptors(_ count: Int) { descriptors += count }

    /// Checks sessions, their bytes, and the backends that they hold.
    private mutating func check(_ sessions: borrowing Sessions, _ targets: borrowing Targets, _ cells: CounterCells) {
        var ledger = RelayLedger()
        var holds = [Int: Int32]()
        var poolHolds = [Int: Int32]()
        var waiting = [Int: Int]()
        for index in sessions.slab.indexRange where sessions.slab.isTaken(index) {
            ledger.add(sessions.slab[index].link, isConnected: sessions.slab[index].isConnected)
            for place in sessions.slab[index].heldPlaces { holds[place, default: 0] += 1 }
            if let place = sessions.firstFailed(of: index) { holds[place, default: 0] += 1 }
            if !sessions.slab[index].isConnected { poolHolds[Int(sessions.slab[index].pool), default: 0] += 1 }
            if sessions.slab[index].phase == .waiting { waiting[Int(sessions.slab[index].pool), default: 0] += 1 }
            addDescriptors(sessions.slab[index].openDescriptors)
        }
        expect(ledger, sessions.relay.expectedLedger, "blocks, pipes and bytes of sessions")
        let ended = EndReason.allCases.reduce(0) { $0 + cells[$1.counter] }
        expect(UInt64(sessions.count) + ended, cells[.accepted], "sessions and those that have ended")
        check(targets, holds)
        check(targets, poolHolds: poolHolds, waiting)
        addDescriptors(2 * sessions.relay.memory.pipes.made)
    }

    /// Checks what is kept of sessions because of what their listeners ask for. What clients are counted for is
    /// that of all
    /// loops.
    private mutating func check(prefaces sessions: borrowing Sessions, isOnlyLoop: Bool) {
        guard sessions.keepsOrigins, !sessions.rules.isEmpty else { return }
        var names = 0
        var counted = [SharedClients.Counts](
            repeating: .init(sessions: 0, waiting: 0, entries: 0, idle: 0), count: sessions.rules.count)
        for index in sessions.slab.indexRange where sessions.slab.isTaken(index) {
            guard sessions.origins.value(at: index).hasPreface else { continue }
            let preface = sessions.prefaces.value(at: index)
            if preface.hasName {
                names += 1
                if !sessions.serverNames.contains(preface.name) { findings.append("a session's name is missing") }
            }
            guard preface.isEntered, preface.entry != .none else { continue }
            if preface.stage == .held {
                counted[Int(preface.door)].waiting += 1
            } else {
                counted[Int(preface.door)].sessions += 1
            }
        }
        expect(sessions.serverNames.count, names, "names of sessions")
        guard isOnlyLoop else { return }
        for (door, rules) in sessions.rules.enumerated() {
            let counts = rules.standing.clients.counts
            expect(counts.sessions, counted[door].sessions, "sessions that are counted for their clients")
            expect(counts.waiting, counted[door].waiting, "sessions that wait for their clients' limits")
        }
    }

    private mutating func check(
        _ targets: borrowing Targets, poolHolds: [Int: Int32], _ waiting: [Int: Int]
    ) {
        for pool in targets.pools.indexRange where targets.pools.isTaken(pool) {
            expect(targets.pools[pool].holds, poolHolds[pool] ?? 0, "sessions that hold a pool")
            expect(targets.pools[pool].queue.count, waiting[pool] ?? 0, "sessions in a pool's queue")
            if targets.pools[pool].hasLeft, targets.pools[pool].holds == 0 {
                findings.append("a pool that has left is kept without a session")
            }
        }
    }

    private mutating func check(_ targets: borrowing Targets, _ holds: [Int: Int32]) {
        var warm = 0
        for place in targets.states.indexRange where targets.states.isTaken(place) {
            expect(targets.states[place].holds, holds[place] ?? 0, "sessions that hold a backend")
            if targets.states[place].hasLeft, targets.states[place].holds == 0 {
                findings.append("a backend that has left is kept without a session")
            }
            warm += targets.states[place].warm.count
        }
        expect(warm, targets.warmCount, "connections held ready")
        addDescriptors(warm)
    }
}

extension Session {
    /// The places of the backends that it holds.
    fileprivate var heldPlaces: [Int] {
        guard !isConnected else { return [Int(target)] }
        var places: [Int] = []
        var rest = tried
        while let place = rest.removeFirst() { places.append(place) }
        return places
    }

    fileprivate var openDescriptors: Int { (link.client.stream.isOpen ? 1 : 0) + (link.backend.stream.isOpen ? 1 : 0) }
}
