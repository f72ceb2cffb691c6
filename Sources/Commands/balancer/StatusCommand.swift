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
            "Its --status-socket. (default: $BALANCER_STATUS_SOCKET, or \(StatusPath.standard))", valueName: "path"))
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

/// The asking side of the status socket.
enum StatusQuestion {
    /// No answer, and why.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// More than a balancer ever says.
    private static let answerBytesMax = 1 << 20

    /// What the balancer at `path` answers.
    static func ask(_ path: String, within limit: Duration) throws(Failure) -> String {
        guard let address = SocketAddress(unixPath: path) else {
            throw Failure(description: "the path of a Unix socket has 1 to \(SocketAddress.unixPathBytesMax) bytes")
        }
        let answer: [UInt8]
        do throws(Errno) {
            let stream = try Stream(for: address, from: nil)
            if case .failed(let errno) = stream.connect(to: address) { throw errno }
            answer = try readToEnd(stream, until: Clock.monotonic.now() + limit)
        } catch {
            let remedy =
                switch error {
                case .notFound: ": no balancer has this as its --status-socket"
                case .connectionRefused: ": the balancer that made it has ended"
                case .timedOut: ": it hangs, or is no balancer"
                default: ""
                }
            throw Failure(description: "\(error)\(remedy)")
        }
        guard !answer.isEmpty else { throw Failure(description: "closed without an answer") }
        return String(decoding: answer, as: UTF8.self)
    }

    private static func readToEnd(_ stream: borrowing Stream, until deadline: Instant) throws(Errno) -> [UInt8] {
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while answer.count < answerBytesMax {
            let result = unsafe chunk.withUnsafeMutableBytes { unsafe stream.receive(into: $0) }
            switch result {
            case .bytes(let count): answer += chunk[..<count]
            case .endOfStream: return answer
            case .failed(let errno): throw errno
            case .wouldBlock:
                let now = Clock.monotonic.now()
                guard now < deadline, stream.waitReadable(deadline - now) else { throw .timedOut }
            }
        }
        return answer
    }
}
