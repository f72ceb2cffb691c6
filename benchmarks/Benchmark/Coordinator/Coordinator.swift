import Glibc
import Reactor

/// Runs rows against subjects, round by round, and reports.
public struct Coordinator: ~Copyable {
    private let options: RunOptions
    private let namespace: Namespace.State
    private let tell: (String) -> Void
    private var progress: Progress
    private var stand: Stand
    private var modules: [String: String] = [:]
    private var infos: [Report.SubjectInfo] = []

    /// Prepares a run. `own` is the path of this program, which is also the generator and the origin; `tell` prints a
    /// line for people.
    public init(
        _ options: RunOptions, own: String, namespace: Namespace.State, tell: @escaping (String) -> Void
    ) throws(SystemCallError) {
        let placement = Placement(cores: Placement.cores(), threads: options.threads)
        progress = Progress(
            total: options.rows.count * options.rounds * options.subjects.count,
            seconds: options.seconds + options.warmUp + 0.15)
        stand = try Stand(
            placement: placement, threads: options.threads, own: own, isOwnNamespace: namespace == .own)
        self.options = options
        self.namespace = namespace
        self.tell = tell
        if case .none(let reason) = namespace {
            tell("not in a network namespace of its own (\(reason)): firewall rules and other traffic take part")
        }
        if placement.isShared {
            let cores = placement.subject.count
            tell("\(cores) core\(cores == 1 ? "" : "s"): the subject and the generator share them; ratios are coarser")
        }
    }

    /// Runs all rows; `finished` is told each as it is done.
    public mutating func run(_ finished: (Report.RowResult) -> Void) throws(RunError) -> Report {
        defer { progress.clear() }
        let began = Machine.date()
        tell(Machine.line + "; " + stand.placement.description)
        let standing = try startSubjects()
        if !standing.contains(where: { $0.subject.name == options.reference }) {
            tell("\(options.reference) is what ratios refer to, and is not here: there are none")
        }
        if !standing.contains(where: { $0.subject.kind == .direct }),
            options.rows.contains(where: { $0.cost == .memory })
        {
            tell("without direct, kernel memory includes the sockets of the generator and the origin")
        }
        tell("")
        for line in Table.legend(reference: options.reference) { tell(line) }
        tell("")
        var rows: [Report.RowResult] = []
        for row in options.rows {
            var result = try run(row, standing)
            result.summarize(reference: options.reference, threads: options.threads)
            rows.append(result)
            progress.clear()
            finished(result)
        }
        return Report(setting: setting(date: began), subjects: infos, rows: rows)
    }

    // MARK: subjects

    /// Starts every subject that is to be had; says of the others how to come by them.
    private mutating func startSubjects() throws(RunError) -> [Standing] {
        var standing: [Standing] = []
        for subject in options.subjects {
            let wanted = subject.program.map { options.programs[$0] ?? $0 }
            guard let program = wanted == nil ? "" : wanted.flatMap({ Programs.find($0) }) else {
                tell("\(subject.name): skipped, \(wanted ?? "") is not here (\(subject.remedy))")
                continue
            }
            if subject.kind == .nginx, !findStreamModule(program) {
                tell("\(subject.name): skipped, it has no stream module (\(subject.remedy))")
                continue
            }
            let version = version(of: subject, program)
            do throws(RunError) {
                let one = try stand.start(subject, program: program, module: modules[program])
                standing.append(one)
            } catch .unavailable(let reason) {
                tell("\(subject.name): skipped. \(reason)")
                continue
            }
            tell("\(subject.name): \(Self.description(subject, version))")
            infos.append(.init(name: subject.name, version: version, command: Self.description(subject, version)))
            programs[subject.name] = program
        }
        guard !standing.isEmpty else { throw .unavailable("no subject is left to be measured") }
        progress.total = options.rows.count * options.rounds * standing.count
        return standing
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
        let text = Programs.output([program] + subject.versionArguments, in: stand.directory) ?? ""
        return Programs.version(in: text) ?? "of unknown version"
    }

    /// nginx's stream module is part of the program, or a file beside the others. False when it is neither.
    private mutating func findStreamModule(_ program: String) -> Bool {
        let text = Programs.output([program, "-V"], in: stand.directory) ?? ""
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

    private mutating func run(_ row: Row, _ standing: [Standing]) throws(RunError) -> Report.RowResult {
        var results = standing.map {
            Report.SubjectResult(subject: $0.subject.name, samples: [], failure: nil, summary: Summary())
        }
        var plan = row.plan
        plan.seconds = options.seconds
        plan.warmUp = options.warmUp
        if plan.work == .openLoop { plan.rate = options.rate }
        for round in 0..<options.rounds {
            for turn in standing.indices {
                // Each round begins with another subject, so that none always follows the same one.
                let index = (turn + round) % standing.count
                progress.show("\(row.name), round \(round + 1) of \(options.rounds), \(results[index].subject)")
                let failed = results[index].failure != nil
                if !failed { try measure(plan, standing[index], into: &results[index]) }
                progress.step()
            }
        }
        return Report.RowResult(name: row.name, title: row.title, unit: row.unit, cost: row.cost, subjects: results)
    }

    private mutating func measure(
        _ plan: LoadPlan, _ standing: Standing, into result: inout Report.SubjectResult
    ) throws(RunError) {
        if let child = standing.child, !child.isRunning {
            result.failure = "it has ended"
            return
        }
        // Memory is measured of a process that has done nothing yet.
        let isFresh = plan.work == .idle && standing.child != nil
        var subject = standing
        if isFresh {
            let program = programs[standing.subject.name] ?? ""
            do throws(RunError) {
                subject = try stand.start(standing.subject, program: program, module: modules[program])
            } catch .unavailable(let reason) {
                result.failure = reason
                return
            }
        }
        let sample = try stand.measure(plan, subject)
        let hasEnded = subject.child.map { !$0.isRunning } ?? false
        if isFresh { stand.end(subject) }
        if let sample { result.samples.append(sample) }
        if sample == nil || hasEnded {
            result.failure = hasEnded ? "it has ended" : "the generator failed"
            tell("\(standing.subject.name): \(result.failure ?? ""). \(stand.lastWords(subject))")
        }
    }

    private func setting(date: String) -> Report.Setting {
        let isOwn = if case .none(let reason) = namespace { reason } else { "own" }
        return Report.Setting(
            date: date, processor: Machine.processor, cores: Placement.cores().count,
            memoryBytes: Machine.memoryBytes, kernel: Machine.kernel, congestionControl: Machine.congestionControl,
            namespace: isOwn, commit: Machine.commit(in: stand.directory), command: options.command,
            rounds: options.rounds, seconds: options.seconds, threads: options.threads,
            reference: options.reference, coresAreShared: stand.placement.isShared)
    }
}
