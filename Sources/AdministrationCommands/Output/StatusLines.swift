import AdministrationAPI
import CommandSupport

/// The state of a balancer as lines of pairs `key=value`, for scripts: one for the process, then one per backend, pool,
/// address of a listener, and route.
///
/// ```
/// state=serving backends_up=1 backends=2 sessions=12 sessions_max=4000 threads=1 turns=70512 turn_p99_us=96
///     turn_max_us=411 uptime_s=3600 pid=4711
/// backend=172.20.0.5:8090 health=up name=server1 pool=web title=server1:8090 weight=3 sessions=12
/// pool=web waiting=0 queue_max=200
/// listener=web pool=web address=0.0.0.0:8000
/// route=*.example.org listener=tls pool=web clients=4711
/// ```
///
/// A backend that an operator has taken out has `health=up state=draining`; no checks are made of one with
/// `state=draining,maintain`. `turns` counts from the start of the process.
enum StatusLines {
    /// The lines, each ended by a newline.
    static func text(_ status: Status) -> String {
        var lines = [process(status)]
        for pool in status.pools { lines += pool.backends.map { backend($0, in: pool.name) } }
        lines += status.pools.compactMap(pool)
        for listener in status.listeners { lines += addresses(of: listener) }
        for listener in status.listeners {
            lines += listener.routes.map {
                "route=\(word($0.title)) listener=\(word(listener.name)) pool=\(word($0.pool)) "
                    + "clients=\($0.clientsTotal)"
            }
        }
        return lines.map { "\($0)\n" }.joined()
    }

    private static func process(_ status: Status) -> String {
        let backends = status.pools.flatMap(\.backends)
        let healths = backends.map(health)
        let unchecked = healths.count { $0 == "unchecked" }
        let up = healths.count { $0 == "up" } + unchecked
        func microseconds(_ seconds: [Double]) -> Int { Int(((seconds.max() ?? 0) * 1_000_000).rounded()) }
        return
            "state=\(word(status.state)) backends_up=\(up) backends=\(backends.count) "
            + (unchecked > 0 ? "backends_unchecked=\(unchecked) " : "")
            + "sessions=\(status.sessions) sessions_max=\(status.sessionsMax) threads=\(status.loops.count) "
            + "turns=\(status.loops.reduce(0) { $0 &+ $1.turnsTotal }) "
            + "turn_p99_us=\(microseconds(status.loops.map(\.turnP99Seconds))) "
            + "turn_max_us=\(microseconds(status.loops.map(\.turnMaxSeconds))) "
            + "uptime_s=\(Int(status.uptimeSeconds)) pid=\(status.pid)"
    }

    /// What checks have shown: an operator does not change that.
    private static func health(_ backend: Status.Backend) -> String {
        switch backend.state {
        case "drain", "maintain": backend.remarks.contains("checks-fail") ? "down" : "up"
        case "silent", "refusing": "down"
        default: word(backend.state)
        }
    }

    private static func backend(_ backend: Status.Backend, in pool: String) -> String {
        var states = backend.remarks.map(word)
        switch backend.state {
        case "drain": states.insert("draining", at: 0)
        case "maintain": states.insert(contentsOf: ["draining", "maintain"], at: 0)
        case "silent", "refusing": states.insert(backend.state, at: 0)
        default: if backend.weight == 0 { states.insert("draining", at: 0) }
        }
        let place = backend.address ?? "-"
        var text = "backend=\(word(place)) health=\(health(backend))"
        if !states.isEmpty { text += " state=\(states.joined(separator: ","))" }
        if backend.name != place {
            let host = host(of: backend.name)
            text +=
                " name=\(word(host ?? backend.name)) pool=\(word(pool))"
                + (host == nil ? "" : " title=\(word(backend.name))")
        } else {
            text += " pool=\(word(pool))"
        }
        if backend.weight != 1 { text += " weight=\(backend.weight)" }
        if backend.isBackup { text += " backup=yes" }
        return text + " sessions=\(backend.sessions)" + (backend.sessionsMax.map { " sessions_max=\($0)" } ?? "")
    }

    /// The host of a backend that is called `HOST:PORT`; nil of one with a label.
    private static func host(of name: String) -> String? {
        guard let (host, port) = HostArgument.splitPort(name), Port(argument: port) != nil else { return nil }
        return host
    }

    /// Nil of a pool without a queue and without a limit.
    private static func pool(_ pool: Status.Pool) -> String? {
        guard pool.isInPanic || pool.sessionsMax != nil || pool.queueMax != nil else { return nil }
        return "pool=\(word(pool.name))" + (pool.isInPanic ? " panic=yes" : "") + load(pool.sessions, pool.sessionsMax)
            + (pool.queueMax.map { " waiting=\(pool.queueLength) queue_max=\($0)" } ?? "")
    }

    private static func load(_ sessions: Int, _ most: Int?) -> String {
        most.map { (sessions >= $0 ? " state=full" : "") + " sessions=\(sessions) sessions_max=\($0)" } ?? ""
    }

    /// The path of a Unix socket may have spaces in it, so it ends the line.
    private static func addresses(of listener: Status.Listener) -> [String] {
        let asks = listener.waiting > 0 || !listener.rejectedTotal.isEmpty || listener.perClient != nil
        func count(_ reason: String) -> UInt64 { listener.rejectedTotal[reason] ?? 0 }
        let refusals =
            " waiting=\(listener.waiting) denied=\(count("denied")) over_limit=\(count("over-limit")) "
            + "headers_wrong=\(count("bad-header")) names_wrong=\(count("no-route"))"
        return listener.addresses.enumerated().map { index, address in
            "listener=\(word(listener.name)) pool=\(word(listener.pool ?? "-"))"
                + load(listener.sessions, listener.sessionsMax)
                + (index == 0 && (asks || !listener.routes.isEmpty) ? refusals : "")
                + " address=\(ErrorText.line(address))"
        }
    }

    /// A value without spaces and line breaks, which would be other pairs.
    private static func word(_ text: String) -> String {
        text.contains { $0.isWhitespace } ? String(text.map { $0.isWhitespace ? "_" : $0 }) : ErrorText.line(text)
    }
}
