import CEpoll
import Glibc
import Reactor
import Testing

@testable import Balancer

/// A roster and one loop's view of it, against a scripted kernel.
struct TargetsStage: ~Copyable {
    let shared: SharedRoster
    var targets: Targets
    var core: LoopCore
    let hand = ManualClock()
    var journal = Journal.silent()

    init(
        backends: Int, warm: Int = 0,
        backend: (Int) -> Configuration.Backend = { .init(address: .backend($0)) },
        adjust: (inout Configuration.Pool) -> Void = { _ in }
    ) throws {
        let configuration = try Configuration.staged(backends: backends, warm: warm, adjust: adjust, backend: backend)
        var core = try LoopCore.staged(hand)
        shared = SharedRoster(configuration)
        targets = Targets(shared, loop: 0, of: 1, warmMax: warm, &core)
        self.core = core
    }

    static func id(_ number: Int) -> TargetID { TargetID(rawValue: UInt32(number)) }

    /// Lets time pass, in steps that are no stalls, and weights grow with it.
    mutating func pass(_ duration: Duration) throws {
        let end = hand.now + duration
        while hand.now < end {
            hand.now = min(end, hand.now + .milliseconds(100))
            try core.beginTurn(.immediately)
            while let token = core.timers.popDue(now: core.now) {
                if SlowStarts.isToken(token) { targets.growSlowStarts(&core) }
            }
            core.endTurn()
        }
    }

    /// Changes the roster, and takes it over as the next turn of a loop would.
    @discardableResult mutating func change(_ change: RosterChange) throws -> RosterChange.Subject? {
        let subject = try shared.apply(change)
        targets.adopt(&core, &journal)
        return subject
    }

    /// The verdict of a probe.
    mutating func judge(_ number: Int, isUp: Bool) {
        find(number) { $0.isUp = isUp }
        targets.adopt(&core, &journal)
    }

    /// Publishes what the prober has found out about a backend.
    func find(_ number: Int, _ change: (inout Finding) -> Void) {
        let pools = shared.current().pools
        guard let pool = pools.first(where: { $0.position(of: Self.id(number)) != nil }),
            let target = pool.targets.first(where: { $0.id == Self.id(number) })
        else { return }
        let old = Finding(
            id: target.id, pool: pool.id, isUp: target.isUp, probes: target.probes, address: target.address,
            boundSource: target.boundSource)
        var new = old
        change(&new)
        shared.publish([(old, new)])
    }

    /// The next backend for a session; its place.
    mutating func pick() -> Int? {
        targets.pick(from: 0, for: PickRequest(tried: TriedTargets(), clientKey: 0), core.now)
    }

    /// A session goes to the next backend; its place.
    mutating func send() throws -> Int {
        let picked = pick()
        let place = try #require(picked)
        let isTaken = targets.take(place)
        #expect(isTaken)
        return place
    }

    /// A client is closed for want of a backend; why.
    mutating func refuse() -> EndReason { targets.refuse(from: 0, &core, &journal) }

    var candidates: [Candidate] { targets.pools[0].candidates }

    /// Sessions of the candidates' backends.
    var sessions: [Int32] { candidates.map { targets.states[Int($0.place)].sessions } }

    var stateCount: Int { targets.states.count }

    func isHeld(_ place: Int) -> Bool { targets.states.isTaken(place) }

    func address(_ place: Int) -> SocketAddress { targets.states[place].address }

    func count(_ counter: Counter, _ place: Int) -> UInt64 { targets.states[place].cells[counter] }
}
