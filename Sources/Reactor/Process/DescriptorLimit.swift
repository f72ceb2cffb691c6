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

    /// Used when the limit cannot be read. POSIX guarantees 20; Linux has never granted fewer than this by default.
    private static let fallback = 1024
}
