// What a reload may change, and what it would.
extension Configuration {
    /// Throws an error that names what of `wanted` is another than here and cannot change while the balancer runs.
    public func checkReload(_ wanted: Configuration) throws(ReloadError) {
        func check(_ isSame: Bool, _ key: String) throws(ReloadError) {
            guard !isSame else { return }
            throw ReloadError(
                description: "\(key) has changed, which takes a restart: change it back, or restart the balancer")
        }
        try check(threads == wanted.threads, "process.threads")
        try check(latency.busyPoll == wanted.latency.busyPoll, "process.busy_poll")
        try check(latency.fastOpen == wanted.latency.fastOpen, "process.fast_open")
        try check(latency.warmConnections == wanted.latency.warmConnections, "process.warm_connections")
        try check(administration == wanted.administration, "administration")
        try check(log == wanted.log, "log")
        try check(keepsOrigins || !wanted.hasListenerLimits, "limits of listeners, where the log names no sessions,")
        try check(
            keepsOrigins || !wanted.hasPrefaces,
            "PROXY headers, server names and rules for clients, where there were none and the log names no sessions,")
    }

    /// The settings that a reload would change, a line for each pool, listener and backend that there is before and after
    /// it, and one for the process: `pool web: settings change: check, idle_timeout`. Which of them there are, their
    /// addresses, weights and pools are not compared: those of a running balancer may be others than its file says.
    public func settingChanges(_ wanted: Configuration) -> [String] {
        var lines: [String] = []
        func note(_ subject: String, _ settings: [String]) {
            if !settings.isEmpty { lines.append("\(subject): settings change: \(settings.joined(separator: ", "))") }
        }
        note("process", processChanges(wanted))
        for (name, listener) in wanted.listeners.firstOfEachName {
            guard let old = listeners.first(where: { $0.name == name }) else { continue }
            note("listener \(name)", listenerChanges(old, listener, wanted))
        }
        for pool in wanted.pools {
            guard let old = pools.first(where: { $0.name == pool.name }) else { continue }
            note("pool \(pool.name)", old.changes(pool))
            let backends = Dictionary(old.backends.map { ($0.title, $0) }) { first, _ in first }
            for backend in pool.backends {
                guard let former = backends[backend.title], former.sessionsMax != backend.sessionsMax else { continue }
                note("pool \(pool.name): backend \(backend.title)", ["sessions_max"])
            }
        }
        return lines
    }

    private func processChanges(_ wanted: Configuration) -> [String] {
        Self.names([
            ("sessions_max", limits.sessionsMax == wanted.limits.sessionsMax),
            ("drain_time", timeouts.drain == wanted.timeouts.drain),
            ("freeze_when_all_fail", freezesWhenAllFail == wanted.freezesWhenAllFail),
        ])
    }

    private func listenerChanges(
        _ old: ListenerSettings, _ new: ListenerSettings, _ wanted: Configuration
    ) -> [String] {
        Self.names([
            ("backlog", old.backlog == new.backlog),
            ("limits.sessions", old.sessionsMax == new.sessionsMax),
            ("mode, owner or group", old.unix == new.unix),
            ("keepalive or user_timeout", old.socketOptions == new.socketOptions),
            ("proxy_protocol", old.proxy == new.proxy),
            ("server_name", names(old.serverNames) == wanted.names(new.serverNames)),
            ("allow", old.clients.allow == new.clients.allow),
            ("deny", old.clients.deny == new.clients.deny),
            ("denied", old.clients.refusal == new.clients.refusal),
            ("limits.rate", old.clients.rate == new.clients.rate),
            ("limits.per_client", old.clients.perClient == new.clients.perClient),
        ])
    }

    /// Server names with pools by name: another configuration may have the same pools at other places.
    private func names(_ serverNames: ServerNames?) -> NamedRoutes? {
        serverNames.map { routes in
            NamedRoutes(
                names: Dictionary(routes.routes.map { ($0.pattern, pools[$0.pool].name) }) { first, _ in first },
                protocols: Dictionary(routes.protocols.map { ($0.identifier, pools[$0.pool].name) }) { first, _ in first
                },
                otherwise: routes.otherwise.map { pools[$0].name }, timeout: routes.timeout)
        }
    }

    private struct NamedRoutes: Hashable {
        let names: [ServerNamePattern: String]
        let protocols: [[UInt8]: String]
        let otherwise: String?
        let timeout: Duration
    }

    /// The names of those that are not the same.
    fileprivate static func names(_ settings: [(name: String, isSame: Bool)]) -> [String] {
        settings.filter { !$0.isSame }.map(\.name)
    }
}

extension Configuration.Pool {
    /// The keys whose settings are others in `new`.
    fileprivate func changes(_ new: Configuration.Pool) -> [String] {
        Configuration.names([
            ("discovery", isDiscovered == new.isDiscovered),
            ("policy", policy == new.policy),
            ("source_hash", sourceHash == new.sourceHash),
            ("check", health == new.health),
            ("agent", agent == new.agent),
            ("source", sources == new.sources),
            ("connect_timeout", timeouts.connect == new.timeouts.connect),
            ("idle_timeout", timeouts.idle == new.timeouts.idle),
            ("half_closed_timeout", timeouts.halfClosed == new.timeouts.halfClosed),
            ("session_age_max", timeouts.sessionAgeMax == new.timeouts.sessionAgeMax),
            ("retries", retries == new.retries),
            ("keepalive or user_timeout", socketOptions == new.socketOptions),
            ("passive", passive == new.passive),
            ("slow_start", slowStart == new.slowStart),
            ("queue", queue == new.queue),
            ("sessions_max", sessionsMax == new.sessionsMax),
            ("rebalance", rebalance == new.rebalance),
            ("proxy_protocol", proxy == new.proxy),
            ("panic_threshold", panicThreshold == new.panicThreshold),
            ("when_down", whenDown == new.whenDown),
            ("when_removed", whenRemoved == new.whenRemoved),
        ])
    }
}

extension [Configuration.ListenerSettings] {
    /// The first of each name: those of one name differ in their addresses alone.
    fileprivate var firstOfEachName: [(name: String, listener: Configuration.ListenerSettings)] {
        var names: Set<String> = []
        return compactMap { names.insert($0.name).inserted ? ($0.name, $0) : nil }
    }
}
