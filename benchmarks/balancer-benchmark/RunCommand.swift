import ArgumentParser
import Benchmark
import CommandSupport
import Reactor

/// `balancer-benchmark [run]`: runs the comparison.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the comparison (the default subcommand).",
        usage: "balancer-benchmark [run] [--quick] [--only ROW,...] [options]",
        discussion: """
            As root, the run has its own network namespace. The subject has as many cores as threads; the load generator \
            and the origin have the next core, and what reads the downloads beside other work the one after that, if \
            there is one. The generator closes each connection first.
            """)

    @Flag(help: "A few rows with short windows: 90 s at most with all subjects.")
    var quick = false

    @Option(
        help: ArgumentHelp(
            "Rows, separated by commas: names or their beginnings. `balancer-benchmark list` shows all.",
            valueName: "row,..."))
    var only: String?

    private static let roundCounts = NumberRange(1...100)
    private static let windows = NumberRange(0.05...LoadPlan.secondsMax)
    private static let rates = NumberRange(1...LoadPlan.rateMax)
    private static let downloadRates = NumberRange(0.1...2000.0)
    private static let threadCounts = NumberRange(1...64)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How often each subject is measured in each row, \(roundCounts). (default: 3)", valueName: "count"),
        transform: roundCounts.parse)
    var rounds = 3

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The length of each measured window in seconds, \(windows). (default: 1, quick 0.25)", valueName: "seconds"),
        transform: windows.parse)
    var seconds: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Requests per second of the row open-loop, \(rates). (default: 10000)", valueName: "count"),
        transform: rates.parse)
    var rate = 10_000.0

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            The rate of each of the 4 downloads of the row beside-bulk in MB/s, \(downloadRates); those of beside-bulk-300 \
            and -1000 have twice as much in all. (default: 150)
            """,
            valueName: "count"),
        transform: downloadRates.parse)
    var downloadRate = 150.0

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Short connections per second of the row beside-storm, \(rates). (default: 4000)", valueName: "count"),
        transform: rates.parse)
    var stormRate = 4000.0

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Threads, or worker processes, of each subject, \(threadCounts). (default: 1)", valueName: "count"),
        transform: threadCounts.parse)
    var threads = 1

    @OptionGroup(title: "Subjects")
    var choice: SubjectOptions

    @OptionGroup(title: "Output")
    var output: OutputOptions

    func run() throws {
        let options = try makeOptions()
        try output.check()
        let namespace = Namespace.enter()
        Startup.prepare(startsPrograms: true)
        let report: Report
        do {
            report = try measure(options, namespace)
        } catch RunError.interrupted(let signal) {
            throw ExitCode.signal(signal)
        } catch let error as RunError {
            complain("balancer-benchmark", error.description)
            throw ExitCode.unsuccessful
        } catch let error as SystemCallError {
            throw failure("balancer-benchmark", error)
        }
        try output.write(report)
        try judge(report)
    }

    private func measure(_ options: RunOptions, _ namespace: Namespace.State) throws -> Report {
        var coordinator = try Coordinator(options, own: ThisProgram.path, namespace: namespace) { line in
            print(line)
            StandardOutput.flush()
        }
        return try coordinator.run { row in
            print(Table(row, reference: options.reference).text)
            StandardOutput.flush()
        }
    }

    /// Fails the run if any subject delivered wrong bytes, or if the reference had other errors.
    private func judge(_ report: Report) throws {
        if report.hasMismatch {
            complain("balancer-benchmark", "the received bytes differ from those that were sent: see the notes above")
            throw ExitCode.unsuccessful
        }
        let failed = report.rowsFailedByReference
        if !failed.isEmpty {
            complain("balancer-benchmark", "\(report.setting.reference) failed \(failed.joined(separator: ", "))")
            throw ExitCode.unsuccessful
        }
    }
}

extension RunCommand {
    /// Makes the run's settings from the arguments; a mistake is a usage error.
    func makeOptions() throws -> RunOptions {
        let seconds = seconds ?? (quick ? 0.25 : 1)
        let subjects = try choice.chosen()
        guard subjects.contains(where: { $0.name == choice.reference }) else {
            throw ValidationError(
                "--reference \(choice.reference) is not among the subjects: "
                    + subjects.map(\.name).joined(separator: ", "))
        }
        return RunOptions(
            rows: try rows(), subjects: subjects, reference: choice.reference, rounds: rounds, seconds: seconds,
            warmUp: quick ? 0.1 : 0.2, threads: threads, rate: rate, downloadRate: downloadRate,
            stormRate: stormRate, programs: choice.programs,
            command: (["balancer-benchmark"] + CommandLine.arguments.dropFirst()).joined(separator: " "))
    }

    /// The rows that `--only` selects, in the order of the list.
    private func rows() throws -> [Row] {
        guard let only else { return quick ? Row.all.filter(\.isQuick) : Row.all }
        var names: Set<String> = []
        for name in only.split(separator: ",", omittingEmptySubsequences: false) {
            let rows = Row.named(String(name))
            guard !rows.isEmpty else {
                throw ValidationError("--only names no row '\(name)': `balancer-benchmark list` shows all")
            }
            names.formUnion(rows.map(\.name))
        }
        return Row.all.filter { names.contains($0.name) }
    }
}
