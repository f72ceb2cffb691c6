import Glibc
import NIOCore

/// The users of Unix sockets' clients, by name.
///
/// Names are read from /etc/passwd itself. getpwuid_r would ask whatever the system is configured to ask, over the
/// network if need be, and cannot be linked statically.
final class UserNames {
    /// What is said of each user, also of those without a name: a file of a megabyte is not read for each of their
    /// connections. A name that is given to a number later is not seen.
    private var users: [uid_t: String] = [:]

    /// More of /etc/passwd is not read, in bytes.
    private static let fileBytesMax = 1 << 20
    /// So many users are remembered.
    private static let usersMax = 256

    /// What SO_PEERCRED tells: `struct ucred`.
    private struct Credentials {
        var pid: pid_t = 0
        var uid: uid_t = 0
        var gid: gid_t = 0
    }

    /// `user alice`, or `uid 1000` where it has no name; `unknown user` where the system does not tell.
    func user(of channel: any Channel) -> String {
        let uid = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { Self.uid(of: $0) }
        guard let uid = uid ?? nil else { return "unknown user" }
        if let user = users[uid] { return user }
        // Without a descriptor for it now, it is read again at the next connection.
        guard let file = Self.readFile() else { return "uid \(uid)" }
        let user = Self.name(of: uid, in: file).map { "user \($0)" } ?? "uid \(uid)"
        if users.count >= Self.usersMax { users = [:] }
        users[uid] = user
        return user
    }

    private static func uid(of descriptor: CInt) -> uid_t? {
        var credentials = Credentials()
        var length = socklen_t(MemoryLayout<Credentials>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 else { return nil }
        return credentials.uid
    }

    /// The name in the lines `NAME:x:UID:...`; nil where none has the number.
    static func name(of uid: uid_t, in file: [UInt8]) -> String? {
        for line in file.split(separator: UInt8(ascii: "\n")) {
            let parts = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard parts.count >= 3, !parts[0].isEmpty, uid_t(String(decoding: parts[2], as: UTF8.self)) == uid else {
                continue
            }
            return String(decoding: parts[0], as: UTF8.self)
        }
        return nil
    }

    private static func readFile() -> [UInt8]? {
        let descriptor = unsafe open("/etc/passwd", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { _ = close(descriptor) }
        return unsafe Array(unsafeUninitializedCapacity: fileBytesMax) { buffer, count in
            while count < fileBytesMax {
                let read = unsafe Glibc.read(descriptor, buffer.baseAddress?.advanced(by: count), fileBytesMax - count)
                guard read > 0 else { break }
                count += read
            }
        }
    }
}
