import AdministrationAPI
import AdministrationClient
import ArgumentParser
import CommandSupport

/// `balancer status`: prints the state of a running balancer, for operators, health checks and scripts.
public struct StatusCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Ask a running balancer for its state; exit code 0 when it serves new clients.",
        discussion: """
            Prints one screen: the state and what is wrong, then pools and their backends, listeners, and the process. \
            Exits with 0 when the state is 'serving', and with 1 when the balancer does not run or does not answer, \
            and when a new client would not be served: 'starting' (the first round of probes has not ended), \
            'no-backend', 'full' (all sessions are taken: clients wait), 'impaired' (the machine lacks ports, \
            descriptors, memory or the source address), 'draining'. Creates no session and no connection to a \
            backend.
            """)

    @Argument(
        help: ArgumentHelp("The balancer's administration socket, as with --admin.", valueName: "path"),
        completion: .file(), transform: AdministrationClient.Place.parse)
    var path: AdministrationClient.Place?

    @Flag(
        help:
            "Print lines of key=value, for scripts: of the process, backends, pools, listeners and routes."
    )
    var lines = false

    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Checks what the parser cannot.
    public func validate() throws {
        if path != nil, administration.admin != nil {
            throw ValidationError("the path is given twice, as an argument and with --admin: give it once")
        }
        if lines, output.json { throw ValidationError("--lines and --json exclude each other: give one of them") }
    }

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        let (status, json) = try reporting { () throws(Fault) in
            let asker = try administration.asker(path)
            let json = try asker.get(Target.status)
            return (try asker.read(Status.self, from: json), json)
        }
        if output.json {
            print(PrettyJSON.text(json))
        } else if lines {
            print(StatusLines.text(status), terminator: "")
        } else {
            let output = Output()
            output.print(StatusScreen(status, columns: output.columns).lines)
        }
        if status.state != "serving" { throw ExitCode.unsuccessful }
    }
}
