import ArgumentParser
import Benchmark
import CommandSupport
import Glibc
import Reactor

/// `byte-exact`: random sessions through a real balancer, in which every byte and every end is checked. ``Verdict``
/// says what must hold.
@main struct ByteExact: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "byte-exact",
        abstract: "Random sessions through a balancer; each byte, FIN and RST is checked.",
        discussion: """
            Everything that a session does follows from the seed and its number. A failure is reported with the script of \
            its session and the command that runs it again, alone.

              byte-exact --seconds 60
              SEED=17 SECONDS=3600 byte-exact -- --threads 2
              SEED=17 SESSION=4711 byte-exact --times 20
              byte-exact --subject haproxy
            """)

    @Option(help: "The seed of the run. (default: SEED, or a new one)")
    var seed: UInt64?

    @Option(help: "How long the run lasts, in seconds, 3 to 604800. (default: SECONDS, or 60)")
    var seconds: Int?

    @Option(help: "Only the session of this number. (default: SESSION, or all)")
    var session: Int?

    @Option(help: "How often that session is run, 1 to 100000.")
    var times = 1

    @Option(help: "What is tested: ours, or haproxy, the control.")
    var subject = "ours"

    @Option(
        help: ArgumentHelp(
            "The path of the subject's program. (default: beside this one, or on PATH)", valueName: "path"))
    var program: String?

    @Argument(parsing: .postTerminator, help: "Further arguments of the subject, after `--`.")
    var more: [String] = []

    func run() throws {
        let plan = try makePlan()
        guard let subject = Subject.known.first(where: { $0.name == subject }),
            ["ours", "haproxy"].contains(subject.name)
        else { throw ValidationError("--subject '\(subject)' is not ours or haproxy") }
        let name = program ?? (subject.kind == .ours ? ThisProgram.sibling("balancer") : "haproxy")
        guard let path = Programs.find(name) else {
            let remedy = subject.kind == .ours ? "swift build -c release" : "apt-get install haproxy"
            throw ValidationError("there is no program '\(name)': \(remedy), or give its path with --program PATH")
        }
        _ = Namespace.enter()
        Startup.prepare()
        let tally: Tally
        do {
            tally = try run(plan, subject, path)
        } catch let error as SubjectError {
            complain("byte-exact", error.description)
            throw ExitCode.unsuccessful
        } catch let error as SystemCallError {
            throw failure("byte-exact", error)
        }
        if tally.failures > 0 || tally.isSubjectGone { throw ExitCode.unsuccessful }
    }

    /// Runs the plan against the subject, which has ended when this returns.
    private func run(_ plan: Plan, _ subject: Subject, _ path: String) throws -> Tally {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let listener = try Listener(.ipv4(0x7F00_0001, port: 0), keepalive: nil)
        let running = try RunningSubject(
            subject, program: path, more: more, backendPort: listener.address.port, in: directory)
        defer { running.child.end() }
        say("byte-exact: \(subject.name), SEED=\(plan.seed)")
        let resets = KernelMemory.resets
        let begun = Clock.monotonic.now()
        var run = try Run(plan, listener: listener, subject: running)
        try run.run()
        let seconds = (Clock.monotonic.now() - begun).components.seconds
        say("byte-exact: \(subject.name), SEED=\(plan.seed), \(seconds) s: \(run.tally)")
        if run.tally.isSubjectGone {
            let output = RunningSubject.log(directory) ?? "no output"
            complain("byte-exact", "the subject has ended, wait status \(running.child.status ?? -1): \(output)")
        }
        if run.tally.failures > 0, KernelMemory.resets > resets {
            complain(
                "byte-exact", "the kernel reset connections for lack of TCP memory (tcp_mem): this run says nothing")
            throw ExitCode(EX_TEMPFAIL)
        }
        if let signal = run.interruption { throw ExitCode.signal(signal.rawValue) }
        return run.tally
    }

    private func makePlan() throws -> Plan {
        let seconds = seconds ?? Self.number("SECONDS") ?? 60
        guard (3...604_800).contains(seconds) else { throw ValidationError("\(seconds) seconds are not 3 to 604800") }
        guard (1...100_000).contains(times) else { throw ValidationError("--times \(times) is not 1 to 100000") }
        let session = session ?? Self.number("SESSION")
        guard session ?? 0 >= 0 else { throw ValidationError("session \(session ?? 0) is negative") }
        let seed = seed ?? Self.number("SEED").map { UInt64(truncatingIfNeeded: $0) } ?? UInt64.random(in: 0..<1 << 32)
        return Plan(seed: seed, seconds: seconds, only: session, times: times)
    }

    /// An environment variable as a number.
    private static func number(_ name: String) -> Int? {
        unsafe getenv(name).flatMap { Int(unsafe String(cString: $0)) }
    }
}
