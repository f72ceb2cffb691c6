import AdministrationAPI

extension MetricsText {
    /// A backend with what identifies it in each of its samples.
    private struct Row {
        let reference: BackendReference
        let backend: Status.Backend
        let labels: MetricLabels
    }

    /// What is known of each backend.
    static func writeBackends(_ pools: [Status.Pool], _ more: Measurements, to writer: inout MetricsWriter) {
        let rows = pools.flatMap { pool in
            pool.backends.map { backend in
                Row(
                    reference: BackendReference(pool: pool.name, backend: backend.name), backend: backend,
                    labels: MetricLabels("pool", pool.name).adding("backend", backend.name))
            }
        }
        writeHealth(rows, to: &writer)
        writeSessions(rows, more, to: &writer)
        writeConnects(rows, more, to: &writer)
    }

    private static func writeHealth(_ rows: [Row], to writer: inout MetricsWriter) {
        writer.family(
            "balancer_backend_up", .gauge, "1 while the backend gets new clients (up, unchecked), otherwise 0.")
        for row in rows { writer.sample(row.backend.isUsable, row.labels) }
        writer.family("balancer_backend_state", .gauge, "1 for the state that the backend is in; others are missing.")
        for row in rows { writer.sample(1, row.labels.adding("state", row.backend.state)) }
        writer.family("balancer_backend_state_changes_total", .counter, "Changes of the backend's state.")
        for row in rows { writer.sample(row.backend.stateChangesTotal, row.labels) }
        writer.family(
            "balancer_backend_weight", .gauge, "The backend's share of clients relative to the others', as it is now.")
        for row in rows { writer.sample(row.backend.weight, row.labels) }
    }

    private static func writeSessions(_ rows: [Row], _ more: Measurements, to writer: inout MetricsWriter) {
        writer.family(
            "balancer_backend_sessions_active", .gauge, "Sessions that are connected or connecting to the backend.")
        for row in rows { writer.sample(row.backend.sessions, row.labels) }
        writer.family(
            "balancer_backend_sessions_limit", .gauge, "The most sessions of the backend; missing without a limit.")
        for row in rows {
            if let limit = row.backend.sessionsMax { writer.sample(limit, row.labels) }
        }
        writer.family("balancer_backend_sessions_total", .counter, "Attempts to connect clients to the backend.")
        for row in rows { writer.sample(row.backend.sessionsTotal, row.labels) }
        writer.family(
            "balancer_backend_session_ends_total", .counter,
            "Sessions that have ended on the backend, by reason; a rare one is missing before its first.")
        for row in rows { writeReasons(row.backend.endsTotal, Reasons.endsOfBackend, row.labels, to: &writer) }
        writer.family(
            "balancer_backend_bytes_total", .counter,
            "Bytes written to the backend (up), and from it to clients (down).")
        for row in rows {
            writer.sample(row.backend.bytesUpTotal, row.labels.adding("direction", "up"))
            writer.sample(row.backend.bytesDownTotal, row.labels.adding("direction", "down"))
        }
        writer.family(
            "balancer_backend_session_duration_seconds", .histogram, "How long sessions of the backend took.")
        for row in rows {
            if let durations = more.durations[row.reference] { writer.samples(durations, row.labels) }
        }
        writer.family(
            "balancer_backend_stall_seconds_total", .counter,
            "Time in which bytes waited for a side that did not take them, of all stalls that have ended.")
        for row in rows {
            writer.sample(row.backend.clientStallSecondsTotal, row.labels.adding("side", "client"))
            writer.sample(row.backend.backendStallSecondsTotal, row.labels.adding("side", "backend"))
        }
    }

    private static func writeConnects(_ rows: [Row], _ more: Measurements, to writer: inout MetricsWriter) {
        writer.family("balancer_backend_connect_seconds", .histogram, "How long it took to connect to the backend.")
        for row in rows {
            if let connects = more.connects[row.reference] { writer.samples(connects, row.labels) }
        }
        writer.family(
            "balancer_backend_connect_failures_total", .counter,
            "Attempts to connect to the backend that have failed, by reason; a rare one is missing before its first.")
        for row in rows {
            writeReasons(row.backend.connectFailuresTotal, Reasons.connectFailures, row.labels, to: &writer)
        }
        writer.family(
            "balancer_backend_redispatches_total", .counter,
            "Attempts to connect to the backend that followed a failed one at another.")
        for row in rows { writer.sample(row.backend.redispatchesTotal, row.labels) }
    }

    private static func writeReasons(
        _ reasons: [String: UInt64], _ known: [String], _ labels: MetricLabels, to writer: inout MetricsWriter
    ) {
        for (reason, count) in counts(reasons, known: known) { writer.sample(count, labels.adding("reason", reason)) }
    }
}
