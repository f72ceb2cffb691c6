import AdministrationAPI

extension MetricsText {
    /// What is known of each pool as a whole.
    static func writePools(_ pools: [Status.Pool], _ more: Measurements, to writer: inout MetricsWriter) {
        let all = pools.map { (pool: $0, labels: MetricLabels("pool", $0.name)) }
        writer.family("balancer_pool_backends", .gauge, "Backends of the pool, by state.")
        for (pool, labels) in all { writeBackendStates(of: pool, labels, to: &writer) }
        writer.family("balancer_pool_sessions_active", .gauge, "Sessions on the backends of the pool.")
        for (pool, labels) in all { writer.sample(pool.sessions, labels) }
        writer.family(
            "balancer_pool_sessions_limit", .gauge, "The most sessions of the pool; missing without a limit.")
        for (pool, labels) in all {
            if let limit = pool.sessionsMax { writer.sample(limit, labels) }
        }
        writer.family("balancer_pool_queue_length", .gauge, "Clients that wait for a place at a backend.")
        for (pool, labels) in all { writer.sample(pool.queueLength, labels) }
        writer.family(
            "balancer_pool_queue_limit", .gauge, "The most clients that may wait; missing without a queue.")
        for (pool, labels) in all {
            if let limit = pool.queueMax { writer.sample(limit, labels) }
        }
        writer.family("balancer_pool_queue_wait_seconds", .histogram, "How long clients waited in the queue.")
        for (pool, labels) in all {
            if let waits = more.queueWaits[pool.name] { writer.samples(waits, labels) }
        }
        writer.family(
            "balancer_pool_no_backend_total", .counter, "Clients that were closed because no backend was up.")
        for (pool, labels) in all { writer.sample(pool.noBackendTotal, labels) }
        writer.family(
            "balancer_pool_panic", .gauge, "1 while so few backends may be picked that all are used, otherwise 0.")
        for (pool, labels) in all { writer.sample(pool.isInPanic, labels) }
    }

    private static func writeBackendStates(
        of pool: Status.Pool, _ labels: MetricLabels, to writer: inout MetricsWriter
    ) {
        var numbers: [String: UInt64] = [:]
        for backend in pool.backends { numbers[backend.state, default: 0] += 1 }
        for (state, number) in counts(numbers, known: States.backend) {
            writer.sample(number, labels.adding("state", state))
        }
    }
}
