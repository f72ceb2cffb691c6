import Glibc
import Reactor

/// What distinguishes a version of a file from the one before.
public struct FileStamp: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    private let bytes: Int64
    /// In nanoseconds since 1970, by the clock of the file system. The change of the inode as well: tools such as
    /// rsync(1) set the other time back.
    private let modified: Int64
    private let changed: Int64

    /// The stamp of the file behind all symbolic links; nil when there is none, or it cannot be asked for.
    public init?(_ path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        bytes = Int64(status.st_size)
        modified = Self.nanoseconds(status.st_mtim)
        changed = Self.nanoseconds(status.st_ctim)
    }

    /// True when a version differs by its permissions or its number of names at most.
    public func hasSameContent(as other: FileStamp) -> Bool {
        device == other.device && inode == other.inode && bytes == other.bytes && modified == other.modified
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        let (whole, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : whole &+ Int64(time.tv_nsec)
    }

    /// True when the file was written less than `time` before now, by this machine's clock: more may follow, and the
    /// file system may not tell two writes apart. A time to come says nothing.
    public func isYounger(than time: Duration) -> Bool {
        var now = timespec()
        guard unsafe clock_gettime(CLOCK_REALTIME, &now) == 0 else { return false }
        let (age, overflow) = Self.nanoseconds(now).subtractingReportingOverflow(modified)
        return !overflow && age >= 0 && age < Int64(clamping: time.wholeNanoseconds)
    }
}
