import AdministrationAPI
import AdministrationClient
import CDrill
import CommandSupport
import Glibc
import Reactor
import Top

/// A second balancer, with servers of the drill's own behind it: in a network of its own where this process may make one, and
/// otherwise at free ports of the loopback address. It ends with the drill, also when that is killed.
final class DrillCopy {
    /// What is to be said of it, a sentence each.
    let remarks: [String]
    /// Those that would end this process at once: the folder would stay.
    private let signals: Signals
    private let folder: String
    private let servers: QuietServers
    private let process: pid_t
    private var hasEnded = false

    /// The start of a balancer takes a fraction of a second, on a busy machine some.
    private static let startTime: Duration = .seconds(20)
    /// How long it may take to end, until it is killed.
    private static let endTime: Duration = .seconds(5)
    private static let stepMicroseconds: UInt32 = 20_000
    /// The program of this process.
    private static let program = "/proc/self/exe"

    /// Starts all of it. Blocks the signals that end a process, from now on.
    init(_ text: DrillCopyText) throws(Fault) {
        // Before any thread starts, which inherits what is blocked.
        do throws(SystemCallError) {
            signals = try Signals(Signal.endings + [.hangup])
        } catch {
            throw Fault("the signals that end the drill: \(error)")
        }
        // Before any thread is started, which would stay in the old one.
        let network = cdrill_own_network()
        guard network >= 0 else {
            throw Fault(
                "a network for the copy: \(Errno(rawValue: -network)): make the drill as another user than root")
        }
        let isAlone = network == 0
        remarks =
            isAlone
            ? [] : ["The copy ran at free ports of the loopback address: only root may make a network of its own."]
        do throws(SystemCallError) {
            servers = try QuietServers(count: text.backends.count)
        } catch {
            throw Fault("the copy's servers: \(error)")
        }
        folder = try Self.makeFolder()
        let socket = "\(folder)/admin.sock"
        do throws(Fault) {
            let port = try Self.freePort()
            let file = text.text(port: port, ports: servers.ports, socket: socket)
            try Self.write(file, to: "\(folder)/balancer.yaml")
            process = try Self.start(folder)
        } catch {
            Self.remove(folder)
            servers.stop()
            throw error
        }
    }

    deinit { end() }

    /// The way to the copy, when it serves.
    func asker() throws(RunningDrill.Stop) -> any Asker {
        let asker: RunningAsker
        do throws(Fault) {
            asker = try RunningAsker(.unix("\(folder)/admin.sock"), " (the copy)", tokenFile: nil)
        } catch {
            throw .fault(error)
        }
        let deadline = Clock.monotonic.now() + Self.startTime
        while Clock.monotonic.now() < deadline {
            if let signal = signals.next() { throw .signal(signal) }
            if let status = try? asker.status(), status.state == "serving",
                status.pools.allSatisfy({ $0.backends.allSatisfy { $0.isUsable } })
            {
                return asker
            }
            guard waitpid(process, nil, WNOHANG) == 0 else {
                hasEnded = true
                throw .fault(Fault("the copy has ended at its start: \(lastLines)"))
            }
            usleep(Self.stepMicroseconds)
        }
        throw .fault(Fault("the copy did not serve within \(DurationRange.text(Self.startTime)): \(lastLines)"))
    }

    /// Ends all of it.
    func end() {
        if !hasEnded {
            hasEnded = true
            kill(process, SIGTERM)
            let deadline = Clock.monotonic.now() + Self.endTime
            while waitpid(process, nil, WNOHANG) == 0 {
                if Clock.monotonic.now() >= deadline { kill(process, SIGKILL) }
                usleep(Self.stepMicroseconds)
            }
        }
        servers.stop()
        Self.remove(folder)
    }

    // MARK: files

    private static let names = ["admin.sock", "balancer.yaml", "log"]

    private static func makeFolder() throws(Fault) -> String {
        let parent = Environment.value("TMPDIR").flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
        var template = Array("\(parent)/balancer-drill-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw Fault(
                "a folder for the copy in \(parent): \(Errno(rawValue: errno)): set TMPDIR to a folder that this "
                    + "user may write to"
            )
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func write(_ text: String, to path: String) throws(Fault) {
        guard let file = unsafe fopen(path, "we") else { throw Fault("\(path): \(Errno(rawValue: errno))") }
        let isWritten = unsafe fputs(text, file) >= 0
        guard unsafe fclose(file) == 0, isWritten else { throw Fault("\(path): \(Errno(rawValue: errno))") }
    }

    private static func remove(_ folder: String) {
        for name in names { _ = unsafe unlink("\(folder)/\(name)") }
        _ = unsafe rmdir(folder)
    }

    /// What the copy has said last, for error messages.
    private var lastLines: String {
        guard let file = unsafe fopen("\(folder)/log", "re") else { return "it has said nothing" }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, $0.count, file) }
        let lines = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").suffix(3)
        return lines.isEmpty ? "it has said nothing" : lines.joined(separator: "; ")
    }

    // MARK: the process

    private static func start(_ folder: String) throws(Fault) -> pid_t {
        let log = unsafe open("\(folder)/log", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw Fault("\(folder)/log: \(Errno(rawValue: errno))") }
        defer { close(log) }
        // What concerns the service or the balancer that this process may belong to does not concern the copy.
        let environment = inherited.compactMap { name in Environment.value(name).map { "\(name)=\($0)" } }
        var words = unsafe list(["balancer", "run", "\(folder)/balancer.yaml"])
        var variables = unsafe list(environment)
        defer { unsafe (words + variables).forEach { unsafe free($0) } }
        let result = unsafe cdrill_start(program, &words, &variables, log)
        guard result > 0 else { throw Fault("the copy cannot be started: \(Errno(rawValue: -result))") }
        return result
    }

    /// The variables that the copy has as well.
    private static let inherited = ["PATH", "LD_LIBRARY_PATH", "TZ"]

    /// A list for execve(2), to be freed by its owner.
    private static func list(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
        var list: [UnsafeMutablePointer<CChar>?] = unsafe []
        for text in texts { unsafe list.append(strdup(text)) }
        unsafe list.append(nil)
        return unsafe list
    }

    /// A port of the loopback address that nobody has now.
    private static func freePort() throws(Fault) -> UInt16 {
        do throws(SystemCallError) {
            return try QuietServers.listener().address.port
        } catch {
            throw Fault("a free port for the copy: \(error)")
        }
    }
}
