import AdministrationAPI
import AdministrationClient
import ArgumentParser
import Balancer
import CommandSupport
import ConfigurationFile
import Drill
import Glibc
import Reactor
import Top

/// `balancer drill`: takes a backend away for a while, and measures what clients see of that.
public struct DrillCommand: ParsableCommand {
    /// Its name, and its help.
    public static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract: "Take a backend away for a while, and measure what clients see of that.",
        usage: """
            balancer drill [SOCKET] --backend BACKEND [--mode silent|refusing] [--for 30s] [options]
            balancer drill FILE --backend BACKEND [options]
            """,
        discussion: """
            New connects to the backend, and its checks, meet a backend that does not answer, or refuses; its sessions go on. \
            Clients of the drill's own connect to a listener before, meanwhile and afterwards. Then the backend is put back, \
            also after Ctrl-C, and by the balancer itself if the drill is killed. With a configuration FILE all of that \
            happens on a copy, with servers of the drill's own. Exits with 0 when no client failed and the backend is back, \
            and with 1 otherwise.

              balancer drill --backend b2
              balancer drill --backend web/b2 --mode silent --for 1m --yes --json
              balancer drill balancer.yaml --backend b2
            """)

    @Argument(
        help: ArgumentHelp(
            "The administration socket, as with --admin; or a configuration file, for a drill on a copy.",
            valueName: "socket|file"),
        completion: .file())
    var place: String?

    @Option(
        help: ArgumentHelp("The backend: b2 where that is unique, or web/b2.", valueName: "backend"),
        completion: NameCompletion.backend)
    var backend: String

    @Option(
        help: ArgumentHelp("What connects to it meet: silent or refusing. (default: refusing)", valueName: "mode"),
        completion: .list(DrillPlan.Mode.allCases.map(\.rawValue)), transform: DrillOptions.mode)
    var mode: DrillPlan.Mode = .refusing

    @Option(
        name: .customLong("for"), parsing: .unconditional,
        help: ArgumentHelp("How long it is away, \(DrillOptions.lengths). (default: 30s)", valueName: "duration"),
        transform: DrillOptions.lengths.parse)
    var length: Duration = .seconds(30)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long is measured before, \(DrillOptions.baselines). (default: 5s)", valueName: "duration"),
        transform: DrillOptions.baselines.parse)
    var baseline: Duration = .seconds(5)

    @Option(
        help: ArgumentHelp("The listener that is probed. (default: one that leads to the pool)", valueName: "listener"),
        completion: NameCompletion.listener)
    var listener: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Probes per second, \(DrillOptions.rates); more than \(DrillPlan.askedRateMax) only with --send or "
                + "--expect. "
                + "(default: \(DrillPlan.standardRate))", valueName: "number"),
        transform: DrillOptions.rates.parse)
    var rate = DrillPlan.standardRate

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "A probe that has waited so long has failed, \(DrillOptions.patiences). (default: 15s)",
            valueName: "duration"),
        transform: DrillOptions.patiences.parse)
    var patience: Duration = .seconds(15)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "What each probe sends: text with \\r, \\n, \\t, \\xNN. It waits for the answer then.", valueName: "text"),
        transform: DrillOptions.bytes)
    var send: [UInt8]?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("What the answer must contain; without that any byte will do.", valueName: "text"),
        transform: DrillOptions.bytes)
    var expect: [UInt8]?

    @Flag(help: "Do not ask on the terminal.")
    var yes = false

    @Flag(help: "Also when no other backend of the pool is up.")
    var force = false

    @OptionGroup var change: ChangeOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Refuses what contradicts itself.
    public func validate() throws {
        if place != nil, administration.admin != nil {
            throw ValidationError("the place is given twice, as an argument and with --admin: give it once")
        }
        if rate > DrillPlan.askedRateMax, send == nil, expect == nil {
            throw ValidationError(
                "--rate \(rate): without --send and --expect the balancer is asked about each probe: give at most "
                    + "\(DrillPlan.askedRateMax)")
        }
    }

    /// Makes the drill, and prints its report.
    public func run() throws {
        if let place, DrillOptions.isFile(place) { return try runOnCopy(place) }
        Startup.prepare()
        let given = try place.map(Self.socket)
        let (asker, setup, status) = try reporting { () throws(Fault) in
            let asker = try administration.asker(given)
            let status = try asker.status()
            return (asker, try DrillSetup(wish(isCopy: false), status), status)
        }
        if change.dryRun { return show(setup.plan, status, others: setup.others) }
        if !yes { try confirm(setup, status) }
        try show(try Self.stopping { () throws(RunningDrill.Stop) in try Self.drill(asker, setup) })
    }

    private func wish(isCopy: Bool) -> DrillSetup.Wish {
        DrillSetup.Wish(
            backend: backend, mode: mode, length: length, baseline: baseline, listener: listener, rate: rate,
            patience: patience, sent: send ?? [], expected: expect ?? [], isForced: force, isCopy: isCopy)
    }

    private static func socket(_ text: String) throws -> AdministrationClient.Place {
        do throws(ArgumentFault) {
            return try AdministrationClient.Place.parse(text)
        } catch {
            throw ValidationError("'\(text)': \(error)")
        }
    }

    private func confirm(_ setup: DrillSetup, _ status: Status) throws {
        guard isatty(STDIN_FILENO) == 1 else {
            throw Fault(
                "the drill takes a backend of a running balancer away, and there is no terminal on which to ask: "
                    + "give --yes"
            ).reported()
        }
        guard DrillQuestion.isConfirmed(DrillQuestion.lines(setup.plan, status, others: setup.others)) else {
            throw Fault("the drill was not made").reported()
        }
    }

    private static func drill(_ asker: any Asker, _ setup: DrillSetup) throws(RunningDrill.Stop) -> DrillReport {
        var drill: RunningDrill
        do throws(SystemCallError) {
            drill = try RunningDrill(asker, setup)
        } catch {
            throw .system(error)
        }
        return try drill.run()
    }

    /// Prints why the drill has ended before its end.
    private static func stopping<Value>(_ body: () throws(RunningDrill.Stop) -> Value) throws -> Value {
        do throws(RunningDrill.Stop) { return try body() } catch { throw error.reported }
    }

    /// Says what would be done.
    private func show(_ plan: DrillPlan, _ status: Status, others: [String]) {
        if output.json { return print(PrettyJSON.text(APICoding.json(plan))) }
        for line in DrillQuestion.lines(plan, status, others: others) { print(ErrorText.line(line)) }
    }

    private func show(_ report: DrillReport) throws {
        if output.json {
            print(PrettyJSON.text(APICoding.json(report)))
        } else {
            for line in DrillText.lines(report) { print(ErrorText.line(line)) }
        }
        if !report.isPassed { throw ExitCode.unsuccessful }
    }

    // MARK: on a copy

    private func runOnCopy(_ file: String) throws {
        Startup.prepare(startsPrograms: true)
        guard send == nil, expect == nil else {
            throw ValidationError("--send and --expect: the servers of a copy say nothing: leave them out")
        }
        guard administration.tokenFile == nil, administration.timeout == nil else {
            throw ValidationError(
                "--token-file and --timeout: with a file no running balancer is asked: leave them out")
        }
        let document: Document
        do throws(Mistakes) {
            document = try Document.read(file)
        } catch {
            complain(line: error.description)
            throw ExitCode(EX_CONFIG)
        }
        let text = try reporting { () throws(Fault) in
            try DrillCopyText(document, backend: backend, listener: listener)
        }
        var wish = wish(isCopy: true)
        wish.backend = "\(text.pool)/\(text.backend)"
        wish.listener = nil
        wish.title = text.title(of: text.backend)
        let copy = try reporting { () throws(Fault) in try DrillCopy(text) }
        defer { copy.end() }
        let asker = try Self.stopping { () throws(RunningDrill.Stop) in try copy.asker() }
        let (setup, status) = try reporting { () throws(Fault) in
            let status = try asker.status()
            return (try DrillSetup(wish, status), status)
        }
        if change.dryRun {
            var plan = setup.plan
            plan.backend = text.title(of: text.backend)
            return show(plan, status, others: setup.others.map(text.title))
        }
        var report = try Self.stopping { () throws(RunningDrill.Stop) in try Self.drill(asker, setup) }
        report.plan.backend = text.title(of: text.backend)
        report.remarks += text.remarks + copy.remarks
        try show(report)
    }
}

/// Values of the command's options.
enum DrillOptions {
    static let lengths = DurationRange(.seconds(1)...Duration.seconds(3600))
    static let baselines = DurationRange(.seconds(1)...Duration.seconds(600))
    static let patiences = DurationRange(.milliseconds(100)...Duration.seconds(120))
    static let rates = NumberRange(1...DrillPlan.rateMax)
    /// More is not sent, and not looked for.
    private static let bytesMax = 4096

    static func mode(_ text: String) throws(ArgumentFault) -> DrillPlan.Mode {
        guard let mode = DrillPlan.Mode(rawValue: text) else { throw ArgumentFault("silent or refusing is needed") }
        return mode
    }

    /// A regular file is a configuration; everything else is a place of administration.
    static func isFile(_ path: String) -> Bool {
        var file = stat()
        return unsafe stat(path, &file) == 0 && file.st_mode & S_IFMT == S_IFREG
    }

    /// Text with the escapes of checks.
    static func bytes(_ text: String) throws(ArgumentFault) -> [UInt8] {
        let bytes: [UInt8]
        do throws(EscapedBytes.Fault) { bytes = try EscapedBytes.parse(text) } catch {
            throw ArgumentFault(error.reason)
        }
        guard (1...bytesMax).contains(bytes.count) else { throw ArgumentFault("1 to \(bytesMax) bytes are needed") }
        return bytes
    }
}
