import Reactor

// What is written once, when the balancer starts.
extension EventLog {
    mutating func started(_ configuration: Configuration) {
        for listener in configuration.listeners {
            switch settings {
            case .lines(.none):
                break
            case .lines(.guide):
                outputs.result {
                    $0.append("srcIP : ")
                    $0.append(host: listener.address)
                    $0.append("\n")
                }
            case .lines(.changes), .lines(.sessions):
                outputs.result {
                    $0.append("listening on ")
                    $0.append(endpoint: listener.address)
                    $0.append(", backends: ")
                    $0.append(configuration.pools[listener.pool].backends.count)
                    $0.append("\n")
                }
            case .transitions:
                opened(listener, configuration)
            }
        }
        explainUnspecified(configuration)
        guard mode == nil else { return }
        event(.processStarted) {
            $0.words("started; listeners: ")
            $0.value("listeners", configuration.listeners.count)
            $0.words(", pools: ")
            $0.value("pools", configuration.pools.count)
            $0.words(", backends: ")
            $0.value("backends", configuration.backendCount)
            $0.words(", threads: ")
            $0.value("threads", configuration.threads)
            $0.words(", sessions at most: ")
            $0.value("sessions_max", configuration.limits.sessionsMax)
        }
    }

    private mutating func opened(_ listener: Configuration.ListenerSettings, _ configuration: Configuration) {
        event(.listenerOpened) {
            $0.field("listener", listener.name)
            if let names = listener.serverNames {
                $0.field("address", .address(listener.address))
                $0.words("listening; routes: ")
                $0.value("routes", names.pools.count)
                return
            }
            $0.field("pool", configuration.pools[listener.pool].name)
            $0.field("address", .address(listener.address))
            $0.words("listening; backends: ")
            $0.value("backends", configuration.pools[listener.pool].backends.count)
        }
    }

    /// Backends at `0.0.0.0` or `::`, which are no destinations.
    private mutating func explainUnspecified(_ configuration: Configuration) {
        for pool in configuration.pools {
            for backend in pool.backends {
                guard let unspecified = backend.unspecified, let address = backend.address else { continue }
                event(.backendUnspecified) {
                    $0.about(BackendFacts(pool: pool.name, name: backend.title, address: address))
                    $0.words("backend ")
                    $0.value("configured", .address(unspecified))
                    $0.words(": to connect to every address is to connect to ")
                    $0.value("used", .address(address))
                    $0.words(", which is used")
                }
            }
        }
    }

    /// Warns when the descriptor limit of the process does not suffice for all sessions.
    public mutating func compare(_ configuration: Configuration, withDescriptors allowed: Int) {
        let sessions = configuration.limits.sessionsMax
        let possible = Limits.sessionsMax(
            descriptors: allowed, listeners: configuration.listeners.count, backends: configuration.backendCount,
            threads: configuration.threads, warmConnections: configuration.latency.warmConnections)
        guard sessions > possible else { return }
        event(.processFewDescriptors) {
            $0.value("sessions_max", sessions)
            $0.words(" sessions at most, but the limit of ")
            $0.value("descriptors", allowed)
            $0.words(" descriptors suffices for ")
            $0.value("possible", possible)
            $0.words(": raise it (ulimit -n, LimitNOFILE=) or lower ")
            $0.remedy(
                command: "--sessions-max or --warm-connections",
                file: "process.sessions_max or process.warm_connections")
        }
    }

    /// Warns when the memory that the process may have does not suffice for all sessions. The memory of the machine is no
    /// limit of the process: it is not compared.
    public mutating func compare(_ configuration: Configuration, withMemory limits: [MemoryLimit]) {
        let sessions = configuration.limits.sessionsMax
        let tightest = limits.filter { $0.source != .machine }
            .min { Limits.sessionsMax(memory: $0) < Limits.sessionsMax(memory: $1) }
        guard let tightest, sessions > Limits.sessionsMax(memory: tightest) else { return }
        event(.processLittleMemory) {
            $0.value("sessions_max", sessions)
            $0.words(" sessions at most, but the memory limit of ")
            $0.value("limit", tightest.description)
            $0.words(" suffices for ")
            $0.value("possible", Limits.sessionsMax(memory: tightest))
            $0.words(" idle ones: raise it or lower ")
            $0.remedy(command: "--sessions-max", file: "process.sessions_max")
        }
    }
}
