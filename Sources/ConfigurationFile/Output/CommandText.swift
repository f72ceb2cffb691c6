import Balancer
import Reactor
import Wording

extension Document {
    /// What the one-line command's only listener is called.
    public static let listenerName = "clients"

    /// The file that says the same as a configuration from the one-line command: what `balancer config` prints. What applies
    /// without being said is left out.
    ///
    /// - Parameter sessionsMax: The limit on sessions, if it was asked for.
    public static func text(of configuration: Configuration, sessionsMax: Int?) -> String {
        var writer = ConfigurationWriter()
        writer.line(0, "version: 1")
        writer.process(configuration, sessionsMax)
        writer.line(0, "")
        writer.line(0, "listeners:")
        writer.listener(configuration)
        writer.line(0, "")
        writer.line(0, "pools:")
        for pool in configuration.pools { writer.pool(pool) }
        writer.others(configuration)
        return writer.text
    }
}

private struct ConfigurationWriter {
    private(set) var text = ""

    mutating func line(_ depth: Int, _ content: String) {
        text += content.isEmpty ? "\n" : String(repeating: "  ", count: depth) + content + "\n"
    }

    mutating func process(_ configuration: Configuration, _ sessionsMax: Int?) {
        let latency = configuration.latency
        let standard = Configuration.Latency()
        var lines: [String] = []
        if configuration.threads != 1 { lines.append("threads: \(configuration.threads)") }
        if let sessionsMax { lines.append("sessions_max: \(sessionsMax)") }
        if configuration.timeouts.drain != Configuration.Timeouts().drain {
            lines.append("drain_time: \(DurationRange.text(configuration.timeouts.drain))")
        }
        if !configuration.freezesWhenAllFail { lines.append("freeze_when_all_fail: false") }
        if latency.busyPoll != standard.busyPoll { lines.append("busy_poll: \(Self.text(latency.busyPoll))") }
        if latency.fastOpen { lines.append("fast_open: true") }
        if latency.warmConnections > 0 { lines.append("warm_connections: \(latency.warmConnections)") }
        guard !lines.isEmpty else { return }
        line(0, "")
        line(0, "process:")
        for content in lines { line(1, content) }
    }

    private static func text(_ busyPoll: Configuration.Latency.BusyPoll) -> String {
        switch busyPoll {
        case .off: "off"
        case .always: "always"
        case .atMost(let duration): DurationRange.text(duration)
        }
    }

    /// The command has one listener, or the sockets of the service manager.
    mutating func listener(_ configuration: Configuration) {
        line(1, "\(Document.listenerName):")
        let binds = configuration.listeners.map { listener in
            listener.inherited.map { "{systemd: \(YAMLWriter.quoted($0.name))}" }
                ?? YAMLWriter.quoted(listener.address.description)
        }
        let list = binds.joined(separator: ", ")
        line(2, "bind: \(binds.count == 1 ? list : "[\(list)]")")
        line(2, "pool: \(configuration.pools.first?.name ?? "")")
        if let backlog = configuration.listeners.first?.backlog { line(2, "backlog: \(backlog)") }
    }

    mutating func pool(_ pool: Configuration.Pool) {
        line(1, "\(pool.name):")
        line(2, "backends:")
        for backend in pool.backends { line(3, "- \(Self.text(backend))") }
        let sources = pool.sources.map { YAMLWriter.quoted($0.host) }
        if !sources.isEmpty {
            let list = sources.joined(separator: ", ")
            line(2, "source: \(sources.count == 1 ? list : "[\(list)]")")
        }
        let standard = Configuration.HealthCheck()
        let check = pool.health
        var pairs: [String] = []
        if check.interval != standard.interval { pairs.append("interval: \(DurationRange.text(check.interval))") }
        if check.timeout != min(standard.timeout, check.interval) {
            pairs.append("timeout: \(DurationRange.text(check.timeout))")
        }
        if check.fall != standard.fall { pairs.append("fall: \(check.fall)") }
        if check.rise != standard.rise { pairs.append("rise: \(check.rise)") }
        if !pairs.isEmpty { line(2, "check: {\(pairs.joined(separator: ", "))}") }
        let timeouts = pool.timeouts
        let times = Configuration.PoolTimeouts()
        if timeouts.connect != times.connect { line(2, "connect_timeout: \(DurationRange.text(timeouts.connect))") }
        if timeouts.idle != times.idle { line(2, "idle_timeout: \(DurationRange.text(timeouts.idle))") }
    }

    private static func text(_ backend: Configuration.Backend) -> String {
        let address =
            backend.name.map { "\($0.host):\($0.port)" } ?? (backend.unspecified ?? backend.address)?.description ?? ""
        guard let sessionsMax = backend.sessionsMax else { return YAMLWriter.quoted(address) }
        return "{address: \(YAMLWriter.quoted(address)), sessions_max: \(sessionsMax)}"
    }

    mutating func others(_ configuration: Configuration) {
        // Other logs are those of a file that says nothing of its log.
        if case .lines(let mode) = configuration.log {
            line(0, "")
            line(0, "log:")
            line(1, "mode: \(mode.rawValue)")
        }
        let administration = configuration.administration
        var lines: [String] = []
        if case .path(let path) = administration.socket { lines.append("socket: \(YAMLWriter.quoted(path))") }
        let addresses = administration.http.map { YAMLWriter.quoted($0.description) }
        if !addresses.isEmpty { lines.append("http: [\(addresses.joined(separator: ", "))]") }
        guard !lines.isEmpty else { return }
        line(0, "")
        line(0, "administration:")
        for text in lines { line(1, text) }
    }
}
