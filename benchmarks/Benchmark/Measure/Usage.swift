/// Processor time and context switches of processes.
public struct Usage: Codable, Equatable, Sendable {
    /// The processor time of all threads in nanoseconds.
    public var nanoseconds: UInt64 = 0
    /// Context switches of all threads, voluntary or not.
    public var switches: UInt64 = 0

    /// The usage from `earlier` to `later`. Never negative, although the figures of a thread are lost when it ends.
    static func - (later: Usage, earlier: Usage) -> Usage {
        Usage(
            nanoseconds: later.nanoseconds - min(earlier.nanoseconds, later.nanoseconds),
            switches: later.switches - min(earlier.switches, later.switches))
    }
}

/// A set of observed processes: the roots and all their descendants.
struct Watch {
    /// The processes that existed when the observation began.
    let processes: [Int32]

    init(_ roots: [Int32]) {
        processes = Proc.tree(roots)
    }

    /// The usage of all threads since they began. From /proc/PID/task/TID/schedstat, which counts nanoseconds; times in
    /// /proc/PID/stat are sampled every 10 ms or so. Source: the kernel's Documentation/scheduler/sched-stats.rst.
    func usage() -> Usage {
        var usage = Usage()
        for process in processes {
            for thread in Proc.names(in: "/proc/\(process)/task") {
                let path = "/proc/\(process)/task/\(thread)"
                if let first = Proc.text("\(path)/schedstat")?.split(separator: " ").first {
                    usage.nanoseconds += UInt64(first) ?? 0
                }
                let status = Proc.text("\(path)/status") ?? ""
                usage.switches += UInt64(Proc.number(after: "voluntary_ctxt_switches", in: status) ?? 0)
                usage.switches += UInt64(Proc.number(after: "nonvoluntary_ctxt_switches", in: status) ?? 0)
            }
        }
        return usage
    }

    /// The memory of the processes in bytes, with shared pages divided among their users (Pss).
    func memory() -> Int {
        processes.reduce(0) { sum, process in
            let text = Proc.text("/proc/\(process)/smaps_rollup") ?? ""
            return sum + 1024 * (Proc.number(after: "Pss", in: text) ?? 0)
        }
    }
}

/// Figures of the whole machine.
enum WholeMachine {
    /// The time that the cores were busy, in nanoseconds; the resolution is 10 ms.
    static func busyNanoseconds() -> UInt64 {
        guard let line = Proc.text("/proc/stat")?.split(separator: "\n").first else { return 0 }
        let ticks = line.split(separator: " ").dropFirst().map { UInt64($0) ?? 0 }
        guard ticks.count >= 8 else { return 0 }
        // user, nice, system, irq and softirq, without idle, iowait and steal.
        return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * 10_000_000
    }

    /// The memory of the kernel's slabs and TCP buffers in bytes.
    static func kernelMemory() -> Int {
        let slab = Proc.number(after: "Slab", in: Proc.text("/proc/meminfo") ?? "") ?? 0
        return 1024 * slab + socketPages(Proc.text("/proc/net/sockstat") ?? "") * 4096
    }

    /// True when TCP's memory is beyond the middle of its three limits, at which the kernel begins to save (tcp(7)).
    static var isShortOfSocketMemory: Bool {
        let limits = (Proc.text("/proc/sys/net/ipv4/tcp_mem") ?? "").split(whereSeparator: \.isWhitespace)
        guard limits.count == 3, let pressure = Int(limits[1]) else { return false }
        return socketPages(Proc.text("/proc/net/sockstat") ?? "") > pressure
    }

    /// The number of pages after `mem` in TCP's line: `TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 1`.
    static func socketPages(_ text: String) -> Int {
        for line in text.split(separator: "\n") where line.hasPrefix("TCP:") {
            let words = line.split(separator: " ")
            guard let place = words.firstIndex(of: "mem"), place + 1 < words.count else { return 0 }
            return Int(words[place + 1]) ?? 0
        }
        return 0
    }
}
