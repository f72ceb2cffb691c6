import FoundationEssentials
import Glibc

/// Facts about the machine that a reader needs to judge the figures.
enum Machine {
    static var processor: String {
        let lines = (Proc.text("/proc/cpuinfo") ?? "").split(separator: "\n")
        let line = lines.first { $0.hasPrefix("model name") || $0.hasPrefix("CPU part") }
        guard let value = line?.split(separator: ":").last else { return "unknown" }
        return String(value.drop { $0 == " " })
    }

    static var memoryBytes: Int {
        1024 * (Proc.number(after: "MemTotal", in: Proc.text("/proc/meminfo") ?? "") ?? 0)
    }

    static var kernel: String { word(in: "/proc/sys/kernel/osrelease") }
    static var congestionControl: String { word(in: "/proc/sys/net/ipv4/tcp_congestion_control") }

    /// Machine and kernel in one line.
    static var line: String { "\(processor), Linux \(kernel), congestion control \(congestionControl)" }

    /// The current time, ISO 8601, in UTC.
    static func date() -> String { Date().formatted(.iso8601) }

    /// The commit that is checked out in the working directory, with `+` if files differ from it; empty when there is
    /// none.
    static func commit(in directory: TemporaryDirectory) -> String {
        guard let git = Programs.find("git"),
            let hash = Programs.output([git, "rev-parse", "--short", "HEAD"], in: directory)
        else { return "" }
        let changes = Programs.output([git, "status", "--porcelain", "--untracked-files=no"], in: directory) ?? ""
        return hash.filter { !$0.isNewline } + (changes.isEmpty ? "" : "+")
    }

    private static func word(in path: String) -> String {
        (Proc.text(path) ?? "unknown").filter { !$0.isNewline }
    }
}
