import Glibc
import Reactor

/// Measures every row against every subject, round by round, and makes the report.
public struct Coordinator: ~Copyable {
    private let options: RunOptions
    private let namespace: Namespace.State
    private let printLine: (String) -> Void
    private var progress: Progress
    private var testBed: TestBed
    private var modules: [String: String] = [:]
    private var infos: [Report.SubjectInfo] = []

    /// Prepares a run. `own` is the path of this program, which is also the generator and the origin; `printLine` shows
    /// a line to the operator.
    public init(
        _ options: RunOptions, own: String, namespace: Namespace.State, printLine: @escaping (String) -> Void
    ) throws(SystemCallError) {
        let placement = Placement(cores: Placement.cores(), threads: options.threads)
        progress = Progress(
            total: options.rows.count * options.rounds * options.subjects.count,
            seconds: options.seconds + options.warmUp + 0.15)
        testBed = try TestBed(
            placement: placement, threads: options.threads, own: own, isOwnNamespace: namespace == .own)
        self.options = options
        self.namespace = namespace
        self.printLine = printLine
        if case .none(let reason) = namespace {
            printLine(
                "not in a network namespace of its own (\(reason)): firewall rules and other traffic matter")
        }
        if placement.isShared {
            let cores = placement.subject.count
            printLine(
                "\(cores) core\(cores == 1 ? "" : "s"): subject and generator share them; ratios are less exact")
        }
    }

    /// Runs all rows and calls `finished` with each row's result as soon as it is complete.
    public mutating func run(_ finished: (Report.RowResult) -> Void) throws(RunError) -> Report {
        defer { progress.clear() }
        let began = Machine.date()
        printLine(Machine.line + "; " + testBed.placement.description)
        let ready = try startSubjects()
        if !ready.contains(where: { $0.subject.name == options.reference }) {
            printLine("the reference \(options.reference) is not available: there are no ratios")
        }
        if !ready.contains(where: { $0.subject.kind == .direct }),
            options.rows.contains(where: { $0.cost == .memory })
        {
            printLine("without direct, kernel memory includes the sockets of the generator and the origin")
        }
        printLine("")
        for line in Table.legend(reference: options.reference) { printLine(line) }
        printLine("")
        var rows: [Report.RowResult] = []
        for row in options.rows {
            var result = try run(row.prepared(options, sessionsMax: testBed.sessionsMax), ready)
            result.summarize(reference: options.reference, threads: options.threads)
            rows.append(result)
            progress.clear()
            finished(result)
        }
        return Report(setting: setting(date: began), subjects: infos, rows: rows)
    }

    // MARK: subjects

    /// Starts every available subject; for the others prints how to install them.
    private mutating func startSubjects() throws(RunError) -> [ReadySubject] {
        var ready: [ReadySubject] = []
        for subject in options.subjects {
            let wanted = subject.program.map { options.programs[$0] ?? $0 }
            guard let program = wanted == nil ? "" : wanted.flatMap({ Programs.find($0) }) else {
                printLine("\(subject.name): skipped, \(wanted ?? "") was not found (\(subject.remedy))")
                continue
            }
            if subject.kind == .nginx, !findStreamModule(program) {
                printLine("\(subject.name): skipped, it has no stream module (\(subject.remedy))")
                continue
            }
            let version = version(of: subject, program)
            do throws(RunError) {
                let one = try testBed.start(subject, program: program, module: modules[program])
                ready.append(one)
            } catch .unavailable(let reason) {
                printLine("\(subject.name): skipped. \(reason)")
                continue
            }
            printLine("\(subject.name): \(Self.description(subject, version))")
            infos.append(.init(name: subject.name, version: version, command: Self.description(subject, version)))
            programs[subject.name] = program
        }
        guard !ready.isEmpty else { throw .unavailable("no subject could be started") }
        progress.total = options.rows.count * options.rounds * ready.count
        return ready
    }

    private var programs: [String: String] = [:]

    private static func description(_ subject: Subject, _ version: String) -> String {
        switch subject.kind {
        case .direct: "no balancer between"
        case .ours: "balancer \(version)"
        case .haproxy(let splice): "HAProxy \(version)\(splice ? ", splicing always" : "")"
        case .nginx: "nginx \(version), stream module"
        case .envoy: "Envoy \(version), tcp_proxy"
        case .command(let text): text
        }
    }

    private func version(of subject: Subject, _ program: String) -> String {
        guard !program.isEmpty else { return "" }
        let text = Programs.output([program] + subject.versionArguments, in: testBed.directory) ?? ""
        return Programs.version(in: text) ?? "of unknown version"
    }

    /// Finds nginx's stream module, which is part of the program or a file among its modules. False when it is missing.
    private mutating func findStreamModule(_ program: String) -> Bool {
        let text = Programs.output([program, "-V"], in: testBed.directory) ?? ""
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
        if words.contains("--with-stream") { return true }
        let directories: [String] =
            words.filter { $0.hasPrefix("--modules-path=") }.map { String($0.dropFirst("--modules-path=".count)) }
            + ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules"]
        let module = directories.map { "\($0)/ngx_stream_module.so" }.first { (path: String) in
            unsafe access(path, R_OK) == 0
        }
        modules[program] = module
        return module != nil
    }

    // MARK: rows

    private mutating func run(_ row: Row, _ ready: [ReadySubject]) throws(RunError) -> Report.RowResult {
        var results = ready.map {
            Report.SubjectResult(subject: $0.subject.name, samples: [], failure: nil, summary: Summary())
        }
        for round in 0..<options.rounds {
            for turn in ready.indices {
                // Each round begins with another subject, so that none is always first.
                let index = (turn + round) % ready.count
                progress.show("\(row.name), round \(round + 1) of \(options.rounds), \(results[index].subject)")
                let failed = results[index].failure != nil
                if !failed { try measure(row, ready[index], into: &results[index]) }
                progress.step()
            }
        }
        return Report.RowResult(name: row.name, title: row.title, unit: row.unit, cost: row.cost, subjects: results)
    }

    private mutating func measure(
        _ row: Row, _ ready: ReadySubject, into result: inout Report.SubjectResult
    ) throws(RunError) {
        if let child = ready.child, !child.isRunning {
            result.failure = "the subject has ended"
            return
        }
        if row.backends > 1, let obstacle = ready.subject.obstacleToProbes {
            result.failure = obstacle
            return
        }
        let isFresh = row.needsOwnSubject && ready.child != nil
        var subject = ready
        if isFresh {
            let program = programs[ready.subject.name] ?? ""
            do throws(RunError) {
                subject = try testBed.start(
                    ready.subject, program: program, module: modules[program], backends: row.backends)
            } catch .unavailable(let reason) {
                result.failure = reason
                return
            }
        }
        let sample = try testBed.measure(row.plan, subject)
        let hasEnded = subject.child.map { !$0.isRunning } ?? false
        if isFresh { testBed.end(subject) }
        if let sample { result.samples.append(sample) }
        if sample == nil || hasEnded {
            result.failure = hasEnded ? "the subject has ended" : "the generator failed"
            printLine("\(ready.subject.name): \(result.failure ?? ""). \(testBed.lastLines(subject))")
        }
    }

    private func setting(date: String) -> Report.Setting {
        let isOwn = if case .none(let reason) = namespace { reason } else { "own" }
        return Report.Setting(
            date: date, processor: Machine.processor, cores: Placement.cores().count,
            memoryBytes: Machine.memoryBytes, kernel: Machine.kernel, congestionControl: Machine.congestionControl,
            namespace: isOwn, commit: Machine.commit(in: testBed.directory), command: options.command,
            rounds: options.rounds, seconds: options.seconds, threads: options.threads,
            reference: options.reference, coresAreShared: testBed.placement.isShared)
    }
}
