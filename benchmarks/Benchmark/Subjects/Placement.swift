import Glibc

/// The cores of the subject, and those of the load generator and the origin.
public struct Placement: Equatable, Sendable {
    /// The subject's cores.
    public var subject: [Int]
    /// The core of the generator and the origin.
    public var generator: [Int]
    /// The core of what reads downloads beside the work; nil when the generator has to read them.
    public var reader: Int?
    /// True when there are too few cores, so that both sides use all of them.
    public var isShared: Bool

    /// Gives the subject the first `threads` cores, the generator the next one, and the reader the one after that.
    public init(cores: [Int], threads: Int) {
        isShared = cores.count <= threads
        subject = isShared ? cores : Array(cores.prefix(threads))
        generator = isShared ? cores : [cores[threads]]
        reader = cores.count > threads + 1 && Programs.find("taskset") != nil ? cores[threads + 1] : nil
    }

    /// The placement as a line for the operator.
    var description: String {
        func text(_ cores: [Int]) -> String { cores.map(String.init).joined(separator: ", ") }
        if Programs.find("taskset") == nil { return "cores are not assigned: taskset(1) of util-linux is missing" }
        let own = reader.map { ", reader of downloads beside exchanges on core \($0)" } ?? ""
        return "subject on core \(text(subject)), generator and origin on core \(text(generator))\(own)"
    }

    /// The cores that this process may use.
    static func cores() -> [Int] {
        let status = Proc.text("/proc/self/status") ?? ""
        for line in status.split(separator: "\n") where line.hasPrefix("Cpus_allowed_list:") {
            return list(String(line.dropFirst("Cpus_allowed_list:".count)))
        }
        return [0]
    }

    /// Reads a list such as `0-2,5`.
    static func list(_ text: String) -> [Int] {
        text.split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0.filter(\.isNumber)) }
            guard let first = ends.first, let last = ends.last, first <= last else { return [] }
            return Array(first...min(last, first + 4095))
        }
    }

    /// The arguments to put before a command so that it runs on `cores`, as far as taskset(1) exists.
    ///
    /// setpriv(1), if it exists, makes the kernel end the command when the coordinator is killed. Both programs call
    /// execve(2), so the started process becomes the command itself.
    static func prefix(_ cores: [Int]) -> [String] {
        var arguments: [String] = []
        if let program = Programs.find("setpriv") { arguments += [program, "--pdeathsig", "TERM"] }
        if let program = Programs.find("taskset") {
            arguments += [program, "-c", cores.map(String.init).joined(separator: ",")]
        }
        return arguments
    }
}
