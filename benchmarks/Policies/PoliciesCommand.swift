import ArgumentParser
import Balancer
import CommandSupport
import Reactor

/// `balancer-policies`: what a pick costs, by policy and number of backends.
@main struct PoliciesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "balancer-policies",
        abstract: "What a pick costs, in nanoseconds, by policy and number of backends.",
        discussion: """
            Prints a Markdown table. A pick is of a client that nobody knows; the backend gets the session, and one of the \
            last 1,000 sessions ends, with all that the policy is told of it. Of several rounds the fastest counts: what \
            else the machine does only adds.

              swift run -c release balancer-policies
            """,
        version: version)

    @Option(help: "How many picks in a round, 1000 to 10000000.")
    var picks = 100_000

    @Option(help: "How many rounds, 1 to 100.")
    var rounds = 5

    private static let counts = [2, 10, 100, 2000]

    static func main() { start() }

    func run() throws {
        guard (1000...10_000_000).contains(picks) else {
            throw ValidationError("--picks \(picks) is not 1000 to 10000000")
        }
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds \(rounds) is not 1 to 100") }
        let heads = Self.counts.map { "\($0) backends" }
        print("| policy | \(heads.joined(separator: " | ")) |")
        print("|---|\(heads.map { _ in "--:|" }.joined())")
        for kind in PolicyKind.allCases {
            row(kind.rawValue, kind)
            row("\(kind.rawValue), weights of 1 to 10", kind, weight: { Int32(1 + $0 % 10) })
        }
        var hash = SourceHash.Settings()
        hash.loadMax = 1_250_000
        row("source-hash, load_max 125%", .sourceHash, hash)
    }

    private func row(
        _ title: String, _ kind: PolicyKind, _ hash: SourceHash.Settings = .init(), weight: (Int) -> Int32 = { _ in 1 }
    ) {
        let figures = Self.counts.map { count in
            let least = (0..<rounds).map { round in
                var trial = PolicyTrial(kind, hash, weights: (0..<count).map(weight))
                let start = Clock.monotonic.now()
                for pick in 0..<picks { trial.step(client: UInt64(round * picks + pick)) }
                return Double(Clock.monotonic.now().nanoseconds - start.nanoseconds) / Double(picks)
            }.min()
            return "\(Int((least ?? 0).rounded()))"
        }
        print("| \(title) | \(figures.joined(separator: " | ")) |")
    }
}
