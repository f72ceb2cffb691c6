/// What a drill has shown, in sentences.
enum DrillWords {
    /// A backend that was noticed later than this gets a remark.
    private static let lateSeconds = 5.0
    /// A wait from which on clients notice it.
    private static let longSeconds = 1.0

    /// The result in one sentence.
    static func verdict(_ report: DrillReport) -> String {
        let probes = report.during.probes + report.after.probes
        let failed = report.during.failed + report.after.failed
        guard probes > 0 else { return "no probe was made: nothing is known of what clients saw" }
        var text: String
        if failed == 0 {
            text =
                "clients of listener \(report.plan.listener) waited at most "
                + "\(Times.text(report.longestWaitSeconds ?? 0)); "
                + "none of \(probes) failed"
        } else {
            text =
                "\(failed) of \(probes) clients of listener \(report.plan.listener) failed; the longest wait was "
                + Times.text(report.longestWaitSeconds ?? 0)
        }
        if let detect = report.detectSeconds {
            text += "; the backend was out after \(Times.text(detect))"
            text +=
                report.recoverSeconds.map { " and back \(Times.text($0)) after its return" } ?? " and is not back yet"
        } else {
            text += "; the balancer did not take the backend out"
        }
        return text
    }

    /// What is to be said besides, and what would help.
    static func remarks(_ report: DrillReport) -> [String] {
        var remarks: [String] = []
        if report.during.failed + report.after.failed > 0 { remarks.append(failureRemark(report)) }
        if report.plan.mode == .silent, let longest = report.longestWaitSeconds, longest >= longSeconds,
            report.during.affected > 0
        {
            remarks.append(
                "A client that meets a silent backend waits for `connect_timeout` before another one is tried: a "
                    + "shorter one "
                    + "shortens the longest wait.")
        }
        if report.detectSeconds == nil {
            remarks.append(
                "Nothing took the backend out in \(Times.text(report.plan.lengthSeconds)): with `kind: none` there "
                    + "are no checks; "
                    + "otherwise `interval` x `fall` of `check` is longer than the drill, or `passive` is missing.")
        } else if let detect = report.detectSeconds, detect > lateSeconds {
            remarks.append(
                "The backend was noticed after \(Times.text(detect)): a `fast_interval` of `check`, or `passive`, "
                    + "makes that shorter."
            )
        }
        if report.detectSeconds != nil, report.recoverSeconds == nil {
            remarks.append("The backend had not come back when the drill ended: `balancer status` tells how it is.")
        }
        if report.sessions.closed > 0 {
            remarks.append(
                "\(count(report.sessions.closed, "session")) of the backend "
                    + "\(report.sessions.closed == 1 ? "was" : "were") closed when it went "
                    + "down, as `when_down: close` has it.")
        }
        if report.skipped > 0 {
            remarks.append(
                "\(count(report.skipped, "probe")) \(report.skipped == 1 ? "was" : "were") not begun: too many "
                    + "others were waiting."
            )
        }
        return remarks
    }

    private static func failureRemark(_ report: DrillReport) -> String {
        let reasons = report.failures.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\($0.value) x \($0.key)" }.joined(separator: ", ")
        let help: String =
            if report.clients.withoutBackend > 0 {
                "No other backend was up for them: add one, or a `backup`."
            } else {
                "Each client tries every backend once, unless `retries` says less: see its `max` and `timeout`, and "
                    + "`passive`."
            }
        return "Why clients failed: \(reasons). \(help)"
    }

    /// `1 session`, `12 sessions`
    static func count(_ count: Int, _ what: String) -> String { "\(count) \(what)\(count == 1 ? "" : "s")" }
}

/// Times as they stand in a report.
enum Times {
    /// `0.4 ms`, `312 ms`, `2.1 s`, `75 s`; `-` of nil.
    static func text(_ seconds: Double?) -> String {
        guard let seconds, seconds.isFinite else { return "-" }
        let value = max(seconds, 0)
        if value < 0.00995 { return decimal(value * 1000) + " ms" }
        if value < 0.9995 { return "\(Int((value * 1000).rounded())) ms" }
        if value < 99.95 { return decimal(value) + " s" }
        return "\(Int(min(value, 1e12).rounded())) s"
    }

    /// With one decimal, without one where it is 0.
    private static func decimal(_ number: Double) -> String {
        let tenths = Int((number * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}
