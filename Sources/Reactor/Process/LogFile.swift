import CEpoll
import Glibc

/// A file that lines are appended to, and that can be opened anew after it was renamed (logrotate).
///
/// The descriptor's number never changes: ``reopen()`` puts the new file in its place in one step, so that a thread that is
/// writing needs no lock. It stays open for as long as anybody has the value.
public final class LogFile: Sendable {
    /// Where it is.
    public let path: String
    /// The number of the descriptor.
    let number: CInt
    private let kind: mode_t

    /// The permissions of a file that is made, less the umask: its group may read it, others may not.
    public static let mode: mode_t = 0o640

    /// Opens the file, and makes it if it is not there.
    public init(_ path: String) throws(SystemCallError) {
        let number = try check(LinuxKernel.openLog(path, mode: Self.mode), "open", "file:\(path)")
        self.path = path
        self.number = number
        kind = LinuxKernel().status(number).map { $0.st_mode & S_IFMT } ?? 0
    }

    deinit { LinuxKernel().close(number) }

    /// Opens the path anew. On an error lines go on to the file that was open before. Only for regular files: a pipe or a
    /// device cannot have been renamed, and the call then does nothing.
    func reopen() -> Errno? {
        guard kind == S_IFREG else { return nil }
        let new = LinuxKernel.openLog(path, mode: Self.mode)
        guard new >= 0 else { return Errno(rawValue: -new) }
        defer { LinuxKernel().close(new) }
        // Whoever writes has chosen how by the kind of the first.
        guard let status = LinuxKernel().status(new), status.st_mode & S_IFMT == kind else {
            return Errno(rawValue: EINVAL)
        }
        let result = LinuxKernel.replace(number, by: new)
        return result < 0 ? Errno(rawValue: -result) : nil
    }

    /// Removes the last bytes of a regular file, the begin of a line whose rest the disk does not take: whoever reads lines
    /// meets whole ones only. False when it has another size than this one, since somebody else writes to it or has emptied it.
    func takeBack(_ bytes: Int, ofSize size: Int64) -> Bool {
        guard kind == S_IFREG, let status = LinuxKernel().status(number), Int64(status.st_size) == size,
            Int64(bytes) <= size
        else { return false }
        return ftruncate(number, off_t(size - Int64(bytes))) == 0
    }
}
