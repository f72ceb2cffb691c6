import AdministrationAPI
import AdministrationClient
import ArgumentParser
import Balancer
import CommandSupport
import ConfigurationFile
import Glibc
import Reactor

/// `balancer check FILE`: finds the mistakes of a configuration file.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Find all mistakes of a configuration file; exit code 0 when there is none, and 78 otherwise.",
        discussion: """
            Checks what `balancer run` would check, on this machine and with this environment: files that are included, \
            variables, users and groups. It opens no socket and looks up no name.

            With --against it also says what would change if a running balancer were given the file: a line for each \
            listener, pool and backend that changes, how many sessions that concerns, and a summary. They are compared \
            by their names; settings such as timeouts are not compared. The exit code is 1 when the balancer does not \
            answer.
            """)

    @OptionGroup var path: ConfigurationPath

    @Option(
        help: ArgumentHelp(
            "Compare with the running balancer that has this --admin-socket (administration.socket in a file).",
            valueName: "socket"),
        completion: .file(), transform: AdminPath.parse)
    var against: String?

    private static let answerTime: Duration = .seconds(2)

    func run() throws {
        let file = try path.chosen()
        let limit = Startup.prepare()
        let document: Document
        do throws(Mistakes) {
            document = try Document.read(file)
            try document.check(Resources(descriptors: limit, memory: MemoryLimit.all()))
        } catch {
            throw ConfigurationPath.report(error)
        }
        guard let against else { return print("\(ErrorText.line(file)): ok: \(document.summary)") }
        let preview = ReloadPreview(document, against: try Self.ask(against))
        for change in preview.changes { print(ErrorText.line(change)) }
        print(ErrorText.line(preview.summary))
        print(ReloadPreview.remark)
    }

    private static func ask(_ path: String) throws -> RunningState {
        let status: Status
        do throws(AdministrationClientError) {
            status = try AdministrationClient(place: .unix(path), timeout: answerTime).status()
        } catch {
            complain("balancer", "\(path): \(error)")
            throw ExitCode.unsuccessful
        }
        guard status.state != ServiceState.draining.rawValue else {
            complain("balancer", "\(path): this balancer is about to end: ask the one that takes its place")
            throw ExitCode.unsuccessful
        }
        return RunningState(status)
    }
}
