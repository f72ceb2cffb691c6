import AdministrationAPI
import ArgumentParser
import CommandSupport
import Drill
import Glibc
import Reactor
import Top

/// One line on standard error that says how far a drill is; nothing where that is no terminal.
struct DrillProgress {
    private let isShown = isatty(STDERR_FILENO) == 1 && Output.terminalHasStyles

    /// Replaces the line.
    func show(_ part: String, left: Duration, probes: Int, affected: Int) {
        guard isShown else { return }
        let text = "\(part), \(Figures.age(left.milliseconds / 1000)) to go: \(probes) probes, \(affected) affected"
        let columns = Output.terminalSize(STDERR_FILENO)?.columns ?? Output.standardColumns
        write("\r\(Line(text).cut(to: columns - 1).text)\u{1B}[K")
    }

    /// Removes it.
    func end() {
        if isShown { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) {
        _ = unsafe text.utf8.withContiguousStorageIfAvailable {
            unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count)
        }
    }
}

/// The question before a drill with a running balancer.
struct DrillQuestion {
    /// What is about to happen, a line each.
    static func lines(_ plan: DrillPlan, _ status: Status, others: [String]) -> [String] {
        let reference = BackendReference(pool: plan.pool, backend: plan.backend)
        let sessions = status.backend(reference)?.sessions ?? 0
        let waits =
            plan.mode == .silent ? "wait until the balancer tries another backend" : "are sent to another backend"
        return [
            "Backend \(reference) will be \(plan.mode.rawValue) for "
                + "\(DrillWait.text(.seconds(plan.lengthSeconds))): new clients that are "
                + "sent to it \(waits).",
            "\(sessions) \(sessions == 1 ? "session of it goes" : "sessions of it go") on, unless its pool has "
                + "`when_down: close`.",
            others.isEmpty
                ? "No other backend of its pool is up: its clients will fail."
                : "\(others.count) \(others.count == 1 ? "other takes" : "others take") its clients: "
                    + "\(others.prefix(5).joined(separator: ", "))"
                    + (others.count > 5 ? ", ..." : "") + ".",
            "Listener \(plan.listener) gets \(plan.probesPerSecond) clients per second from the drill, which "
                + "connect and say "
                + (plan.isAnswerAwaited ? "what was given." : "nothing."),
        ]
    }

    /// Asks on the terminal; false for anything but yes.
    static func isConfirmed(_ lines: [String]) -> Bool {
        for line in lines { complain(line: ErrorText.line(line)) }
        write("Make the drill? [y/N] ")
        let answer = readLine(strippingNewline: true)?.lowercased() ?? ""
        return answer == "y" || answer == "yes"
    }

    private static func write(_ text: String) {
        _ = unsafe text.utf8.withContiguousStorageIfAvailable {
            unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count)
        }
    }
}

/// Durations in messages.
enum DrillWait {
    /// `30s`, `1m`
    static func text(_ duration: Duration) -> String { DurationRange.text(duration) }
}

/// Exit codes of drills.
enum ExitCodes {
    /// That of a program which a signal has ended.
    static func signal(_ signal: Signal) -> ExitCode { .signal(signal.rawValue) }
}
