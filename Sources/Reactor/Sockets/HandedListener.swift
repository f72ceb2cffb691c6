import CEpoll
import Glibc

/// A listening Unix socket for another event loop than ours: its descriptor is handed over, its path stays here.
public struct HandedListener: ~Copyable {
    /// The socket; whoever takes it closes it. Nil where there is none.
    public let descriptor: CInt?
    private let file: SocketFile?

    /// No socket.
    public static var none: HandedListener { HandedListener() }

    private init() {
        descriptor = nil
        file = nil
    }

    /// Listens at `path`, which only this user may open: not left to the umask, which belongs to whoever starts the process. A
    /// socket that is there is replaced; whether a process that is to stay listens there is for the caller to find out.
    public init(at path: String) throws(SystemCallError) {
        let subject = "unix:\(path)"
        guard let address = SocketFile.temporaryAddress(for: path) else {
            throw SystemCallError(call: "bind", subject: subject, errno: .nameTooLong)
        }
        do throws(SystemCallError) {
            let number = try check(kernel.socket(domain: AF_UNIX), "socket")
            let listener = FileDescriptor(owning: number)
            try check(kernel.bind(number, to: address), "bind")
            try check(kernel.setMode(ofPath: address.host, 0o600), "chmod")
            try check(kernel.listen(number, backlog: CInt(Self.backlog)), "listen")
            file = try SocketFile(moving: address, to: path)
            descriptor = listener.release()
        } catch {
            SocketFile.discard(address)
            // Not the temporary path, which means nothing to the operator.
            throw SystemCallError(call: error.call, subject: subject, errno: error.errno)
        }
    }

    /// Listens at a socket that the service manager made.
    public init(sharing socket: InheritedSocket) throws(SystemCallError) {
        descriptor = try check(LinuxKernel.duplicate(socket.descriptor), "fcntl", socket.address.description)
        file = nil
    }

    /// How many peers the kernel keeps until they are accepted.
    private static let backlog = 128
}
