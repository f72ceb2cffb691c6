import CEpoll
import Glibc

/// What this process uses of the machine.
public struct ProcessUse: Hashable, Sendable {
    /// Processor time of all threads, user and system: getrusage(2).
    public var processorSeconds: Double
    /// Memory that is resident: the second number of /proc/self/statm.
    public var residentBytes: UInt64
    /// Open descriptors.
    public var descriptors: Int

    /// As it is now; what cannot be read is 0.
    public static func now() -> ProcessUse {
        var usage = rusage()
        unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let seconds = [usage.ru_utime, usage.ru_stime].reduce(0.0) { sum, time in
            sum + Double(time.tv_sec) + Double(time.tv_usec) / 1e6
        }
        let pages = SmallFile.text("/proc/self/statm").flatMap { text in
            text.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }
        }
        return ProcessUse(
            processorSeconds: seconds, residentBytes: (pages ?? 0) * UInt64(ByteBuffer.pageBytes),
            descriptors: openDescriptors())
    }

    /// Since Linux 6.2 the size of /proc/self/fd is the number of its entries (proc_pid_fd(5)); before, they are counted.
    private static func openDescriptors() -> Int {
        if let status = LinuxKernel.status(ofPath: "/proc/self/fd"), status.st_size > 0 { return Int(status.st_size) }
        guard let directory = unsafe opendir("/proc/self/fd") else { return 0 }
        defer { unsafe closedir(directory) }
        // The directory's own descriptor, "." and ".." are no others'.
        var count = -3
        while unsafe readdir(directory) != nil { count += 1 }
        return max(0, count)
    }
}
