import Reactor

@testable import Balancer

/// One of several loops' view of a roster, with the sessions that it has sent. Only within a scripted kernel.
final class LoopTargets {
    private var targets: Targets
    private var core: LoopCore
    private var journal = Journal.silent()
    private var places: [Int] = []

    init(_ shared: SharedRoster, _ loop: Int, of loopCount: Int) throws {
        var core = try LoopCore.staged(ManualClock())
        targets = Targets(shared, loop: loop, of: loopCount, warmMax: 0, &core)
        self.core = core
    }

    /// Takes the roster over, as at the start of a turn.
    func adopt() { targets.adopt(&core, &journal) }

    /// Sends a session to the next backend; its address, nil when there is none.
    func send() -> SocketAddress? {
        while true {
            let request = PickRequest(tried: TriedTargets(), clientKey: 0)
            guard let place = targets.pick(from: 0, for: request, core.now) else { return nil }
            guard targets.take(place) else { continue }
            places.append(place)
            return targets.states[place].address
        }
    }

    /// Sends a session to a candidate; false when it is full.
    func send(to position: Int) -> Bool {
        let place = Int(targets.pools[0].candidates[position].place)
        guard targets.take(place) else { return false }
        places.append(place)
        return true
    }

    /// The session that was sent first ends; false when there is none.
    @discardableResult func leave() -> Bool {
        guard !places.isEmpty else { return false }
        let place = places.removeFirst()
        targets.drop(place)
        targets.release(place)
        return true
    }

    var candidates: [Candidate] { targets.pools[0].candidates }
}
