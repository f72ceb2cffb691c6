import Glibc
import Reactor

/// The state that the service manager displays.
struct ServiceFacts {
    var state: StatusReport.Service
    var backendsUp: Int
    var backends: Int

    init(_ roster: Roster, isDraining: Bool) {
        state = isDraining ? .draining : roster.isServing ? .serving : .noBackend
        backendsUp = roster.targetsUp
        backends = roster.targetCount
    }

    var status: String { "STATUS=\(state.rawValue): \(backendsUp) of \(backends) backends up" }
}

/// The state of a loop, for the service manager and the status socket.
struct LoopFacts {
    var configuration: Configuration
    var roster: Roster
    /// Sessions of all loops.
    var sessions: Int
    var isDraining: Bool

    var service: ServiceFacts { ServiceFacts(roster, isDraining: isDraining) }
}

extension StatusReport {
    /// The state of a process, from the facts of one of its loops.
    init(_ facts: LoopFacts, uptime: Duration) {
        self.init(
            state: facts.service.state,
            backends: facts.roster.targets.map {
                BackendLine(address: $0.address, name: $0.host?.host, isUp: $0.isEligible)
            },
            sessions: facts.sessions, sessionsMax: facts.configuration.limits.sessionsMax,
            threads: facts.configuration.threads, uptime: uptime, process: getpid())
    }
}
