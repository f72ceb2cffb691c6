import CEpoll
import Glibc

/// The path that a Unix socket is found by; taken away again when it ends.
public struct SocketFile: ~Copyable {
    private let path: String
    private let identity: Identity?

    private struct Identity: Equatable {
        let device: UInt64
        let inode: UInt64

        init?(_ path: String) {
            guard let status = LinuxKernel.status(ofPath: path) else { return nil }
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
        }
    }

    /// The longest path: a process's number, at most ten digits, is put behind it for a moment.
    public static let pathBytesMax = SocketAddress.unixPathBytesMax - 11

    /// Where to bind the socket before it is moved to `path`: beside it, so that it takes its place from one moment to
    /// the next. What a process that was killed has left there is no hindrance then, nor is one that is still ending;
    /// whether one lives there that is to stay is the caller's to find out.
    /// nil when it is empty, abstract or too long.
    public static func temporaryAddress(for path: String) -> SocketAddress? {
        let temporary = "\(path).\(getpid())"
        guard !path.isEmpty, !path.hasPrefix("@"), path.utf8.count <= pathBytesMax,
            let address = SocketAddress(unixPath: temporary)
        else { return nil }
        // A process with this number may have been killed before it could move its own.
        if isSocket(temporary) { _ = LinuxKernel.unlink(temporary) }
        return address
    }

    /// Moves a bound socket to its path. Another socket there is replaced; anything else is somebody's, and left alone:
    /// EEXIST.
    public init(moving socket: SocketAddress, to path: String) throws(SystemCallError) {
        // Before the move: afterwards another process may have taken the path over.
        identity = Identity(socket.host)
        let isTaken = LinuxKernel.status(ofPath: path) != nil && !Self.isSocket(path)
        let result = isTaken ? -EEXIST : LinuxKernel.rename(socket.host, to: path)
        if result < 0 {
            _ = LinuxKernel.unlink(socket.host)
            throw SystemCallError(call: "rename", subject: path, errno: Errno(rawValue: -result))
        }
        self.path = path
    }

    private static func isSocket(_ path: String) -> Bool {
        LinuxKernel.status(ofPath: path).map { $0.st_mode & S_IFMT == S_IFSOCK } ?? false
    }

    /// The path is left to another process that has taken it over.
    deinit {
        if let identity, Identity(path) == identity { _ = LinuxKernel.unlink(path) }
    }
}
