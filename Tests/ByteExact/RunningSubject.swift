import Benchmark
import Glibc
import Reactor

/// The process under test.
struct RunningSubject {
    /// How long it may take until it listens.
    private static let startTimeout = Duration.seconds(10)

    let child: Child
    let port: UInt16
    let promise: Promise
    /// The command that runs this test on this subject, for messages.
    let command: String

    /// Starts a program and waits until it listens.
    init(
        _ subject: Subject, program: String, more: [String], backendPort: UInt16, in directory: TemporaryDirectory
    ) throws(SubjectError) {
        promise = subject.kind == .ours ? .all : .allOfBackend
        do throws(SystemCallError) {
            port = try Listener(.ipv4(0, port: 0), keepalive: nil).address.port
            let setting = SubjectSetting(
                port: port, backendPort: backendPort, threads: 1, descriptors: 4 * Run.peersMax, streamModule: nil,
                directory: directory.path)
            var file = ""
            if let (name, text) = subject.configuration(setting) { file = try directory.write(text, to: name) }
            let options = subject.kind == .ours ? ["--log", "none", "--probe-interval", "1h"] : []
            let arguments = subject.command(program: program, file: file, setting) + options + more
            child = try Child(arguments, .init(output: directory.path("subject.log")))
        } catch {
            throw SubjectError(description: "\(error)")
        }
        command =
            "swift run -c release byte-exact --subject \(subject.name)"
            + (more.isEmpty ? "" : " -- \(more.joined(separator: " "))")
        guard waitUntilListening() else {
            child.end()
            throw SubjectError(
                description: "\(subject.name) does not listen: \(Self.log(directory) ?? "no output")")
        }
    }

    private func waitUntilListening() -> Bool {
        let deadline = Clock.monotonic.now() + Self.startTimeout
        while Clock.monotonic.now() < deadline, child.isRunning {
            if let stream = try? Stream(for: .ipv4(0x7F00_0001, port: port), from: nil) {
                _ = stream.connect(to: .ipv4(0x7F00_0001, port: port))
                var request = pollfd(fd: stream.number, events: Int16(POLLOUT), revents: 0)
                _ = unsafe poll(&request, 1, 100)
                if stream.takeError() == nil, stream.readiness.contains(.writable) { return true }
            }
            _ = poll(nil, 0, 20)
        }
        return false
    }

    /// What it has printed.
    static func log(_ directory: TemporaryDirectory) -> String? {
        TextFile.read(directory.path("subject.log")).flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// Why a run could not begin.
struct SubjectError: Error, CustomStringConvertible {
    let description: String
}
