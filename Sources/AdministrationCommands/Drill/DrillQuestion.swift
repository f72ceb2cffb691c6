import AdministrationAPI
import CommandSupport
import Drill
import Reactor
import Top

/// The question before a drill with a running balancer.
enum DrillQuestion {
    /// What is about to happen, a line each.
    static func lines(_ plan: DrillPlan, _ status: Status, others: [String]) -> [String] {
        let reference = BackendReference(pool: plan.pool, backend: plan.backend)
        let sessions = status.backend(reference)?.sessions ?? 0
        let waits =
            plan.mode == .silent ? "wait until the balancer tries another backend" : "are sent to another backend"
        return [
            "Backend \(reference) \(plan.isCopy ? "of a copy " : "")will be \(plan.mode.rawValue) for "
                + "\(DurationRange.text(.seconds(plan.lengthSeconds))): new clients that are "
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
        StandardError.write("Make the drill? [y/N] ")
        let answer = readLine(strippingNewline: true)?.lowercased() ?? ""
        return answer == "y" || answer == "yes"
    }
}
