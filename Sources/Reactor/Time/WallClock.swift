import Glibc

/// The time of day, for lines that people and other programs read. Nothing is timed by it: it jumps when it is set.
public struct WallClock: Sendable {
    private let fixed: UInt64?

    /// CLOCK_REALTIME: read through the vDSO, without a system call.
    public static let system = WallClock(fixed: nil)

    /// A clock that always shows the same, for tests.
    public static func fixed(nanoseconds: UInt64) -> WallClock { WallClock(fixed: nanoseconds) }

    /// Nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX); the last moment is in the year 2554.
    public func nanoseconds() -> UInt64 { fixed ?? LinuxKernel.realNanoseconds() }
}

/// A moment as a clock on the wall of this machine shows it, for syslog(3), whose times are local and have no year.
public struct LocalTime: Hashable, Sendable {
    /// 1 to 12.
    public let month: Int
    /// 1 to 31.
    public let day: Int
    /// 0 to 23.
    public let hour: Int
    /// 0 to 59.
    public let minute: Int
    /// 0 to 60.
    public let second: Int

    /// The local time of so many seconds since 1970. The C library reads the time zone at the first call, and keeps it.
    public init(seconds: UInt64) {
        var time = time_t(clamping: seconds)
        var parts = unsafe tm()
        _ = unsafe localtime_r(&time, &parts)
        month = unsafe Int(parts.tm_mon) + 1
        day = unsafe Int(parts.tm_mday)
        hour = unsafe Int(parts.tm_hour)
        minute = unsafe Int(parts.tm_min)
        second = unsafe Int(parts.tm_sec)
    }
}
