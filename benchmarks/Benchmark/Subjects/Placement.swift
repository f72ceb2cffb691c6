import Glibc

/// Which cores the subject runs on, and which the load generator and the origin.
public struct Placement: Equatable, Sendable {
    /// The subject's cores.
    public var subject: [Int]
    /// The core of the generator and the origin.
    public var generator: [Int]
    /// Too few cores: both have all of them.
    public var isShared: Bool

    /// Gives the subject `threads` of the cores and the generator the next.
    public init(cores: [Int], threads: Int) {
        isShared = cores.count <= threads
        subject = isShared ? cores : Array(cores.prefix(threads))
        generator = isShared ? cores : [cores[threads]]
    }

    /// For people.
    var description: String {
        func text(_ cores: [Int]) -> String { cores.map(String.init).joined(separator: ", ") }
        if Programs.find("taskset") == nil { return "cores are not assigned: taskset(1) of util-linux is missing" }
        return "subject on core \(text(subject)), generator and origin on core \(text(generator))"
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

    /// The words to put before a command so that it runs on `cores`; none when taskset(1) is missing.
    ///
    /// setpriv(1), where there is one, has the kernel end the command should the coordinator be killed. Both end in
    /// execve(2): the process is the command's own.
    static func prefix(_ cores: [Int]) -> [String] {
        var words: [String] = []
        if let program = Programs.find("setpriv") { words += [program, "--pdeathsig", "TERM"] }
        if let program = Programs.find("taskset") {
            words += [program, "-c", cores.map(String.init).joined(separator: ",")]
        }
        return words
    }
}
