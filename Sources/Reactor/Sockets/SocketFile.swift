import CEpoll
import Glibc

/// The path of a Unix socket in the file system, which is removed when the value ends.
public struct SocketFile: ~Copyable {
    private let path: String
    private let identity: FileIdentity?

    private struct FileIdentity: Equatable {
        let device: UInt64
        let inode: UInt64

        init?(_ path: String) {
            guard let status = LinuxKernel.status(ofPath: path) else { return nil }
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
        }
    }

    /// The longest path: for a moment the process's number, at most ten digits, is appended to it.
    public static let pathBytesMax = SocketAddress.unixPathBytesMax - 11

    /// Where to bind the socket before it is moved to `path`: in the same directory, so that one rename puts it in
    /// place. A socket left there by a process that was killed, or by one that is still ending, is replaced; whether a
    /// process that is to stay listens there is for the caller to find out. nil when the path is empty, abstract or too
    /// long.
    public static func temporaryAddress(for path: String) -> SocketAddress? {
        let temporary = "\(path).\(getpid())"
        guard !path.isEmpty, !path.hasPrefix("@"), path.utf8.count <= pathBytesMax,
            let address = SocketAddress(unixPath: temporary)
        else { return nil }
        // A process with this number may have been killed before it could move its own.
        if isSocket(temporary) { _ = LinuxKernel.unlink(temporary) }
        return address
    }

    /// Moves a bound socket to its path. A socket that is there is replaced; anything else is kept, and the call fails
    /// with EEXIST.
    public init(moving socket: SocketAddress, to path: String) throws(SystemCallError) {
        // Before the move: afterwards another process may have taken the path over.
        identity = FileIdentity(socket.host)
        let isTaken = LinuxKernel.status(ofPath: path) != nil && !Self.isSocket(path)
        let result = isTaken ? -EEXIST : LinuxKernel.rename(socket.host, to: path)
        if result < 0 {
            _ = LinuxKernel.unlink(socket.host)
            throw SystemCallError(call: "rename", subject: path, errno: Errno(rawValue: -result))
        }
        self.path = path
    }

    /// Changes the permissions and the owner of a socket at its path; what is nil stays.
    public static func change(
        _ path: String, mode: mode_t?, owner: uid_t?, group: gid_t?
    ) throws(SystemCallError) {
        let subject = "unix:\(path)"
        // Another user may have put a link there, which leads elsewhere.
        guard isSocket(path) else {
            throw SystemCallError(call: "chmod", subject: subject, errno: Errno(rawValue: ENOTSOCK))
        }
        if let mode { try check(kernel.setMode(ofPath: path, mode), "chmod", subject) }
        if owner != nil || group != nil {
            try check(kernel.setOwner(ofPath: path, owner, group: group), "chown", subject)
        }
    }

    /// Removes a socket that will not be moved.
    public static func discard(_ temporary: SocketAddress) { _ = LinuxKernel.unlink(temporary.host) }

    /// True when a process listens at the path. A socket that nobody listens at was left behind by one that was killed.
    public static func isInUse(_ path: String) -> Bool {
        guard isSocket(path), let address = SocketAddress(unixPath: path) else { return false }
        // Without a descriptor to ask with, it may well be.
        guard let stream = try? Stream(for: address, from: nil) else { return true }
        // Any other error, such as EACCES or EAGAIN, does not mean that nobody listens.
        return switch stream.connect(to: address) {
        case .failed(.connectionRefused), .failed(.notFound): false
        case .connected, .inProgress, .failed: true
        }
    }

    /// True when there is a socket at the path.
    public static func isSocket(_ path: String) -> Bool {
        LinuxKernel.status(ofPath: path).map { $0.st_mode & S_IFMT == S_IFSOCK } ?? false
    }

    /// Removes the path, unless another process has put its own socket there meanwhile.
    deinit {
        if let identity, FileIdentity(path) == identity { _ = LinuxKernel.unlink(path) }
    }
}
