import Foundation
import Glibc
import Testing

/// What the kernel knows of a running program.
extension RunningProgram {
    /// How much of one core it has used since it started.
    func processorTime(at location: SourceLocation = #_sourceLocation) throws -> Duration {
        // `pid (name) state ppid ...`: the name may hold blanks, so count from its closing parenthesis.
        let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        guard fields.count > 13, let user = Int(fields[12]), let system = Int(fields[13]) else {
            throw TestFailure("cannot read the processor time: \(text)", at: location)
        }
        return .seconds(1) * (user + system) / sysconf(Int32(_SC_CLK_TCK))
    }

    /// Which share of one core it uses over `window`: there is nothing to wait for but the window's end.
    func processorShare(
        over window: Duration, at location: SourceLocation = #_sourceLocation
    ) throws -> Double {
        let start = ContinuousClock.now
        let before = try processorTime(at: location)
        try remains("\(name) runs", for: window, details: { summary }, at: location) { isRunning }
        return try (processorTime(at: location) - before) / (ContinuousClock.now - start)
    }

    /// Its threads by name, and how often each has gone to sleep: a loop does after whatever it was woken for.
    func threads(at location: SourceLocation = #_sourceLocation) throws -> [String: Int] {
        let folder = "/proc/\(pid)/task"
        let counts = try FileManager.default.contentsOfDirectory(atPath: folder).map { thread in
            let text = try String(contentsOfFile: "\(folder)/\(thread)/status", encoding: .utf8)
            let fields = text.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
            let value = { (key: String) in fields.first { $0.first == key }?.last }
            return (value("Name:") ?? thread, Int(value("voluntary_ctxt_switches:") ?? "") ?? 0)
        }
        return Dictionary(counts, uniquingKeysWith: +)
    }

    /// Bytes of memory it occupies.
    func residentMemory(at location: SourceLocation = #_sourceLocation) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8)
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else {
            throw TestFailure("cannot read the memory: \(text)", at: location)
        }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }

    /// What its descriptors stand for, as the kernel names it: `socket:[4711]`, `pipe:[4712]`. One that is closed while
    /// they are listed is left out. It may have inherited some from whoever runs the tests.
    func descriptors() throws -> [String] {
        let folder = "/proc/\(pid)/fd"
        return try FileManager.default.contentsOfDirectory(atPath: folder).compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
        }
    }

    /// How many sockets it holds.
    func socketCount() throws -> Int {
        try descriptors().count { $0.hasPrefix("socket:") }
    }

    /// The pipes that it reads from and writes to: those that it splices through, not its standard streams; and those
    /// that it has inherited from whoever runs the tests, in whose process other tests have pipes that are not closed
    /// on exec (Foundation's are not).
    func pipes() throws -> Set<String> {
        let folder = "/proc/\(pid)/fd"
        var ends: [String: Set<Bool>] = [:]
        for number in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let path = "\(folder)/\(number)"
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else { continue }
            // The link's own permissions tell how the descriptor was opened, see proc_pid_fd(5).
            var status = stat()
            guard target.hasPrefix("pipe:"), unsafe lstat(path, &status) == 0 else { continue }
            ends[target, default: []].insert(status.st_mode & S_IWUSR != 0)
        }
        return Set(ends.filter { $0.value.count == 2 }.keys)
    }
}
