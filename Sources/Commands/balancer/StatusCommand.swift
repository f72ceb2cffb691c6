import ArgumentParser
import Balancer
import CommandSupport
import Reactor

/// `balancer status`: asks a running balancer how it does. For people, health checks and scripts.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Ask a running balancer for its state; exit code 0 when new clients are served.",
        discussion: """
            Prints a line about the balancer and one per backend. Exits with 1 when it does not run or does not answer, \
            when no backend is up, and when it drains. No session is made, and no backend notices.
            """)

    @Argument(
        help: ArgumentHelp(
            "Its --status-socket. (default: $BALANCER_STATUS_SOCKET, or \(StatusPath.standard))", valueName: "path"),
        completion: .file())
    var path: String?

    @Option(help: "A balancer that has not answered by then does not run as it should.")
    var timeout = DurationArgument(.seconds(2))

    func run() throws {
        Startup.prepare()
        let path = StatusPath.chosen(path) ?? StatusPath.standard
        let text: String
        do throws(StatusQuestion.Failure) {
            text = try StatusQuestion.ask(path, within: timeout.duration)
        } catch {
            complain("balancer", "\(path): \(error)")
            throw ExitCode.unsuccessful
        }
        print(text, terminator: "")
        if !StatusReport.saysServing(text) { throw ExitCode.unsuccessful }
    }
}

/// Where the status socket is.
enum StatusPath {
    /// Where `balancer status` looks when it is told nothing else: where the packaged service has it.
    static let standard = "/run/balancer/status.sock"

    /// The path that was given, or that of the environment; nil when there is neither.
    static func chosen(_ argument: String?) -> String? {
        let path = argument ?? Environment.value("BALANCER_STATUS_SOCKET")
        return path.flatMap { $0.isEmpty ? nil : $0 }
    }
}
