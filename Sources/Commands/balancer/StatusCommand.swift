import ArgumentParser
import Balancer
import CommandSupport
import Reactor

/// `balancer status`: prints the state of a running balancer, for operators, health checks and scripts.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Ask a running balancer for its state; exit code 0 when it serves new clients.",
        discussion: """
            Prints a line about the balancer and one per backend. Exits with 0 when its state is 'serving', and with 1 \
            when the balancer does not run or does not answer, and when a new client would not be served: 'starting' \
            (the first round of probes has not ended), 'no-backend', 'full' (all sessions are taken: clients wait), 'impaired' (the \
            machine lacks ports, descriptors, memory or the source address), 'draining'. Creates no session and no \
            connection to a backend.
            """)

    @Argument(
        help: ArgumentHelp(
            "The balancer's --status-socket. (default: $BALANCER_STATUS_SOCKET, or \(StatusPath.standard))",
            valueName: "path"),
        completion: .file(), transform: StatusPath.parse)
    var path: String?

    private static let timeouts = DurationRange(.milliseconds(1)...Configuration.durationMax)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long to wait for the answer, \(timeouts): \(DurationRange.format). (default: 2s)",
            valueName: "duration"),
        transform: timeouts.parse)
    var timeout: Duration = .seconds(2)

    func run() throws {
        Startup.prepare()
        let chosen = StatusPath.chosen(path)
        let path = chosen ?? StatusPath.standard
        let origin =
            switch (self.path, chosen) {
            case (.some, _): ""
            case (nil, .some): " ($BALANCER_STATUS_SOCKET)"
            case (nil, nil): " (the packaged service's, as none was given)"
            }
        let text: String
        do throws(StatusQuestion.Failure) {
            text = try StatusQuestion.ask(path, within: timeout)
        } catch {
            complain("balancer", "\(path)\(origin): \(error)")
            throw ExitCode.unsuccessful
        }
        print(text, terminator: "")
        if !StatusReport.saysServing(text) { throw ExitCode.unsuccessful }
    }
}

/// The path of the status socket.
enum StatusPath {
    /// The default path for `balancer status`: that of the packaged service.
    static let standard = "/run/balancer/status.sock"

    /// Checks the path of an argument. In the environment an empty one means none.
    static func parse(_ text: String) throws(ArgumentFault) -> String {
        guard SocketAddress(unixPath: text) != nil else {
            throw ArgumentFault("a path of 1 to \(SocketAddress.unixPathBytesMax) bytes is needed")
        }
        return text
    }

    /// Checks the path of an argument at which a socket is to be made.
    static func parseNew(_ text: String) throws(ArgumentFault) -> String {
        guard (1...SocketFile.pathBytesMax).contains(text.utf8.count), !text.hasPrefix("@") else {
            throw ArgumentFault("a path of 1 to \(SocketFile.pathBytesMax) bytes that does not begin with @ is needed")
        }
        return text
    }

    /// The path from the argument, or else from the environment; nil when neither has one.
    static func chosen(_ argument: String?) -> String? {
        let path = argument ?? Environment.value("BALANCER_STATUS_SOCKET")
        return path.flatMap { $0.isEmpty ? nil : $0 }
    }
}
