import CEpoll
import Glibc

/// A descriptor of the process, standard output or standard error, that can be written to without ever waiting for
/// its reader.
///
/// O_NONBLOCK belongs to the open file, which is shared with whoever started us: a shell would find its terminal
/// non-blocking. So a pipe or a terminal is opened once more, through /proc, for ourselves alone; a socket is written
/// to with MSG_DONTWAIT; a regular file never waits. Where /proc does not let us (another user's pipe), poll(2) is
/// asked before each piece of at most PIPE_BUF bytes, which a pipe that is ready takes whole. Source: pipe(7).
public struct OutputStream: ~Copyable {
    private enum Kind {
        case file
        case socket
        case reopened
        case polled
    }

    private let number: CInt
    private let kind: Kind
    private let own: FileDescriptor
    private let identity: Identity?

    /// What tells two open files apart.
    private struct Identity: Equatable {
        var device: dev_t
        var inode: ino_t
        var special: dev_t
    }

    /// Takes descriptor `number` of the process, which stays open.
    public init(number: CInt) {
        self.number = number
        guard let status = kernel.status(number) else {
            kind = .file
            own = .empty
            identity = nil
            return
        }
        identity = Identity(device: status.st_dev, inode: status.st_ino, special: status.st_rdev)
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            kind = .file
            own = .empty
        case S_IFSOCK:
            kind = .socket
            own = .empty
        default:
            let reopened = kernel.open("/proc/self/fd/\(number)", flags: O_WRONLY | O_NONBLOCK | O_NOCTTY)
            kind = reopened >= 0 ? .reopened : .polled
            own = FileDescriptor(owning: max(-1, reopened))
        }
    }

    /// True when both lead to the same pipe, terminal or file, so that lines for both can share one buffer and keep
    /// their order.
    public func isSame(as other: borrowing OutputStream) -> Bool {
        identity != nil && identity == other.identity
    }

    /// Asks the poller for an event whenever there is room again. A regular file needs none.
    public func add(to poller: borrowing Poller, _ token: Token) {
        switch kind {
        case .file: break
        case .socket, .polled: _ = poller.add(number: number, token, .room)
        case .reopened: _ = poller.add(own, token, .room)
        }
    }

    /// Writes what the reader takes now.
    public func write(_ bytes: UnsafeRawBufferPointer) -> SendResult {
        while true {
            let result: Int
            switch kind {
            case .file:
                result = unsafe kernel.write(number, bytes)
            case .socket:
                result = unsafe kernel.send(number, bytes)
            case .reopened:
                result = unsafe kernel.write(own.rawValue, bytes)
            case .polled:
                guard kernel.waitWritable(number, milliseconds: 0) else { return .wouldBlock }
                result = unsafe kernel.write(number, UnsafeRawBufferPointer(rebasing: bytes.prefix(Int(PIPE_BUF))))
            }
            if result >= 0 { return .bytes(result) }
            let errno = Errno(rawValue: CInt(-result))
            if errno.isWouldBlock { return .wouldBlock }
            if !errno.isInterruption { return .failed(errno) }
        }
    }

    /// Waits a moment until a write would not wait, for room or for an error: for the last words of a process that
    /// ends.
    public func waitForRoom(milliseconds: CInt) -> Bool {
        kernel.waitWritable(own.isOpen ? own.rawValue : number, milliseconds: milliseconds)
    }
}
