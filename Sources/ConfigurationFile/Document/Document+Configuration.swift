import Balancer
import Glibc
import Reactor
import Wording

// The document as the value that loops are made from.
extension Document {
    /// The configuration; the error says what of the file cannot be done, by this version, this machine or this process.
    public func configuration(_ resources: Resources) throws(Mistakes) -> Configuration {
        var mistakes = mistakes
        addUnsupported(to: &mistakes)
        var listeners: [Configuration.ListenerSettings] = []
        for (index, listener) in self.listeners.enumerated() {
            let path = Path.top.key("listeners").key(listener.name.value).key("bind")
            let pool = pools.firstIndex { $0.name.value == listener.pool.value } ?? index
            for bind in listener.binds {
                listeners += settings(bind, pool, path, resources, &mistakes)
            }
        }
        reportUnused(resources.sockets ?? [], &mistakes)
        guard mistakes.isEmpty else { throw mistakes.sorted }
        do throws(ConfigurationError) {
            return try configuration(listeners, resources)
        } catch {
            mistakes.add(file: file, error.description)
            throw mistakes.sorted
        }
    }

    /// Checks what ``configuration(_:)`` checks, as far as that is possible without the sockets of the service manager.
    public func check(_ resources: Resources) throws(Mistakes) {
        var resources = resources
        resources.sockets = nil
        let hasAddress = listeners.flatMap(\.binds).contains { bind in
            if case .systemd = bind.value { false } else { true }
        }
        if hasAddress {
            _ = try configuration(resources)
        } else {
            var mistakes = mistakes
            addUnsupported(to: &mistakes)
            guard mistakes.isEmpty else { throw mistakes.sorted }
        }
    }

    /// How much there is: `2 listeners, 3 pools, 7 backends`
    public var summary: String {
        func count(_ count: Int, _ what: String) -> String { "\(count) \(what)\(count == 1 ? "" : "s")" }
        let backends = pools.reduce(0) { $0 + $1.backends.count }
        return [count(listeners.count, "listener"), count(pools.count, "pool"), count(backends, "backend")]
            .joined(separator: ", ")
    }

    private func configuration(
        _ listeners: [Configuration.ListenerSettings], _ resources: Resources
    ) throws(ConfigurationError) -> Configuration {
        let pools = self.pools.map { pool(of: $0) }
        var timeouts = Configuration.Timeouts()
        timeouts.drain = process.drainTime.value
        // One pool decides for all: see `addUnsupported`.
        if let pool = self.pools.first {
            timeouts.connect = pool.connectTimeout.value
            timeouts.idle = pool.idleTimeout.value
        }
        var latency = Configuration.Latency()
        latency.busyPoll = process.busyPoll.value
        latency.fastOpen = process.fastOpen.value
        latency.warmConnections = process.warmConnections.value
        let inherited = listeners.count { $0.inherited != nil }
        let limits = resources.limits(
            listeners: listeners.count + inherited, backends: pools.reduce(0) { $0 + $1.backends.count },
            threads: process.threads.value, warmConnections: latency.warmConnections,
            sessionsMax: process.sessionsMax.value, backlog: self.listeners.lazy.compactMap(\.backlog.value).first)
        return try Configuration(
            listeners: listeners, pools: pools, timeouts: timeouts, limits: limits, latency: latency, log: log.value,
            threads: process.threads.value, status: status(resources))
    }

    private func status(_ resources: Resources) -> Configuration.StatusSocket? {
        if let socket = resources.sockets?.first(where: { $0.name == Self.statusSocketName }) {
            return .inherited(socket)
        }
        return (statusSocket.value ?? resources.statusSocket).map { .path($0) }
    }

    /// The name of the status socket among those that are handed over.
    private static let statusSocketName = "status"

    // MARK: listeners

    private func settings(
        _ bind: Setting<Bind>, _ pool: Int, _ path: Path, _ resources: Resources, _ mistakes: inout MistakeList
    ) -> [Configuration.ListenerSettings] {
        switch bind.value {
        case .addresses(let addresses):
            return addresses.map { .init(address: $0, pool: pool) }
        case .unix(let file, _, _, _):
            return SocketAddress(unixPath: file).map { [.init(address: $0, pool: pool)] } ?? []
        case .systemd(let name):
            guard let sockets = resources.sockets else { return [] }
            let own = sockets.filter { $0.name == name }
            if own.isEmpty, let place = bind.origin.place {
                let names = sockets.isEmpty ? "none" : sockets.map(\.name).joined(separator: ", ")
                mistakes.add(
                    place, path,
                    "the service manager has handed over no socket '\(name)' (but \(names)): the socket unit needs "
                        + "FileDescriptorName=\(name)")
            }
            return own.map { .init(inherited: $0, pool: pool) }
        }
    }

    /// A socket that nobody accepts from leaves its clients waiting for ever.
    private func reportUnused(_ sockets: [InheritedSocket], _ mistakes: inout MistakeList) {
        let used = listeners.flatMap(\.binds).compactMap { bind in
            if case .systemd(let name) = bind.value { name } else { nil }
        }
        for socket in sockets where socket.name != Self.statusSocketName && !used.contains(socket.name) {
            mistakes.add(
                file: file,
                "the service manager hands over the socket '\(socket.name)' (\(socket.address)), which no listener has: "
                    + "add 'bind: {systemd: \(socket.name)}' to one")
        }
    }

    // MARK: pools

    private func pool(of pool: Pool) -> Configuration.Pool {
        var health = Configuration.HealthCheck()
        health.interval = pool.check.interval.value
        health.timeout = pool.check.timeout.value
        health.fall = pool.check.fall.value
        health.rise = pool.check.rise.value
        let family = preferredFamily(of: pool)
        return Configuration.Pool(
            name: pool.name.value, backends: pool.backends.map { Self.backend($0, preferring: family) },
            policy: pool.policy.value, health: health, source: pool.sources.first?.value)
    }

    private static func backend(_ backend: Backend, preferring family: CInt) -> Configuration.Backend {
        let sessionsMax = backend.sessionsMax.value.map(Int32.init)
        let port = backend.port.rawValue
        if let address = backend.host.address(port: port) {
            return .init(address: address, sessionsMax: sessionsMax)
        }
        // Looked up by the running balancer, beside its loop: a name server that does not answer delays no start.
        return .init(
            name: HostName(host: backend.host.text, port: port, preferredFamily: family), address: nil,
            sessionsMax: sessionsMax)
    }

    /// Of a name with addresses of both families those of the source are taken, or of what clients come in by.
    private func preferredFamily(of pool: Pool) -> CInt {
        if let source = pool.sources.first { return source.value.family }
        for listener in listeners where listener.pool.value == pool.name.value {
            for case .addresses(let addresses) in listener.binds.map(\.value) {
                if let address = addresses.first { return address.family }
            }
        }
        return AF_INET
    }
}
