import AdministrationAPI

extension MetricsText {
    /// What is known of each listener.
    static func writeListeners(_ listeners: [Status.Listener], _ more: Measurements, to writer: inout MetricsWriter) {
        let all = listeners.map { (listener: $0, labels: MetricLabels("listener", $0.name)) }
        writer.family("balancer_listener_state", .gauge, "1 for the state that the listener is in, 0 for the others.")
        for (listener, labels) in all {
            writeStates(listener.state, among: States.listener, labels, to: &writer)
        }
        writer.family("balancer_listener_accepted_total", .counter, "Clients that the listener has accepted.")
        for (listener, labels) in all { writer.sample(listener.acceptedTotal, labels) }
        writer.family(
            "balancer_listener_rejected_total", .counter, "Clients sent away before they had a pool, by reason.")
        for (listener, labels) in all {
            for (reason, count) in counts(listener.rejectedTotal, known: Reasons.rejections) {
                writer.sample(count, labels.adding("reason", reason))
            }
        }
        writer.family("balancer_listener_sessions_active", .gauge, "Sessions that came in by the listener.")
        for (listener, labels) in all { writer.sample(listener.sessions, labels) }
        writer.family(
            "balancer_listener_sessions_limit", .gauge, "The most sessions of the listener; missing without a limit.")
        for (listener, labels) in all {
            if let limit = listener.sessionsMax { writer.sample(limit, labels) }
        }
        writer.family("balancer_listener_waiting", .gauge, "Clients that wait for a limit of their own.")
        for (listener, labels) in all { writer.sample(listener.waiting, labels) }
        writer.family(
            "balancer_listener_bytes_total", .counter,
            "Bytes from the listener's clients written to backends (up), and written to its clients (down).")
        for (listener, labels) in all {
            writer.sample(listener.bytesUpTotal, labels.adding("direction", "up"))
            writer.sample(listener.bytesDownTotal, labels.adding("direction", "down"))
        }
        writer.family(
            "balancer_listener_accept_paused_seconds_total", .counter,
            "Time in which the listener accepted nobody (an operator, a limit, a shortage), of pauses that have ended.")
        for (listener, labels) in all {
            writer.sample(more.acceptPausedSecondsTotal[listener.name] ?? 0, labels)
        }
    }
}
