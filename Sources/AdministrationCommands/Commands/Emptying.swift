import AdministrationAPI
import ArgumentParser
import CommandSupport
import Glibc
import Reactor
import Top

/// How long a command waits.
struct WaitTime: Hashable, Sendable {
    /// Nil for as long as it takes.
    let limit: Duration?

    /// The value of `--wait` without a duration.
    static let word = "forever"
    private static let durations = DurationRange(.milliseconds(1)...Duration.seconds(365 * 86_400))

    static func parse(_ text: String) throws(ArgumentFault) -> WaitTime {
        text == word ? WaitTime(limit: nil) : WaitTime(limit: try durations.parse(text))
    }
}

/// The options whose value may be left out, with the word that then stands for it: for `start(optional:)` of the
/// program.
public enum OptionalValues {
    /// By the option's name.
    public static let words = ["--wait": [WaitTime.word]]
}

/// Waits until a backend that gets no new sessions has none.
struct Emptying {
    private let asker: any Asker
    private let reference: BackendReference
    /// The one that was asked for the emptying.
    private let process: Process

    /// Between two questions.
    private static let stepMilliseconds = 500.0
    /// A balancer that does not answer for so long does not come back.
    private static let silence: Duration = .seconds(30)

    /// - Parameter status: The one in which the backend was looked up, before anything was changed: what was asked of that
    ///   process holds in no other.
    init(_ asker: any Asker, _ reference: BackendReference, since status: Status) {
        self.asker = asker
        self.reference = reference
        process = Process(status)
    }

    /// Returns how many sessions are left: 0, or when the time is over how many there are then. A fault when the
    /// backend takes new sessions again, or the balancer does not answer.
    func wait(_ time: WaitTime) throws(Fault) -> Int {
        let start = Clock.monotonic.now()
        let progress = ProgressLine()
        defer { progress.end() }
        var lastAnswer = start
        while true {
            var fault: Fault?
            var status: Status?
            do throws(Fault) {
                status = try asker.status()
                lastAnswer = Clock.monotonic.now()
            } catch {
                fault = error
            }
            let sessions = try status.map { (status) throws(Fault) in
                try check(status)
                return try self.sessions(in: status)
            }
            let now = Clock.monotonic.now()
            let left = time.limit.map { $0 - (now - start) }
            let isOver = left.map { $0 <= .zero } ?? false
            if let fault, isOver || now - lastAnswer > Self.silence { throw fault }
            if let sessions {
                if sessions == 0 || isOver { return sessions }
                progress.show(text(sessions, left))
            }
            let step = min(Self.stepMilliseconds, left.map { max($0.milliseconds, 1) } ?? .greatestFiniteMagnitude)
            usleep(UInt32(step) * 1000)
        }
    }

    /// A balancer, told from the one that takes its place.
    private struct Process: Hashable {
        let pid: Int
        let started: String

        init(_ status: Status) {
            pid = status.pid
            started = status.started
        }
    }

    /// What was asked of another process holds no more.
    private func check(_ status: Status) throws(Fault) {
        guard process == Process(status) else {
            throw Fault(
                "the balancer was started anew: what was set before holds no more, ask for it again: "
                    + "`balancer drain \(reference)`")
        }
    }

    private func sessions(in status: Status) throws(Fault) -> Int {
        guard let backend = status.backend(reference) else {
            throw Fault("backend \(reference) was removed meanwhile: its sessions, if any are left, cannot be counted")
        }
        guard backend.isTakenOut else {
            throw Fault(
                "backend \(reference): its state is '\(backend.state)' again: somebody has let it back in, or "
                    + "its time is over"
            )
        }
        return backend.sessions
    }

    /// How far it is.
    private func text(_ sessions: Int, _ left: Duration?) -> String {
        let time = left.map { ", \(Figures.age($0.milliseconds / 1000)) to go" } ?? ""
        return "backend \(reference): \(sessions) \(sessions == 1 ? "session" : "sessions") left\(time)"
    }

    /// Why the wait was in vain.
    static func fault(_ reference: BackendReference, sessions: Int, after time: WaitTime) -> Fault {
        Fault(
            "backend \(reference): \(sessions) \(sessions == 1 ? "session is" : "sessions are") left after "
                + "\(time.limit.map(DurationRange.text) ?? ""): `balancer sessions --backend \(reference)` lists them, "
                + "`balancer kill --backend \(reference)` ends them")
    }
}
