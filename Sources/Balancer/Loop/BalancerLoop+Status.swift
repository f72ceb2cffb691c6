import Glibc
import Reactor

// The status socket: how it does, for who asks. Loop 0 has it.
extension BalancerLoop {
    /// Answers who asks, up to a share of the turn.
    mutating func answerStatus() {
        guard status != nil else { return }
        let text = makeReport().text
        for _ in 0..<Limits.statusAnswersPerTurn {
            guard status?.answer(text) ?? false else { return }
        }
        if status?.isQueued == false {
            status?.isQueued = true
            ready.append(Token(.status))
        }
    }

    func makeReport() -> StatusReport {
        var states: [StatusReport.Backend] = []
        var index = -1
        while let next = backends.index(after: index) {
            states.append(
                .init(address: backends[next].address, name: backends[next].name?.host, isUp: backends[next].isUp))
            index = next
        }
        return StatusReport(
            state: reportedState,
            backends: states,
            sessions: board?.places.occupied ?? sessions.count,
            sessionsMax: configuration.limits.sessionsMax,
            threads: configuration.threads,
            uptime: now - started,
            process: getpid())
    }

    /// What a new client may expect.
    var reportedState: StatusReport.State {
        guard state == .running else { return .draining }
        let isServing = pools.indices.allSatisfy { place in
            pools[place].members.contains { backends[Int($0.index)].isUp }
        }
        return isServing ? .serving : .noBackend
    }

    /// How many backends are up.
    var backendsUp: Int {
        var count = 0
        var index = -1
        while let next = backends.index(after: index) {
            if backends[next].isUp { count += 1 }
            index = next
        }
        return count
    }
}
