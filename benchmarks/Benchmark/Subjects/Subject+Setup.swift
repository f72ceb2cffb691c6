import Glibc

/// Every subject does the same work: accept TCP connections on one port, relay them to one backend, log nothing (ours
/// writes its default lines to its log file), and check the backend every 5 s if it has checks (where there are many, every second). All other settings are
/// the program's defaults.
extension Subject {
    /// The name and text of the subject's configuration file, if it has one.
    package func configuration(_ setting: SubjectSetting) -> (name: String, text: String)? {
        switch kind {
        case .direct, .ours, .command: nil
        case .haproxy(let splice): ("\(name).cfg", Self.haproxy(setting, splice: splice))
        case .nginx: ("\(name).conf", Self.nginx(setting))
        case .envoy: ("\(name).yaml", Self.envoy(setting))
        }
    }

    /// The command that starts the subject, with `file` as its configuration.
    package func command(program: String, file: String, _ setting: SubjectSetting) -> [String] {
        switch kind {
        case .direct: []
        case .ours:
            [program, "0.0.0.0"] + setting.backendHosts.flatMap { [$0, "\(setting.backendPort)"] }
                + ["--port", "\(setting.port)"] + (setting.backends == 1 ? [] : ["--probe-interval", "1s"])
                // Versions without that option serve with one thread.
                + (setting.threads == 1 ? [] : ["--threads", "\(setting.threads)"])
        case .haproxy: [program, "-db", "-q", "-f", file]
        case .nginx: [program, "-c", file, "-e", "stderr"]
        case .envoy:
            [
                program, "-c", file, "--concurrency", "\(setting.threads)", "--disable-hot-restart", "--log-level",
                "error",
            ]
        case .command(let text): ["/bin/sh", "-c", "exec \(Self.fill(text, setting))"]
        }
    }

    /// A command with its placeholders replaced.
    static func fill(_ text: String, _ setting: SubjectSetting) -> String {
        let values = [
            "{port}": "\(setting.port)", "{backend-port}": "\(setting.backendPort)",
            "{listen}": "0.0.0.0:\(setting.port)", "{backend}": "127.0.0.1:\(setting.backendPort)",
            "{threads}": "\(setting.threads)",
        ]
        return values.reduce(text) { text, value in
            text.split(separator: value.key, omittingEmptySubsequences: false).joined(separator: value.value)
        }
    }

    /// With splice-auto alone HAProxy does not splice in these transfers (2.6, 3.0: the cost is the same as without).
    /// The other two options make it splice always, which is the harder comparison for ours. tune.pipesize gives its
    /// pipes the size of ours.
    private static func haproxy(_ setting: SubjectSetting, splice: Bool) -> String {
        let options = ["auto", "request", "response"].map { "    option splice-\($0)\n" }.joined()
        let servers = setting.backendHosts.enumerated().map { place, host in
            "    server origin\(place) \(host):\(setting.backendPort) check inter \(setting.probeSeconds)s\n"
        }
        return """
            global
                nbthread \(setting.threads)
                maxconn \(setting.sessionsMax)
                maxpipes \(SubjectSetting.pipes)\(splice ? "\n    tune.pipesize 262144" : "")
            defaults
                mode tcp
                timeout connect 5s
                timeout client 1h
                timeout server 1h
            \(splice ? options : "")listen balancer
                bind 0.0.0.0:\(setting.port)
            \(servers.joined())
            """
    }

    private static func nginx(_ setting: SubjectSetting) -> String {
        """
        \(setting.streamModule.map { "load_module \($0);\n" } ?? "")daemon off;
        pid \(setting.directory)/nginx.pid;
        error_log stderr crit;
        worker_processes \(setting.threads);
        worker_rlimit_nofile \(setting.descriptors);
        events {
            worker_connections \(2 * setting.sessionsMax);
        }
        stream {
            access_log off;
            server {
                listen 0.0.0.0:\(setting.port) backlog=4096\(setting.threads > 1 ? " reuseport" : "");
                proxy_connect_timeout 5s;
                proxy_timeout 1h;
                proxy_pass 127.0.0.1:\(setting.backendPort);
            }
        }

        """
    }

    private static func envoy(_ setting: SubjectSetting) -> String {
        func address(_ host: String, _ port: UInt16) -> String {
            "{ socket_address: { address: \(host), port_value: \(port) } }"
        }
        let endpoints = setting.backendHosts.map { host in
            "        - endpoint: { address: \(address(host, setting.backendPort)) }"
        }
        return """
            static_resources:
              listeners:
              - name: balancer
                address: \(address("0.0.0.0", setting.port))
                tcp_backlog_size: 4096
                filter_chains:
                - filters:
                  - name: envoy.filters.network.tcp_proxy
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                      stat_prefix: balancer
                      cluster: origin
              clusters:
              - name: origin
                type: STATIC
                connect_timeout: 5s
                circuit_breakers:
                  thresholds:
                  - { max_connections: 100000, max_pending_requests: 100000, max_requests: 100000 }
                health_checks:
                - timeout: 2s
                  interval: \(setting.probeSeconds)s
                  healthy_threshold: 1
                  unhealthy_threshold: 4
                  tcp_health_check: {}
                load_assignment:
                  cluster_name: origin
                  endpoints:
                  - lb_endpoints:
            \(endpoints.joined(separator: "\n"))

            """
    }
}
