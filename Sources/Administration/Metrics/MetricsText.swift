import AdministrationAPI

/// The answer to `GET /metrics`: the text format of Prometheus, version 0.0.4.
///
/// Names of counters end in `_total`, units are seconds and bytes. The number of lines is bounded by the numbers of listeners,
/// pools, backends, loops and reasons: no label names a client, a session or a server that a client has named. The format:
/// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
enum MetricsText {
    /// Everything that `status` and `more` have, as one answer. It ends with a newline.
    static func render(_ status: Status, _ more: Measurements) -> String {
        let backends = status.pools.reduce(0) { $0 + $1.backends.count }
        var writer = MetricsWriter(capacity: bytesOfProcess + backends * bytesOfBackend)
        writeProcess(status, more, to: &writer)
        writeLoops(status, more, to: &writer)
        writeListeners(status.listeners, more, to: &writer)
        writePools(status.pools, more, to: &writer)
        writeBackends(status.pools, more, to: &writer)
        return writer.text
    }

    /// About as much as the process with some listeners and pools takes: the buffer grows where it is more.
    private static let bytesOfProcess = 32 * 1024
    /// About as much as a backend takes.
    private static let bytesOfBackend = 9 * 512
}

extension MetricsText {
    /// Reasons that are always listed, also before their first: a rate is known only of a counter that was there before.
    ///
    /// Other reasons are listed as soon as there is one.
    enum Reasons {
        /// Why sessions end, in the order of docs/log.md.
        static let ends = [
            "finished", "reset", "idle", "half-closed", "session-age", "backend-down", "backend-removed", "rebalanced",
            "no-backend", "backends-full", "queue-full", "queue-timeout", "connect-failed", "abandoned", "denied",
            "client-limit", "bad-header", "preface-timeout", "no-route", "shortage", "killed", "cut",
        ]
        /// Why a listener sends a client away.
        static let rejections = ["denied", "over-limit", "bad-header", "no-route"]
        /// Why sessions of a backend end. Not all: with 4,000 backends those would be 88,000 lines.
        static let endsOfBackend = ["finished", "reset"]
        /// Why a connect to a backend fails, as far as that is for the backend or the way to it.
        static let connectFailures = ["refused", "timed-out", "unreachable", "reset"]
    }

    /// States that are always listed, with 0 where nothing is in them.
    enum States {
        /// Of the process.
        static let process = ["serving", "starting", "no-backend", "full", "impaired", "draining"]
        /// Of a listener.
        static let listener = ["open", "paused", "full"]
        /// Of a backend.
        static let backend = [
            "up", "down", "unknown", "unchecked", "ejected", "drain", "maintain", "silent", "refusing",
        ]
    }

    /// The counts of `known` in their order, 0 where there is none, then those of all others by name.
    static func counts(_ counts: [String: UInt64], known: [String] = []) -> [(name: String, count: UInt64)] {
        let listed = known.map { (name: $0, count: counts[$0] ?? 0) }
        if counts.isEmpty { return listed }
        return listed + counts.filter { !known.contains($0.key) }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
