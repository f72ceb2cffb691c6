import AdministrationAPI

extension MetricsText {
    /// What is known of the process: `process_...` under the names that all exporters use, and its own.
    static func writeProcess(_ status: Status, _ more: Measurements, to writer: inout MetricsWriter) {
        writer.family("balancer_build_info", .gauge, "Always 1; its label is the version of the program.")
        writer.sample(1, MetricLabels("version", status.version))
        writeState(status, more, to: &writer)
        writeResources(status, more, to: &writer)

        writer.family("balancer_sessions_active", .gauge, "Sessions of the process.")
        writer.sample(status.sessions)
        writer.family("balancer_sessions_limit", .gauge, "The most sessions that the process may have.")
        writer.sample(status.sessionsMax)
        writer.family("balancer_accepted_total", .counter, "Clients that the process has accepted.")
        writer.sample(status.acceptedTotal)
        writer.family("balancer_ends_total", .counter, "Sessions of the process that have ended, by reason.")
        for (reason, count) in counts(status.endsTotal, known: Reasons.ends) {
            writer.sample(count, MetricLabels("reason", reason))
        }
        writer.family("balancer_bytes_total", .counter, "Bytes written to backends (up) and to clients (down).")
        writer.sample(status.bytesUpTotal, MetricLabels("direction", "up"))
        writer.sample(status.bytesDownTotal, MetricLabels("direction", "down"))
    }

    private static func writeState(_ status: Status, _ more: Measurements, to writer: inout MetricsWriter) {
        writer.family("balancer_state", .gauge, "1 for the state that the process is in, 0 for the others.")
        writeStates(status.state, among: States.process, MetricLabels.none, to: &writer)
        writer.family("balancer_problems", .gauge, "What is wrong, as balancer status says it: the number of lines.")
        writer.sample(status.problems.count)
        writer.family(
            "balancer_audit_findings", .gauge, "Figures of the process that do not add up: 0 unless it has a fault.")
        writer.sample(status.audit.count)
        writer.family(
            "balancer_config_last_reload_successful", .gauge, "0 when the last reload was refused, otherwise 1.")
        writer.sample(more.wasLastReloadSuccessful)
        writer.family(
            "balancer_log_lines_lost_total", .counter, "Lines of the log that its destinations have not taken.")
        writer.sample(more.logLinesLostTotal)
        writer.family("balancer_upgrades_total", .counter, "Times that the program was replaced under its sessions.")
        writer.sample(more.upgradesTotal)
    }

    private static func writeResources(_ status: Status, _ more: Measurements, to writer: inout MetricsWriter) {
        if more.startedSeconds > 0 {
            writer.family("process_start_time_seconds", .gauge, "When the process started, since 1970.")
            writer.sample(more.startedSeconds)
        }
        writer.family("process_cpu_seconds_total", .counter, "Processor time of the process, user and system.")
        writer.sample(status.resources.cpuSeconds)
        writer.family("process_resident_memory_bytes", .gauge, "Memory of the process that is resident.")
        writer.sample(status.resources.residentBytes)
        writer.family("process_open_fds", .gauge, "Open descriptors.")
        writer.sample(status.resources.openFds)
        writer.family("process_max_fds", .gauge, "The most descriptors that may be open.")
        writer.sample(status.resources.maxFds)
    }

    /// What is known of each loop.
    static func writeLoops(_ status: Status, _ more: Measurements, to writer: inout MetricsWriter) {
        let loops = status.loops.map { (loop: $0, labels: MetricLabels("loop", $0.index.description)) }
        writer.family(
            "balancer_loop_stuck", .gauge, "1 while the loop has not answered for a second, otherwise 0.")
        for (loop, labels) in loops { writer.sample(loop.state != "running", labels) }
        writer.family(
            "balancer_loop_busy_seconds_total", .counter, "Time in which the loop worked and did not wait for events.")
        for (loop, labels) in loops { writer.sample(loop.busySecondsTotal, labels) }
        writer.family("balancer_loop_turns_total", .counter, "Turns of the loop.")
        for (loop, labels) in loops { writer.sample(loop.turnsTotal, labels) }
        writer.family("balancer_turn_seconds", .histogram, "How long turns of all loops took.")
        writer.samples(more.turns)
    }

    /// A sample for each of `known`, and for `state` where it is none of them: 1 for that, 0 for the others.
    static func writeStates(
        _ state: String, among known: [String], _ labels: MetricLabels, to writer: inout MetricsWriter
    ) {
        for each in known + (known.contains(state) ? [] : [state]) {
            writer.sample(each == state, labels.adding("state", each))
        }
    }
}
