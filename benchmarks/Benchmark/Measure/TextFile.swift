import Glibc
import Reactor

/// Reads and writes whole text files.
public enum TextFile {
    /// The text of a file, at most 64 MiB of it; nil when it cannot be read.
    public static func read(_ path: String) -> String? { Proc.text(path) }

    /// True when a file can be written at this path. An existing file is not changed, and no new file is left behind.
    public static func isWritable(_ path: String) -> Bool {
        let wasThere = unsafe access(path, F_OK) == 0
        let number = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard number >= 0 else { return false }
        close(number)
        if !wasThere { unsafe unlink(path) }
        return true
    }

    /// Writes a file, replacing an existing one.
    public static func write(_ text: String, to path: String) throws(SystemCallError) {
        let number = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard number >= 0 else { throw SystemCallError(call: "open", subject: path, errno: Errno(rawValue: errno)) }
        defer { close(number) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
            guard count > 0 else { throw SystemCallError(call: "write", subject: path, errno: Errno(rawValue: errno)) }
            rest = rest.dropFirst(count)
        }
    }
}
