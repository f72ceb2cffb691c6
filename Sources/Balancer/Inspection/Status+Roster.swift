import AdministrationAPI
import Reactor

// Pools, backends and listeners of a roster in words.
extension Status.Pool {
    init(
        _ pool: PoolEntry, _ histories: [EventRecorder.BackendKey: EventRecorder.BackendHistory],
        _ now: (monotonic: Instant, wall: UInt64)
    ) {
        let backends = pool.targets.map { target in
            Status.Backend(target, histories[.init(pool: pool.name, backend: target.name)], now)
        }
        self.init(
            name: pool.name, policy: pool.settings.policy.rawValue,
            sessions: backends.reduce(0) { $0 + $1.sessions }, sessionsMax: pool.settings.sessionsMax.map(Int.init),
            queueLength: pool.shared.queue.count, queueMax: pool.settings.queue?.max, isInPanic: pool.isInPanic,
            noBackendTotal: pool.shared.counters[.endedNoBackend], backends: backends)
    }
}

extension Status.Backend {
    init(
        _ target: TargetEntry, _ history: EventRecorder.BackendHistory?, _ now: (monotonic: Instant, wall: UInt64)
    ) {
        let counters = target.counters
        self.init(
            name: target.name, address: target.address?.description, state: target.stateWord,
            weight: Int(target.weightNow))
        configuredWeight = Int(target.weight)
        remarks = target.remarks
        isBackup = target.isBackup
        if let history, history.changes == 0 {
            if !target.isProven { cause = history.failing }
        } else if let history {
            changedSeconds = Inspector.seconds(now.wall - min(now.wall, history.time))
            cause = history.cause
            stateChangesTotal = history.changes
        }
        sessions = counters.sessions
        sessionsMax = target.sessionsMaxNow.map(Int.init)
        sessionsTotal = counters[.connects]
        endsTotal = Inspector.ends { counters[$0] }
        for (word, counter) in Self.failures where counters[counter] > 0 {
            connectFailuresTotal[word] = counters[counter]
        }
        redispatchesTotal = counters[.redispatches]
        bytesUpTotal = counters[.bytesUp]
        bytesDownTotal = counters[.bytesDown]
        let connects = counters[times: .connects]
        let bounds = Distribution.connects.bounds
        connectP50Seconds = connects.quantile(0.5, bounds: bounds).map(Inspector.seconds)
        connectP99Seconds = connects.quantile(0.99, bounds: bounds).map(Inspector.seconds)
        clientStallSecondsTotal = Double(counters[.clientStallMicroseconds]) / 1e6
        backendStallSecondsTotal = Double(counters[.backendStallMicroseconds]) / 1e6
        if let steering = target.steering {
            override = Override(
                by: steering.asker,
                revertsSeconds: steering.end.map { end in
                    Inspector.seconds(end.nanoseconds - min(end.nanoseconds, now.monotonic.nanoseconds))
                })
        }
    }

    private static let failures: [(String, Counter)] = [
        ("refused", .failedRefused), ("timed-out", .failedTimedOut), ("unreachable", .failedUnreachable),
        ("reset", .failedReset), ("no-descriptor", .failedNoDescriptor), ("no-port", .failedNoPort),
        ("no-memory", .failedNoMemory), ("other", .failedOtherwise),
    ]
}

extension Status.Listener {
    init(_ entry: ListenerEntry, _ address: String, _ pools: [PoolID: String]) {
        let sessions = entry.sessions
        let most = entry.settings.sessionsMax.map(Int.init)
        let standing = entry.rules?.standing
        self.init(
            name: entry.settings.name, addresses: [address],
            pool: entry.rules?.names?.closesOthers == true ? nil : pools[entry.pool],
            state: entry.isPaused ? "paused" : most.map { sessions >= $0 } == true ? "full" : "open",
            sessions: sessions, sessionsMax: most, acceptedTotal: entry.counters[.accepted],
            rejectedTotal: standing?.rejected ?? [:], waiting: standing?.clients.counts.waiting ?? 0,
            bytesUpTotal: entry.counters[.bytesUp], bytesDownTotal: entry.counters[.bytesDown],
            perClient: entry.rules?.perClient.flatMap { standing?.perClient($0) }.map(Int.init),
            routes: (entry.rules?.names?.routes ?? []).map {
                Status.Route(title: $0.title, pool: pools[$0.pool] ?? "-", clientsTotal: $0.count.value)
            })
    }
}

extension ListenerStanding {
    /// Clients sent away, by reason.
    fileprivate var rejected: [String: UInt64] {
        [
            "denied": denied.value, "over-limit": overLimit.value, "bad-header": headersWrong.value,
            "no-route": namesWrong.value,
        ].filter { $0.value > 0 }
    }
}
