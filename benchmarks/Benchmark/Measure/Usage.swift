/// What processes have used of the processor.
public struct Usage: Codable, Equatable, Sendable {
    /// Time on a core, of all threads, in nanoseconds.
    public var nanoseconds: UInt64 = 0
    /// Context switches, voluntary or not, of all threads.
    public var switches: UInt64 = 0

    /// From `earlier` to `later`; never negative, though a thread that has ended takes its share along.
    static func - (later: Usage, earlier: Usage) -> Usage {
        Usage(
            nanoseconds: later.nanoseconds - min(earlier.nanoseconds, later.nanoseconds),
            switches: later.switches - min(earlier.switches, later.switches))
    }
}

/// Processes under observation: a root and all that stem from it.
struct Watch {
    /// The processes, as they were when the watch began.
    let processes: [Int32]

    init(_ roots: [Int32]) {
        processes = Proc.tree(roots)
    }

    /// What all threads have used since they began. From /proc/PID/task/TID/schedstat, which counts nanoseconds; times
    /// in /proc/PID/stat are sampled every 10 ms or so. Source: the kernel's Documentation/scheduler/sched-stats.rst.
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

    /// The memory of the processes in bytes, pages shared with others counted in part: Pss.
    func memory() -> Int {
        processes.reduce(0) { sum, process in
            let text = Proc.text("/proc/\(process)/smaps_rollup") ?? ""
            return sum + 1024 * (Proc.number(after: "Pss", in: text) ?? 0)
        }
    }
}

/// What the whole machine has used.
enum WholeMachine {
    /// Time that the cores were busy, in nanoseconds; steps of 10 ms.
    static func busyNanoseconds() -> UInt64 {
        guard let line = Proc.text("/proc/stat")?.split(separator: "\n").first else { return 0 }
        let ticks = line.split(separator: " ").dropFirst().map { UInt64($0) ?? 0 }
        guard ticks.count >= 8 else { return 0 }
        // user, nice, system, irq, softirq; without idle, iowait and what other guests took.
        return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * 10_000_000
    }

    /// Memory that the kernel holds in slabs and in buffers of TCP, in bytes.
    static func kernelMemory() -> Int {
        let slab = Proc.number(after: "Slab", in: Proc.text("/proc/meminfo") ?? "") ?? 0
        return 1024 * slab + socketPages(Proc.text("/proc/net/sockstat") ?? "") * 4096
    }

    /// The pages after `mem` in the line of TCP: `TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 1`.
    static func socketPages(_ text: String) -> Int {
        for line in text.split(separator: "\n") where line.hasPrefix("TCP:") {
            let words = line.split(separator: " ")
            guard let place = words.firstIndex(of: "mem"), place + 1 < words.count else { return 0 }
            return Int(words[place + 1]) ?? 0
        }
        return 0
    }
}
