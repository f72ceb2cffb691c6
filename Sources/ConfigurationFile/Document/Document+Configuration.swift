import Balancer
import Glibc
import Reactor
import Wording

// The document as the value that loops are made from.
extension Document {
    /// The configuration; the error says what of the file cannot be done, by this version, this machine or this process.
    public func configuration(_ resources: Resources) throws(Mistakes) -> Configuration {
        var mistakes = mistakes
        var listeners: [Configuration.ListenerSettings] = []
        let addresses = self.listeners.flatMap(\.binds).flatMap(\.value.addresses)
        for listener in self.listeners { listeners += settings(listener, besides: addresses, resources, &mistakes) }
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
        if hasAddress { _ = try configuration(resources) }
    }

    /// How much there is: `2 listeners, 3 pools, 7 backends`
    public var summary: String {
        func count(_ count: Int, _ what: String) -> String { "\(count) \(what)\(count == 1 ? "" : "s")" }
        let backends = pools.reduce(0) { $0 + $1.backends.count }
        let discovered = discoveredPools.count
        let parts = [count(listeners.count, "listener"), count(pools.count, "pool"), count(backends, "backend")]
        return (parts + (discovered > 0 ? [count(discovered, "discovered pool")] : [])).joined(separator: ", ")
    }

    private func configuration(
        _ listeners: [Configuration.ListenerSettings], _ resources: Resources
    ) throws(ConfigurationError) -> Configuration {
        let pools = self.pools.map { pool(of: $0) }
        var timeouts = Configuration.Timeouts()
        timeouts.drain = process.drainTime.value
        var latency = Configuration.Latency()
        latency.busyPoll = process.busyPoll.value
        latency.fastOpen = process.fastOpen.value
        latency.warmConnections = process.warmConnections.value
        let administrationSettings = Configuration.Administration(
            socket: resources.adminSocket(administration.socket.value), http: administration.http.map(\.value),
            tokenFile: administration.tokenFile.value, hosts: administration.hosts.map(\.value))
        let inherited = listeners.count { $0.inherited != nil }
        let backendsMax = pools.reduce(0) { $0 + $1.backends.count } + discoveredPools.reduce(0) { $0 + $1.max }
        // Each has a descriptor for its probe, and one for its agent.
        let agents = self.pools.filter { $0.agent != nil }.reduce(0) { sum, pool in
            sum + max(pool.backends.count, pool.discovery == nil ? 0 : FileLimits.discoveredMax)
        }
        let limits = resources.limits(
            listeners: listeners.count + inherited, backends: backendsMax + agents,
            threads: process.threads.value, warmConnections: latency.warmConnections,
            sessionsMax: process.sessionsMax.value, isAdministered: administrationSettings.isOn)
        return try Configuration(
            listeners: listeners, pools: pools, timeouts: timeouts, limits: limits, latency: latency, log: log.settings,
            threads: process.threads.value, freezesWhenAllFail: process.freezesWhenAllFail.value,
            administration: administrationSettings)
    }

    // MARK: listeners

    private func settings(
        _ listener: Listener, besides addresses: [SocketAddress], _ resources: Resources,
        _ mistakes: inout MistakeList
    ) -> [Configuration.ListenerSettings] {
        var own = sockets(listener, besides: addresses, resources, &mistakes)
        let names = listener.serverNames?.setting(place(ofPool:))
        for index in own.indices {
            own[index].sessionsMax = listener.sessionsMax.value.map(Int32.init)
            own[index].proxy = listener.proxy
            own[index].serverNames = names
            own[index].clients = listener.clients
        }
        return own
    }

    private func place(ofPool name: String) -> Int { pools.firstIndex { $0.name.value == name } ?? 0 }

    /// A listener's addresses and sockets, each with what applies to it.
    private func sockets(
        _ listener: Listener, besides addresses: [SocketAddress], _ resources: Resources,
        _ mistakes: inout MistakeList
    ) -> [Configuration.ListenerSettings] {
        let path = Path.top.key("listeners").key(listener.name.value).key("bind")
        let pool = place(ofPool: listener.pool.value)
        let name = listener.name.value
        let backlog = listener.backlog.value.map(Int32.init)
        let options = Self.socketOptions(listener.userTimeout, listener.keepalive)
        return listener.binds.flatMap { bind -> [Configuration.ListenerSettings] in
            switch bind.value {
            case .addresses(let own):
                return own.map {
                    .init(
                        address: $0, pool: pool, name: name, backlog: backlog,
                        isIPv6Only: $0.hasCompanion(among: addresses), socketOptions: options)
                }
            case .unix(let file, let mode, let owner, let group):
                guard let address = SocketAddress(unixPath: file) else { return [] }
                let unix = Configuration.UnixFile(mode: mode, owner: owner, group: group)
                return [.init(address: address, pool: pool, name: name, backlog: backlog, unix: unix)]
            case .systemd(let socket):
                return handed(socket, bind.origin, path, resources, &mistakes).map {
                    .init(inherited: $0, pool: pool, name: name, socketOptions: options)
                }
            }
        }
    }

    /// The sockets that the service manager has handed over under a name.
    private func handed(
        _ name: String, _ origin: Origin, _ path: Path, _ resources: Resources, _ mistakes: inout MistakeList
    ) -> [InheritedSocket] {
        guard let sockets = resources.sockets else { return [] }
        let own = sockets.filter { $0.name == name }
        if own.isEmpty, let place = origin.place {
            let names = sockets.isEmpty ? "none" : sockets.map(\.name).joined(separator: ", ")
            mistakes.add(
                place, path,
                "the service manager has handed over no socket '\(name)' (but \(names)): the socket unit needs "
                    + "FileDescriptorName=\(name)")
        }
        return own
    }

    private static func socketOptions(
        _ userTimeout: Setting<Duration?>, _ keepalive: Keepalive
    ) -> Configuration.SocketOptions {
        .init(
            userTimeout: userTimeout.value,
            keepalive: .init(
                idle: keepalive.idle.value, interval: keepalive.interval.value, probes: keepalive.probes.value))
    }

    /// A socket that nobody accepts from leaves its clients waiting for ever.
    private func reportUnused(_ sockets: [InheritedSocket], _ mistakes: inout MistakeList) {
        let used = listeners.flatMap(\.binds).compactMap { bind in
            if case .systemd(let name) = bind.value { name } else { nil }
        }
        for socket in sockets where socket.name != Resources.adminSocketName && !used.contains(socket.name) {
            mistakes.add(
                file: file,
                "the service manager hands over the socket '\(socket.name)' (\(socket.address)), which no listener has: "
                    + "add 'bind: {systemd: \(socket.name)}' to one")
        }
    }

    // MARK: pools

    private func pool(of pool: Pool) -> Configuration.Pool {
        let family = preferredFamily(of: pool)
        var wanted = Configuration.Pool(
            name: pool.name.value, backends: pool.backends.map { $0.setting(preferring: family) },
            isDiscovered: pool.discovery != nil, policy: pool.policy.value, health: Self.health(pool.check),
            sources: pool.sources.map(\.value),
            timeouts: .init(
                connect: pool.connectTimeout.value, idle: pool.idleTimeout.value,
                halfClosed: pool.halfClosedTimeout.value, sessionAgeMax: pool.sessionAgeMax.value),
            retries: .init(max: pool.retriesMax.value, timeout: pool.retriesTimeout.value),
            socketOptions: Self.socketOptions(pool.userTimeout, pool.keepalive),
            whenDown: pool.closesWhenDown.value ? .close : .keep,
            whenRemoved: pool.whenRemoved.value.setting)
        wanted.sourceHash = pool.sourceHash.value
        wanted.agent = pool.agent
        wanted.queue = pool.queue.value
        wanted.sessionsMax = pool.sessionsMax.value.map(Int32.init)
        wanted.rebalance = pool.rebalance.value
        wanted.passive = pool.passive.value
        wanted.slowStart = pool.slowStart.value
        wanted.proxy = pool.proxy
        wanted.panicThreshold = pool.panicThreshold.value
        return wanted
    }

    private static func health(_ check: Check) -> Configuration.HealthCheck {
        var health = Configuration.HealthCheck()
        health.kind = check.kind.value
        health.steps = check.steps
        health.http = check.http
        health.fastInterval = check.fastInterval.value
        health.downInterval = check.downInterval.value
        health.port = check.port.value.map { UInt16($0) }
        health.close = check.closesInOrder.value ? .fin : .reset
        health.interval = check.interval.value
        health.timeout = check.timeout.value
        health.fall = check.fall.value
        health.rise = check.rise.value
        health.startsUnknown = true
        return health
    }

    /// The family of the pool of this name: see ``preferredFamily(of:)``.
    public func preferredFamily(ofPool name: String) -> CInt {
        pools.first { $0.name.value == name }.map(preferredFamily(of:)) ?? AF_INET
    }

    /// Of a name with addresses of both families those of the source are taken, or of what clients come in by.
    func preferredFamily(of pool: Pool) -> CInt {
        if let source = pool.sources.first { return source.value.family }
        for listener in listeners where listener.pools.contains(pool.name.value) {
            for case .addresses(let addresses) in listener.binds.map(\.value) {
                if let address = addresses.first { return address.family }
            }
        }
        return AF_INET
    }
}

extension Document.Bind {
    /// Its IP addresses; empty for other sockets.
    fileprivate var addresses: [SocketAddress] {
        if case .addresses(let addresses) = self { addresses } else { [] }
    }
}

extension Document.Backend {
    /// The backend as it is served; of a name with addresses of both families one of this is taken.
    func setting(preferring family: CInt) -> Configuration.Backend {
        let sessionsMax = sessionsMax.value.map(Int32.init)
        let weight = Int32(weight.value)
        if let address = host.address(port: port.rawValue) {
            return .init(
                address: address, sessionsMax: sessionsMax, label: name.value, weight: weight, isBackup: isBackup.value)
        }
        // Looked up by the running balancer, beside its loop: a name server that does not answer delays no start.
        return .init(
            name: HostName(host: host.text, port: port.rawValue, preferredFamily: family), address: nil,
            sessionsMax: sessionsMax, label: name.value, weight: weight, isBackup: isBackup.value)
    }
}

extension Document.Removal {
    fileprivate var setting: Configuration.WhenRemoved {
        switch self {
        case .keep: .keep
        case .drain(let time): .drain(time)
        case .close: .close
        }
    }
}
