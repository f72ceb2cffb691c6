import AdministrationAPI
import AdministrationClient
import ArgumentParser
import CommandSupport
import Top

/// `balancer kill`: ends sessions.
public struct KillCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "kill",
        abstract: "End a session, or all sessions of a backend.",
        usage: """
            balancer kill ID [options]
            balancer kill --backend BACKEND [options]
            """,
        discussion: "With --dry-run it only says how many sessions would end.")

    @Argument(
        help: ArgumentHelp("The session's id: `balancer sessions` lists them.", valueName: "id"),
        transform: SessionID.parse)
    var id: String?

    @Option(
        help: ArgumentHelp(
            "End all sessions of this backend: b2 where that is unique, or web/b2.", valueName: "backend"),
        completion: NameCompletion.backend)
    var backend: String?

    @OptionGroup var change: ChangeOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Checks what the parser cannot.
    public func validate() throws {
        guard (id == nil) != (backend == nil) else {
            throw ValidationError(
                id == nil
                    ? "nothing to end: give a session's id, or --backend BACKEND"
                    : "an id and --backend exclude each other: give one of them")
        }
    }

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        // Of a single session its old and new state say all.
        try Changing.run(administration, output, fate: { id == nil ? ChangeText.ends($0) : nil }) {
            (asker) throws(Fault) in
            if let id { return ChangeRequest(deleting: Target.session(id), isDryRun: change.dryRun) }
            let reference = try Names(try asker.status()).backend(backend ?? "")
            return ChangeRequest(
                deleting: Target.sessions, [("backend", reference.backend), ("pool", reference.pool)],
                isDryRun: change.dryRun)
        }
    }
}
