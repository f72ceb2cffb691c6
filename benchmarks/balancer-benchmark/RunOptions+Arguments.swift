import ArgumentParser
import Benchmark
import CommandSupport
import Reactor

/// The subjects to compare, and the paths of their programs.
struct SubjectOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The subjects to compare, separated by commas. (default: direct,ours,haproxy,haproxy-splice,nginx,envoy)",
            valueName: "name,..."))
    var subjects: String?

    @Option(
        name: .customLong("subject"),
        help: ArgumentHelp(
            "An additional subject; may be given several times.",
            discussion: """
                sh(1) runs COMMAND. {port} and {backend-port} stand for the two ports, {listen} and {backend} for address \
                and port, {threads} for the number of threads. COMMAND must stay in the foreground, listen on all \
                addresses and relay to {backend}.
                """,
            valueName: "name=command"))
    var others: [String] = []

    @Option(help: ArgumentHelp("The subject that ratios refer to.", valueName: "name"))
    var reference = "ours"

    @Option(help: ArgumentHelp("The path of the balancer. (default: beside this program)", valueName: "path"))
    var balancer: String?

    @Option(help: ArgumentHelp("The path of HAProxy. (default: found on PATH)", valueName: "path"))
    var haproxy: String?

    @Option(help: ArgumentHelp("The path of nginx. (default: found on PATH)", valueName: "path"))
    var nginx: String?

    @Option(help: ArgumentHelp("The path of Envoy. (default: found on PATH)", valueName: "path"))
    var envoy: String?

    /// The paths of programs, by name.
    var programs: [String: String] {
        var programs = ["balancer": balancer ?? ThisProgram.sibling("balancer")]
        programs["haproxy"] = haproxy
        programs["nginx"] = nginx
        programs["envoy"] = envoy
        return programs
    }

    /// The subjects, in order; a mistake is a usage error.
    func chosen() throws -> [Subject] {
        var chosen = Subject.known
        if let subjects {
            chosen = try subjects.split(separator: ",", omittingEmptySubsequences: false).map { name in
                guard let subject = Subject.known.first(where: { $0.name == name }) else {
                    let names = Subject.known.map(\.name).joined(separator: ", ")
                    throw ValidationError("--subjects names '\(name)', which is not one of \(names)")
                }
                return subject
            }
        }
        for other in others {
            guard let end = other.firstIndex(of: "="), end > other.startIndex, other.index(after: end) < other.endIndex
            else { throw ValidationError("--subject '\(other)' is not NAME=COMMAND") }
            chosen.append(
                Subject(name: String(other[..<end]), kind: .command(String(other[other.index(after: end)...]))))
        }
        for subject in chosen where chosen.count(where: { $0.name == subject.name }) > 1 {
            throw ValidationError("two subjects have the name '\(subject.name)'")
        }
        return chosen
    }
}

/// Files for the results, in addition to the terminal.
struct OutputOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Write all results, for programs and for `compare`.", valueName: "file"))
    var json: String?

    @Option(help: ArgumentHelp("Write the tables, with machine, kernel, versions and commit.", valueName: "file"))
    var markdown: String?

    @Option(help: ArgumentHelp("Write a chart of the headline rows.", valueName: "file"))
    var svg: String?

    /// Checks before the run, which takes minutes, that the files can be written.
    func check() throws {
        for (option, path) in [("json", json), ("markdown", markdown), ("svg", svg)] {
            guard let path else { continue }
            guard TextFile.isWritable(path) else {
                throw ValidationError(
                    "--\(option) '\(path)' cannot be written: name a file in a directory that you may write to")
            }
        }
    }

    func write(_ report: Report) throws {
        do {
            if let json { try TextFile.write(try report.json(), to: json) }
            if let svg { try TextFile.write(Chart(report).svg, to: svg) }
            if let markdown {
                let chart = svg.map { $0.split(separator: "/").last.map(String.init) ?? $0 }
                try TextFile.write(report.markdown(chart: chart), to: markdown)
            }
        } catch let error as SystemCallError {
            complain("balancer-benchmark", "\(error)")
            throw ExitCode.outputError
        }
    }
}
