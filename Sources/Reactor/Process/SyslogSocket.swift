import Glibc

/// The socket of the system's log: each line is a datagram, and no call waits.
///
/// A log daemon that is restarted has a new socket at the same path: the next line connects to it. While there is none, and
/// while it does not read, lines are the sender's to keep or to count.
public final class SyslogSocket: Sendable {
    /// Where syslog(3) sends to: `_PATH_LOG` of <paths.h>.
    public static let standardPath = "/dev/log"

    private let descriptor: CInt
    private let address: SocketAddress

    /// A socket for the daemon at `path`, which need not be there yet. Throws ENAMETOOLONG for a path that is too long.
    public init(path: String = standardPath) throws(SystemCallError) {
        guard let address = SocketAddress(unixPath: path) else {
            throw SystemCallError(call: "connect", subject: "file:\(path)", errno: .nameTooLong)
        }
        self.address = address
        descriptor = try check(LinuxKernel.datagramSocket(), "socket", "file:\(path)")
        _ = LinuxKernel().connect(descriptor, to: address)
    }

    deinit { LinuxKernel().close(descriptor) }

    /// Why a line could not be sent if there were one now; nil when nothing is known to be in the way.
    public func fault() -> Errno? {
        let result = LinuxKernel().connect(descriptor, to: address)
        return result < 0 ? Errno(rawValue: -result) : nil
    }

    func add(to poller: borrowing Poller, _ token: Token) { _ = poller.add(number: descriptor, token, .room) }

    func waitForRoom(milliseconds: CInt) -> Bool { LinuxKernel().waitWritable(descriptor, milliseconds: milliseconds) }

    /// Sends the first line of `bytes`, without its end; returns how many bytes were taken, or `-errno`.
    func sendLine(of bytes: UnsafeRawBufferPointer) -> Int {
        let length = unsafe bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        let line = unsafe UnsafeRawBufferPointer(rebasing: bytes.prefix(length))
        var result = unsafe LinuxKernel().send(descriptor, line)
        // The daemon was restarted, or was not there before.
        if result < 0, result != -Int(EAGAIN), result != -Int(EINTR) {
            let connected = LinuxKernel().connect(descriptor, to: address)
            if connected < 0 { return Int(connected) }
            result = unsafe LinuxKernel().send(descriptor, line)
        }
        return result < 0 ? result : min(length + 1, bytes.count)
    }
}
