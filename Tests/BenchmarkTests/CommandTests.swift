import Foundation
import Glibc
import Testing

@testable import Benchmark

/// Tests of the built program, started like by a user.
@Suite(.serialized) struct CommandTests {
    /// The output and the exit code of a run.
    struct Outcome {
        var status: Int32
        var output: String
        var errors: String
    }

    /// Starts the program, which is in the folder of the test runner or in `BALANCER_PROGRAMS`.
    static func start(_ arguments: [String], output: Pipe, errors: Pipe) throws -> Process {
        let runner = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let beside = URL(fileURLWithPath: runner).deletingLastPathComponent().path
        let folder = ProcessInfo.processInfo.environment["BALANCER_PROGRAMS"] ?? beside
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "\(folder)/balancer-benchmark")
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        return process
    }

    private func run(_ arguments: [String]) throws -> Outcome {
        let (output, errors) = (Pipe(), Pipe())
        let process = try Self.start(arguments, output: output, errors: errors)
        // In these tests neither stream gets more than a pipe holds, so the order of reading does not matter.
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        let complaints = try errors.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
            errors: String(decoding: complaints, as: UTF8.self))
    }

    @Test(arguments: [
        (["--only", "nothing"], "'nothing'"), (["--only", "short,"], "--only"), (["--rounds", "0"], "--rounds"),
        (["--rounds", "x"], "1 to 100"), (["--seconds", "61"], "--seconds"), (["--seconds", "nan"], "--seconds"),
        (["--rate", "-1"], "1 to 1000000"), (["--download-rate", "0"], "--download-rate"),
        (["--storm-rate", "x"], "--storm-rate"), (["--threads", "0"], "--threads"),
        (["--subjects", "direct,x"], "'x'"),
        (["--subjects", "direct"], "--reference ours"), (["--subject", "name"], "NAME=COMMAND"),
        (["--subject", "ours=x"], "'ours'"), (["--json", "/nowhere/file"], "/nowhere/file"),
        (["--nothing"], "--nothing"), (["--nothing"], "`balancer-benchmark run --help`"),
        (["--second", "1"], "'--seconds'"), (["lst"], "'list'"), (["list", "run"], "one command at a time"),
        (["compare", "--json", "a", "b"], "`balancer-benchmark run`"), (["--only", "\u{1B}"], #"'\u{1B}'"#),
        (["compare", "/nowhere/a", "/nowhere/b"], "/nowhere/a"), (["compare", "/proc/version", "/x"], "/proc/version"),
        (["compare"], "before"), (["load", "{}"], "PLAN"), (["load", #"{"work":"short"}"#], "PLAN"),
        (["origin", "0"], "1 to 65535"), (["--rounds", "2", "--rounds=3"], "--rounds"),
        (["help", "nothing"], "'nothing'"),
    ])
    func wrongArgumentsAreUsageErrors(arguments: [String], named: String) throws {
        let outcome = try run(arguments)
        #expect(outcome.status == EX_USAGE)
        #expect(outcome.errors.contains(named), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
    }

    @Test func listNamesEveryRow() throws {
        let outcome = try run(["list"])
        #expect(outcome.status == 0)
        for row in Row.all { #expect(outcome.output.contains(row.name)) }
    }

    @Test func oneRowOfEachKindRunsAgainstTheOrigin() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("report-\(getpid()).json")
        defer { try? FileManager.default.removeItem(at: file) }
        let rows =
            "short-64B,pingpong-1KiB-64,bulk-down-4,bulk-up-4,bulk-both-1,beside-bulk,beside-bulk-300,beside-storm,"
            + "probes,thundering,many,open-loop,slow-reader"
        let outcome = try run([
            "--subjects", "direct", "--reference", "direct", "--only", rows, "--seconds", "0.1", "--rounds", "1",
            "--rate", "500", "--download-rate", "20", "--storm-rate", "200", "--json", file.path,
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let report = try Report(json: String(contentsOf: file, encoding: .utf8))
        #expect(report.rows.count == rows.split(separator: ",").count)
        for row in report.rows {
            let sample = try #require(row.subjects.first?.samples.first, "\(row.name)")
            #expect(sample.errorCount == 0, "\(row.name): \(sample.errors)")
            #expect(sample.units > 0, "\(row.name)")
        }
    }

    @Test func aMissingSubjectIsSkippedAndItsInstallationIsExplained() throws {
        let outcome = try run([
            "--subjects", "direct,haproxy", "--haproxy", "/nowhere/haproxy", "--reference", "direct", "--only",
            "pingpong-64B-1", "--seconds", "0.05", "--rounds", "1",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("apt-get install haproxy"))
    }

    @Test func aSignalEndsTheRunAndAllItsProcesses() throws {
        let (output, errors) = (Pipe(), Pipe())
        let process = try Self.start(
            ["--subjects", "direct", "--reference", "direct", "--only", "pingpong-64B-1", "--seconds", "60"],
            output: output, errors: errors)
        // The line about its subject has been printed, so the row is running.
        var text = ""
        while !text.contains("direct:") {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { break }
            text += String(decoding: data, as: UTF8.self)
        }
        let children = Proc.tree([process.processIdentifier]).dropFirst()
        #expect(!children.isEmpty)
        kill(process.processIdentifier, SIGTERM)
        process.waitUntilExit()
        #expect(process.terminationStatus == 128 + SIGTERM)
        for child in children { #expect(Proc.text("/proc/\(child)/stat") == nil) }
    }
}
