import AdministrationAPI
import AdministrationClient
import ArgumentParser
import CommandSupport
import Top

/// `balancer sessions`: lists live sessions.
public struct SessionsCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "List the live sessions of a running balancer, the oldest first.",
        discussion: """
            All conditions must hold. STATE is what a session does, or who does not take the bytes that wait for it. \
            `balancer why ID` tells the rest; `balancer kill ID` ends one.

              balancer sessions --backend b2 --stalled
              balancer sessions --client 10.1.0.0/16 --older 1h
            """)

    @Option(help: ArgumentHelp("Those of this pool.", valueName: "pool"), completion: NameCompletion.pool)
    var pool: String?

    @Option(
        help: ArgumentHelp("Those of this backend: b2 where that is unique, or web/b2.", valueName: "backend"),
        completion: NameCompletion.backend)
    var backend: String?

    @Option(
        help: ArgumentHelp("Those that came in by this listener.", valueName: "listener"),
        completion: NameCompletion.listener)
    var listener: String?

    @Option(
        help: ArgumentHelp("Those of clients with this address, or in this network: 10.0.0.0/8.", valueName: "cidr"))
    var client: String?

    private static let durations = DurationRange(.zero...Duration.seconds(365 * 86_400))

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Those that are at least so old: 1h.", valueName: "duration"), transform: durations.parse)
    var older: Duration?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Those in which nothing has moved for so long: 5m.", valueName: "duration"),
        transform: durations.parse)
    var idle: Duration?

    @Flag(help: "Those in which bytes wait for a side that does not take them.")
    var stalled = false

    private static let limits = NumberRange(1...10_000)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How many are listed at most, \(limits). (default: 100)", valueName: "count"),
        transform: limits.parse)
    var limit: Int = 100

    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        let (list, json) = try reporting { () throws(Fault) in
            let asker = try administration.asker()
            let json = try asker.get(try target(asker))
            return (try asker.read(SessionList.self, from: json), json)
        }
        if output.json { return print(PrettyJSON.text(json)) }
        let output = Output()
        if !list.sessions.isEmpty {
            let (titles, rows) = SessionTable.lines(list.sessions, columns: output.columns)
            output.print([titles] + rows)
        }
        output.print(Self.summary(list))
    }

    /// The names are checked first: with a misspelt one no session would match.
    private func target(_ asker: some Asker) throws(Fault) -> String {
        var pool = pool
        var name: String?
        if pool != nil || backend != nil || listener != nil {
            let names = Names(try asker.status())
            if let wanted = pool { pool = try names.pool(wanted) }
            if let backend {
                let reference = try names.backend(backend, in: pool)
                (pool, name) = (reference.pool, reference.backend)
            }
            if let listener { _ = try names.listener(listener) }
        }
        return Target.query(
            Target.sessions,
            [
                ("pool", pool), ("backend", name), ("listener", listener), ("client", client),
                ("older", older.map(DurationRange.text)), ("idle", idle.map(DurationRange.text)),
                ("stalled", stalled ? "yes" : nil), ("limit", "\(limit)"),
            ])
    }

    /// How many match and are not shown.
    static func summary(_ list: SessionList) -> [Line] {
        let hidden = list.matched - list.sessions.count
        var text = list.matched == 1 ? "1 session" : "\(Figures.grouped(list.matched)) sessions"
        if hidden > 0 { text += ", \(Figures.grouped(hidden)) of them are not shown: --limit shows more" }
        var lines = [Line(text, .dim)]
        if !list.unansweredLoops.isEmpty {
            let loops = list.unansweredLoops.map(String.init).joined(separator: ", ")
            lines.append(Line("loop \(loops) did not answer in time: its sessions are missing", .of(.red)))
        }
        return lines
    }
}
