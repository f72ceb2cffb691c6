import ArgumentParser
import Benchmark
import CommandSupport

/// `balancer-benchmark`: runs ``RunCommand`` unless a subcommand is given.
@main struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "balancer-benchmark",
        abstract: "Compares the balancer with others on this machine: processor time, latency, memory.",
        usage: """
            balancer-benchmark [--quick] [--only ROW,...] [options]
            balancer-benchmark list
            balancer-benchmark compare BEFORE.json AFTER.json
            """,
        discussion: """
            Runs each row of work against each subject, round by round, and prints the cost of a unit. \
            `balancer-benchmark run --help` lists all options.

              balancer-benchmark --quick
              balancer-benchmark --only short,bulk --json after.json --svg chart.svg
            """,
        version: version,
        subcommands: [
            RunCommand.self, ListCommand.self, CompareCommand.self, LoadCommand.self, OriginCommand.self,
        ],
        defaultSubcommand: RunCommand.self)

    static func main() { start(repeatable: ["--subject"]) }
}

/// `balancer-benchmark list`: prints the rows and the subjects.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the rows and the subjects.")

    func run() {
        let width = Row.all.map(\.name.count).max() ?? 0
        print("Rows (* in the quick run):")
        for row in Row.all {
            let padding = String(repeating: " ", count: width - row.name.count)
            print("  \(row.name)\(padding)  \(row.isQuick ? "*" : " ") \(row.title)")
        }
        print(
            "\nSubjects:\n  \(Subject.known.map(\.name).joined(separator: ", ")), and others with --subject NAME=COMMAND"
        )
    }
}

/// `balancer-benchmark compare BEFORE AFTER`: prints the costs that changed beyond noise.
struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Print the costs that changed beyond noise from one --json file to another.",
        discussion: """
            A cost has changed when the ranges of the rounds in the two files do not overlap, and the medians are more \
            than 3 % apart. Run both with at least 3 rounds, on an otherwise idle machine.
            """)

    @Argument(help: "The --json file from before the change.")
    var before: String

    @Argument(help: "The --json file from after the change.")
    var after: String

    func run() throws {
        let comparison = Comparison(try read(before), try read(after))
        print(comparison.text, terminator: "")
        if !comparison.failures.isEmpty { throw ExitCode.failure }
    }

    private func read(_ path: String) throws -> Report {
        guard let text = TextFile.read(path) else {
            throw ValidationError("'\(path)' cannot be read: give the path of a file that --json wrote")
        }
        guard let report = try? Report(json: text) else {
            throw ValidationError("'\(path)' is not a report of this program: give a file that --json wrote")
        }
        return report
    }
}
