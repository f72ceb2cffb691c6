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
        ready.append(Token(.status))
    }

    func makeReport() -> StatusReport {
        var states: [StatusReport.Backend] = []
        var index = -1
        while let next = backends.index(after: index) {
            states.append(
                .init(address: backends[next].address, name: backends[next].name?.host, isUp: backends[next].isUp))
            index = next
        }
        let isServing = pools.indices.allSatisfy { place in
            pools[place].members.contains { backends[Int($0.index)].isUp }
        }
        return StatusReport(
            state: state != .running ? .draining : isServing ? .serving : .noBackend,
            backends: states,
            sessions: board?.places.occupied ?? sessions.count,
            sessionsMax: configuration.limits.sessionsMax,
            threads: configuration.threads,
            uptime: now - started,
            process: getpid())
    }
}
