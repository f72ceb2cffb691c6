import ArgumentParser
import Benchmark
import CommandSupport
import Reactor

/// What is compared, and where it is.
struct SubjectOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Those to compare, separated by commas. (default: direct,ours,haproxy,haproxy-splice,nginx,envoy)",
            valueName: "name,..."))
    var subjects: String?

    @Option(
        name: .customLong("subject"),
        help: ArgumentHelp(
            "Another subject; may be given several times.",
            discussion: """
                COMMAND is run by sh(1). {port} and {backend-port} stand for the two ports, {listen} and {backend} for the \
                addresses with them, {threads} for the number of threads. It must stay in the foreground, listen on all \
                addresses and relay to {backend}.
                """,
            valueName: "name=command"))
    var others: [String] = []

    @Option(help: ArgumentHelp("The subject that ratios refer to.", valueName: "name"))
    var reference = "ours"

    @Option(help: ArgumentHelp("The balancer. (default: beside this program)", valueName: "path"))
    var balancer: String?

    @Option(help: ArgumentHelp("HAProxy. (default: found on PATH)", valueName: "path"))
    var haproxy: String?

    @Option(help: ArgumentHelp("nginx. (default: found on PATH)", valueName: "path"))
    var nginx: String?

    @Option(help: ArgumentHelp("Envoy. (default: found on PATH)", valueName: "path"))
    var envoy: String?

    /// Where programs are, by name.
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
                    throw ValidationError("--subjects names '\(name)', which is none of \(names)")
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
            throw ValidationError("two subjects are called '\(subject.name)'")
        }
        return chosen
    }
}

/// Where results go besides the terminal.
struct OutputOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Everything, for programs and for `compare`.", valueName: "file"))
    var json: String?

    @Option(help: ArgumentHelp("The tables, with machine, kernel, versions and commit.", valueName: "file"))
    var markdown: String?

    @Option(help: ArgumentHelp("The headline rows as a chart.", valueName: "file"))
    var svg: String?

    /// Files that cannot be written are found out before the run, not after it.
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
