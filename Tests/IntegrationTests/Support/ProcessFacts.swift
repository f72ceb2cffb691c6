import Foundation
import Glibc
import Testing

/// Facts about a running program from the kernel.
extension RunningProgram {
    /// The processor time that the program has used since it started.
    func processorTime(at location: SourceLocation = #_sourceLocation) throws -> Duration {
        // `pid (name) state ppid ...`: the name may contain blanks, so fields are counted from its closing parenthesis.
        let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        guard fields.count > 13, let user = Int(fields[12]), let system = Int(fields[13]) else {
            throw TestFailure("cannot read the processor time: \(text)", at: location)
        }
        return .seconds(1) * (user + system) / sysconf(Int32(_SC_CLK_TCK))
    }

    /// The share of one core that the program uses during `window`. Waits for the whole window.
    func processorShare(
        over window: Duration, at location: SourceLocation = #_sourceLocation
    ) throws -> Double {
        let start = ContinuousClock.now
        let before = try processorTime(at: location)
        try remains("\(name) runs", for: window, details: { summary }, at: location) { isRunning }
        return try (processorTime(at: location) - before) / (ContinuousClock.now - start)
    }

    /// The program's threads by name, with the number of times each has gone to sleep: a loop sleeps after each
    /// wake-up.
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

    /// The children of the program's first thread, zombies among them.
    func children() throws -> [pid_t] {
        try String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
            .split(separator: " ").compactMap { pid_t($0) }
    }

    /// The program's resident memory in bytes.
    func residentMemory(at location: SourceLocation = #_sourceLocation) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8)
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else {
            throw TestFailure("cannot read the memory: \(text)", at: location)
        }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }

    /// The targets of the program's descriptors in the kernel's notation: `socket:[4711]`, `pipe:[4712]`. Leaves out a
    /// descriptor that is closed during the listing. Some may be inherited from the process that runs the tests.
    func descriptors() throws -> [String] {
        let folder = "/proc/\(pid)/fd"
        return try FileManager.default.contentsOfDirectory(atPath: folder).compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
        }
    }

    /// How many folders and files the program watches: proc_pid_fdinfo(5).
    func inotifyWatches() throws -> Int {
        let folder = "/proc/\(pid)/fdinfo"
        return try FileManager.default.contentsOfDirectory(atPath: folder).reduce(0) { count, number in
            // One that is closed meanwhile is none.
            let text = (try? String(contentsOfFile: "\(folder)/\(number)", encoding: .utf8)) ?? ""
            return count + text.split(separator: "\n").count { $0.hasPrefix("inotify ") }
        }
    }

    /// The number of sockets that the program has open.
    func socketCount() throws -> Int {
        try descriptors().count { $0.hasPrefix("socket:") }
    }

    /// The pipes of which the program has both ends: those that it splices through, not its standard streams, and those
    /// inherited from the process that runs the tests, in which other tests have pipes without the close-on-exec flag
    /// (such as Foundation's).
    func pipes() throws -> Set<String> {
        let folder = "/proc/\(pid)/fd"
        var ends: [String: Set<Bool>] = [:]
        for number in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let path = "\(folder)/\(number)"
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else { continue }
            // The permissions of the link show how the descriptor was opened, see proc_pid_fd(5).
            var status = stat()
            guard target.hasPrefix("pipe:"), unsafe lstat(path, &status) == 0 else { continue }
            ends[target, default: []].insert(status.st_mode & S_IWUSR != 0)
        }
        return Set(ends.filter { $0.value.count == 2 }.keys)
    }
}
