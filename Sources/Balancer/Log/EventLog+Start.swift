import Reactor

// What is written once, when the balancer starts.
extension EventLog {
    mutating func started(_ configuration: Configuration) {
        for listener in configuration.listeners {
            switch mode {
            case .none:
                break
            case .guide:
                outputs.result {
                    $0.append("srcIP : ")
                    $0.append(host: listener.address)
                    $0.append("\n")
                }
            case .changes, .sessions:
                outputs.result {
                    $0.append("listening on ")
                    $0.append(endpoint: listener.address)
                    $0.append(", backends: ")
                    $0.append(configuration.pools[listener.pool].backends.count)
                    $0.append("\n")
                }
            }
        }
        explainUnspecified(configuration.pools.lazy.flatMap(\.backends))
    }

    /// Backends at `0.0.0.0` or `::`, which are no destinations.
    private mutating func explainUnspecified(_ backends: some Sequence<Configuration.Backend>) {
        for backend in backends {
            guard let unspecified = backend.unspecified, let address = backend.address else { continue }
            notice {
                $0.append("backend ")
                $0.append(endpoint: unspecified)
                $0.append(": to connect to every address is to connect to ")
                $0.append(endpoint: address)
                $0.append(", which is used")
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
        notice {
            $0.append(sessions)
            $0.append(" sessions at most, but the limit of ")
            $0.append(allowed)
            $0.append(" descriptors suffices for ")
            $0.append(possible)
            $0.append(": raise it (ulimit -n, LimitNOFILE=) or lower --sessions-max or --warm-connections")
        }
    }

    /// Warns when the memory that the process may have does not suffice for all sessions. The memory of the machine is no
    /// limit of the process: it is not compared.
    public mutating func compare(_ configuration: Configuration, withMemory limits: [MemoryLimit]) {
        let sessions = configuration.limits.sessionsMax
        let tightest = limits.filter { $0.source != .machine }
            .min { Limits.sessionsMax(memory: $0) < Limits.sessionsMax(memory: $1) }
        guard let tightest, sessions > Limits.sessionsMax(memory: tightest) else { return }
        notice {
            $0.append(sessions)
            $0.append(" sessions at most, but the memory limit of ")
            $0.append(tightest.description)
            $0.append(" suffices for ")
            $0.append(Limits.sessionsMax(memory: tightest))
            $0.append(" idle ones: raise it or lower --sessions-max")
        }
    }
}
