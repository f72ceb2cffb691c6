import AdministrationAPI
import AdministrationClient
import Testing

/// A balancer's status as `balancer status --lines` has it: `key=value` pairs, in one line about the balancer and one per
/// backend.
struct StatusAnswer {
    let balancer: [String: String]
    let backends: [[String: String]]

    init(_ text: String) {
        let lines = text.split(separator: "\n").map { line in
            let pairs = line.split(separator: " ").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
            return Dictionary(pairs.map { ($0[0], $0.count > 1 ? $0[1] : "") }) { $1 }
        }
        balancer = lines.first ?? [:]
        backends = lines.dropFirst().filter { $0["backend"] != nil }
    }

    /// What the API says, under the same keys.
    init(_ status: Status) {
        let states = status.pools.flatMap(\.backends).map(\.state)
        balancer = [
            "state": status.state, "backends_up": "\(states.count { ["up", "unchecked"].contains($0) })",
            "backends": "\(states.count)", "sessions": "\(status.sessions)", "sessions_max": "\(status.sessionsMax)",
            "threads": "\(status.loops.count)", "uptime_s": "\(Int(status.uptimeSeconds))", "pid": "\(status.pid)",
        ]
        backends = status.pools.flatMap { pool in
            pool.backends.map {
                [
                    "backend": $0.address ?? "-", "health": $0.state, "title": $0.name, "pool": pool.name,
                    "sessions": "\($0.sessions)",
                ]
            }
        }
    }

    var state: String? { balancer["state"] }
    var sessions: Int? { balancer["sessions"].flatMap { Int($0) } }

    /// Asks the API, without `balancer status`.
    static func read(
        at path: String, within limit: Duration = .seconds(10), at location: SourceLocation = #_sourceLocation
    ) throws -> StatusAnswer {
        StatusAnswer(try AdministrationClient(place: .unix(path), timeout: limit).status())
    }
}

/// The result of `balancer status`.
struct StatusRun {
    let exitCode: RunningProgram.End
    let answer: StatusAnswer
    let output: String
    let errors: [String]

    init(
        _ arguments: String..., environment: [String: String] = [:], at location: SourceLocation = #_sourceLocation
    ) throws {
        // A busy machine may take longer than the program's default of two seconds.
        let timeout = arguments.contains("--timeout") ? [] : ["--timeout", "20s"]
        let program = try RunningProgram.start(
            .balancer, ["status", "--lines"] + arguments + timeout, named: "balancer status", environment: environment,
            at: location)
        exitCode = try program.waitForExit(at: location)
        output = program.output.text
        answer = StatusAnswer(output)
        errors = program.errors.texts
    }

    /// The only line on standard error, if there was no output, as when there was no answer.
    var complaint: String {
        output == "" && errors.count == 1 ? errors[0] : "printed \(output.debugDescription), complained \(errors)"
    }
}

extension BalancerUnderTest {
    /// Waits until the balancer's status at `path` satisfies `isWanted`. The administration socket exists a moment after the
    /// listener.
    @discardableResult
    func waitForStatus(
        at path: String, _ what: String, within limit: Duration = .seconds(10),
        at location: SourceLocation = #_sourceLocation, where isWanted: (StatusAnswer) -> Bool = { _ in true }
    ) throws -> StatusAnswer {
        try eventually("status \(what)", within: limit, details: { program.summary }, at: location) {
            guard let answer = try? StatusAnswer.read(at: path, at: location) else { return nil }
            return isWanted(answer) ? answer : nil
        }
    }
}
