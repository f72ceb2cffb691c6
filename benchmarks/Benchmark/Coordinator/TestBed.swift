import CEpoll
import FoundationEssentials
import Glibc
import Reactor

/// A subject that relays and can be measured.
struct ReadySubject {
    let subject: Subject
    let child: Child?
    let port: UInt16
    let log: String
}

/// The origin, the subjects and the files of a run. They are ended and removed however the run ends.
struct TestBed: ~Copyable {
    /// How long a subject may take until it relays. Envoy takes a second or two.
    static let startTimeout = Duration.seconds(15)

    var worker: Worker
    let directory: TemporaryDirectory
    let placement: Placement
    private let own: String
    private let origin: Child
    let originPort: UInt16
    private let leash: FileDescriptor
    private var ports: Ports
    private var children: [Child] = []
    private let descriptors: Int
    private let threads: Int

    init(placement: Placement, threads: Int, own: String, isOwnNamespace: Bool) throws(SystemCallError) {
        let worker = try Worker()
        var ports = Ports(isOwnNamespace: isOwnNamespace)
        let port = try ports.take()
        let directory = try TemporaryDirectory()
        var ends: InlineArray<2, CInt> = [-1, -1]
        var span = ends.mutableSpan
        _ = unsafe span.withUnsafeMutableBufferPointer { unsafe cepoll_pipe($0.baseAddress) }
        // The origin ends when the last writer of its standard input ends, which is this process, however it ends.
        let reader = FileDescriptor(owning: ends[0])
        let leash = FileDescriptor(owning: ends[1])
        let origin: Child
        do throws(SystemCallError) {
            origin = try Child(
                Placement.prefix(placement.generator) + [own, "origin", "\(port)"],
                .init(input: reader.rawValue, output: directory.path("origin.log")))
        } catch {
            directory.remove()
            throw error
        }
        self.worker = worker
        self.leash = leash
        self.origin = origin
        self.ports = ports
        self.directory = directory
        self.placement = placement
        self.own = own
        self.threads = threads
        originPort = port
        descriptors = DescriptorLimit.raise()
    }

    deinit {
        for child in children { child.end() }
        origin.end()
        directory.remove()
    }

    /// What a subject is told, on a port.
    private func setting(port: UInt16, module: String?, backends: Int) -> SubjectSetting {
        var setting = SubjectSetting(
            port: port, backendPort: originPort, threads: threads, descriptors: descriptors, streamModule: module,
            directory: directory.path)
        setting.backends = backends
        return setting
    }

    /// How many sessions every subject has room for.
    var sessionsMax: Int { setting(port: 0, module: nil, backends: 1).sessionsMax }

    /// Starts a subject and waits until it relays.
    mutating func start(
        _ subject: Subject, program: String, module: String?, backends: Int = 1
    ) throws(RunError) -> ReadySubject {
        guard subject.kind != .direct else {
            return try waitUntilReady(
                ReadySubject(subject: subject, child: nil, port: originPort, log: directory.path("origin.log")))
        }
        let ready: ReadySubject
        do throws(SystemCallError) {
            ready = try spawn(subject, program: program, module: module, backends: backends)
        } catch {
            throw .failed(.init(description: error.description))
        }
        do throws(RunError) {
            return try waitUntilReady(ready)
        } catch {
            ready.child?.end()
            throw error
        }
    }

    private mutating func spawn(
        _ subject: Subject, program: String, module: String?, backends: Int
    ) throws(SystemCallError) -> ReadySubject {
        let port = try ports.take()
        let setting = setting(port: port, module: module, backends: backends)
        var file = ""
        if let (name, text) = subject.configuration(setting) { file = try directory.write(text, to: name) }
        let log = directory.path("\(children.count).log")
        let command = subject.command(program: program, file: file, setting)
        let child = try Child(Placement.prefix(placement.subject) + command, .init(output: log))
        children.append(child)
        return ReadySubject(subject: subject, child: child, port: port, log: log)
    }

    /// Waits until a message comes back through the subject.
    private mutating func waitUntilReady(_ ready: ReadySubject) throws(RunError) -> ReadySubject {
        let clock = Clock.monotonic
        let deadline = clock.now() + Self.startTimeout
        var plan = LoadPlan(.pingPong, connections: 1)
        plan.warmUp = 0
        plan.seconds = 0.002
        repeat {
            if let child = ready.child, !child.isRunning { break }
            if try measure(plan, ready)?.units ?? 0 > 0 { return ready }
            try worker.pause(.milliseconds(20))
        } while clock.now() < deadline
        throw .unavailable("\(ready.subject.name) does not answer. \(lastLines(ready))")
    }

    /// Ends a subject that is no longer needed.
    func end(_ ready: ReadySubject) {
        ready.child?.end()
    }

    /// Carries out a plan against a subject; nil when the generator failed. load.log then has its errors.
    mutating func measure(_ plan: LoadPlan, _ ready: ReadySubject) throws(RunError) -> Sample? {
        var plan = plan
        plan.port = ready.port
        plan.subject = ready.child?.process
        plan.origin = origin.process
        plan.readerCore = placement.reader
        // A generator that was ended may have left it stopped.
        defer { if plan.work == .herd { kill(origin.process, SIGCONT) } }
        guard let text = try? JSONEncoder().encode(plan) else { return nil }
        let command = Placement.prefix(placement.generator) + [own, "load", String(decoding: text, as: UTF8.self)]
        let timeout = Duration.seconds(2 * plan.warmUp + 2 * plan.seconds + 45)
        let line = try worker.output(of: command, errors: directory.path("load.log"), timeout: timeout)
        guard let line else { return nil }
        return try? JSONDecoder().decode(Sample.self, from: Data(line.utf8))
    }

    /// The last lines that a subject has written, joined into one.
    func lastLines(_ ready: ReadySubject) -> String {
        let lines = (Proc.text(ready.log) ?? "").split(separator: "\n").suffix(3)
        return lines.isEmpty ? "Its log is empty." : "Its last lines: " + lines.joined(separator: " | ")
    }
}
