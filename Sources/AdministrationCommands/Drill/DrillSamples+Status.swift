import AdministrationAPI
import Drill
import Top

extension DrillSamples {
    /// What the balancer has counted between two moments.
    mutating func add(_ later: Status, _ earlier: Status, _ reference: BackendReference) {
        guard let now = later.backend(reference), let before = earlier.backend(reference) else { return }
        func closed(_ backend: Status.Backend) -> UInt64 { backend.endsTotal["backend-down"] ?? 0 }
        sessionsClosed = closed(now) &- closed(before)
        attemptsFailed =
            now.connectFailuresTotal.values.reduce(0, &+) &- before.connectFailuresTotal.values.reduce(0, &+)
        func pool(_ status: Status) -> Status.Pool? { status.pools.first { $0.name == reference.pool } }
        func attempts(_ status: Status) -> UInt64 {
            (pool(status)?.backends ?? []).reduce(0) { $0 &+ $1.redispatchesTotal }
        }
        redispatches = attempts(later) &- attempts(earlier)
        withoutBackend = (pool(later)?.noBackendTotal ?? 0) &- (pool(earlier)?.noBackendTotal ?? 0)
    }
}
