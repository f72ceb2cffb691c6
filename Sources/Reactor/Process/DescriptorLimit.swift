import CEpoll
import Glibc

/// RLIMIT_NOFILE: how many descriptors this process may have.
public enum DescriptorLimit {
    /// Raises the soft limit to the hard one and returns what is then in force.
    ///
    /// The soft limit is 1,024 on most systems for the sake of select(2), which is not used here.
    public static func raise() -> Int {
        var limit = rlimit()
        guard LinuxKernel.descriptorLimit(&limit) == 0 else { return fallback }
        if limit.rlim_cur < limit.rlim_max {
            let raised = rlimit(rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max)
            if LinuxKernel.setDescriptorLimit(raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// How many descriptors this process may have now.
    public static var present: Int {
        var limit = rlimit()
        return LinuxKernel.descriptorLimit(&limit) == 0 ? Int(clamping: limit.rlim_cur) : fallback
    }

    /// Has the kernel make its table of descriptors large enough for `count` of them, at most ``tableMax``; before the process
    /// has a second thread.
    ///
    /// The kernel doubles the table when a number does not fit, and in a process with several threads waits for all
    /// processors before it uses the new one (`expand_fdtable`: synchronize_rcu): the accept that meets it took 8 to 22 ms,
    /// measured at 256, 512 ... 8,192 descriptors.
    public static func makeTable(for count: Int) {
        let number = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, CInt(clamping: min(count, tableMax) - 1))
        if number >= 0 { close(number) }
    }

    /// 8 bytes each: 0.5 MiB. A larger table is made when it is needed.
    private static let tableMax = 65_536

    /// Used when the limit cannot be read. POSIX guarantees 20; Linux has never granted fewer than this by default.
    private static let fallback = 1024
}
