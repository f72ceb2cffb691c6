import CEpoll
import Glibc

/// A descriptor of the process, standard output or standard error, that is written to without waiting for its reader.
///
/// O_NONBLOCK belongs to the open file, which is shared with the process that started this one: a shell would find its
/// terminal non-blocking. So a pipe or a terminal is opened once more, through /proc, for this process alone, and a
/// socket is written to with MSG_DONTWAIT. Where /proc refuses that (another user's pipe), poll(2) is asked before each
/// piece of at most PIPE_BUF bytes, which a pipe that is ready takes whole. Source: pipe(7).
///
/// **A write to a file waits for the disk.** Linux has no non-blocking write to one: O_NONBLOCK has no effect, and
/// poll(2) reports it as always ready (open(2), select(2)). As a rule write(2) copies to the page cache and returns at
/// once. It waits when the cache holds too many unwritten pages (`vm.dirty_ratio`), when the file system commits its
/// journal, or when a network file system does not answer. So ``LineLog`` writes to a file (``isDisk``) on a thread of
/// its own, a ``DiskWriter``.
public struct OutputStream: ~Copyable {
    private enum Destination {
        case file
        case socket
        case reopened
        case polled
        case syslog
    }

    /// The descriptor of the process.
    let number: CInt
    private let destination: Destination
    private let own: FileDescriptor
    /// The file that ``number`` belongs to; nil when that is a descriptor of the process.
    let file: LogFile?
    private let syslog: SyslogSocket?
    private let identity: StreamIdentity?
    /// A regular file or a block device: a write may wait for the disk, and may fail now and succeed later.
    let isDisk: Bool

    /// Two descriptors with the same values lead to the same file, pipe or terminal.
    private struct StreamIdentity: Equatable {
        var device: dev_t
        var inode: ino_t
        var special: dev_t
    }

    /// Takes descriptor `number` of the process, which stays open.
    public init(number: CInt) {
        self.init(number: number, of: nil)
    }

    /// Writes to a file.
    public init(_ file: LogFile) {
        self.init(number: file.number, of: file)
    }

    /// Sends each line to the system's log.
    public init(_ syslog: SyslogSocket) {
        number = -1
        self.syslog = syslog
        file = nil
        destination = .syslog
        own = .empty
        identity = nil
        isDisk = false
    }

    /// Takes no lines: for a log that has none.
    public static var nowhere: OutputStream { OutputStream(number: -1) }

    private init(number: CInt, of file: LogFile?) {
        self.number = number
        self.file = file
        syslog = nil
        guard let status = kernel.status(number) else {
            destination = .file
            own = .empty
            identity = nil
            isDisk = false
            return
        }
        identity = StreamIdentity(device: status.st_dev, inode: status.st_ino, special: status.st_rdev)
        let kind = status.st_mode & S_IFMT
        isDisk = kind == S_IFREG || kind == S_IFBLK
        switch kind {
        case S_IFREG, S_IFBLK:
            destination = .file
            own = .empty
        case S_IFSOCK:
            destination = .socket
            own = .empty
        default:
            let reopened = kernel.open("/proc/self/fd/\(number)", flags: O_WRONLY | O_NONBLOCK | O_NOCTTY)
            destination = reopened >= 0 ? .reopened : .polled
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
        switch destination {
        case .file: break
        case .syslog: syslog?.add(to: poller, token)
        case .socket, .polled: _ = poller.add(number: number, token, .room)
        case .reopened: _ = poller.add(own, token, .room)
        }
    }

    /// The size of a regular file now; 0 for everything else.
    var size: Int64 { Int64(kernel.status(number)?.st_size ?? 0) }

    /// A write that fails now may succeed later: a disk has room again, a log daemon is started.
    var mayRecover: Bool { isDisk || syslog != nil }

    /// Why lines are missing that were never written.
    var slowness: StaticString {
        isDisk ? "the disk of this output is too slow" : "the reader of this output is too slow"
    }

    /// Writes what the reader takes now. Of a regular file, see above, it may wait for the disk.
    public func write(_ bytes: UnsafeRawBufferPointer) -> SendResult {
        while true {
            let result: Int
            switch destination {
            case .file:
                result = unsafe kernel.write(number, bytes)
            case .socket:
                result = unsafe kernel.send(number, bytes)
            case .reopened:
                result = unsafe kernel.write(own.rawValue, bytes)
            case .polled:
                guard kernel.waitWritable(number, milliseconds: 0) else { return .wouldBlock }
                result = unsafe kernel.write(number, UnsafeRawBufferPointer(rebasing: bytes.prefix(Int(PIPE_BUF))))
            case .syslog:
                result = unsafe syslog?.sendLine(of: bytes) ?? -Int(EBADF)
            }
            if result >= 0 { return .bytes(result) }
            let errno = Errno(rawValue: CInt(-result))
            if errno.isWouldBlock { return .wouldBlock }
            if !errno.isInterruption { return .failed(errno) }
        }
    }

    /// Waits at most so long until a write would not wait, for room or for an error. For a process that is about to
    /// exit.
    public func waitForRoom(milliseconds: CInt) -> Bool {
        if let syslog { return syslog.waitForRoom(milliseconds: milliseconds) }
        return kernel.waitWritable(own.isOpen ? own.rawValue : number, milliseconds: milliseconds)
    }
}
