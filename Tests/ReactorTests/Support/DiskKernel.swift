import CEpoll
import Glibc

@testable import Reactor

/// A kernel with one file on a disk that can be full and can hang. Its calls may come from several threads.
final class DiskKernel: ForwardingKernel, @unchecked Sendable {
    /// The descriptor of the file.
    static let file: CInt = 9999
    /// A disk that nobody repairs works again after so many milliseconds, so that a test fails instead of waiting.
    private static let hangMillisecondsMax = 20_000

    private let lock = Lock()
    private var bytes: [UInt8] = []
    private var room = Int.max
    private var hangs = false
    private var writing = 0
    private var expired = false

    private func locked<Result>(_ body: () -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body()
    }

    /// What stands in the file.
    var content: String { String(decoding: locked { bytes }, as: UTF8.self) }
    /// The lines of the file, the last one without a line end included.
    var lines: [String] { content.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
    /// A write waits for the disk.
    var isWaitedFor: Bool { locked { writing > 0 } }
    /// A write has waited for so long that the test is wrong.
    var hasExpired: Bool { locked { expired } }

    /// So many bytes fit from now on.
    func setRoom(_ count: Int) { locked { room = count } }
    func setHanging(_ isHanging: Bool) { locked { hangs = isHanging } }
    /// As logrotate's copytruncate does.
    func truncate() { locked { bytes = [] } }

    override func status(_ descriptor: CInt) -> stat? {
        guard descriptor == Self.file else { return nil }
        var status = stat()
        status.st_mode = S_IFREG
        status.st_size = off_t(locked { bytes.count })
        return status
    }

    override func isReadable(_ descriptor: CInt, milliseconds: CInt) -> Bool {
        LinuxKernel().isReadable(descriptor, milliseconds: milliseconds)
    }

    override func write(_ descriptor: CInt, _ added: UnsafeRawBufferPointer) -> Int {
        guard descriptor == Self.file else { return unsafe super.write(descriptor, added) }
        locked { writing += 1 }
        waitForDisk()
        return locked {
            writing -= 1
            guard room > 0 else { return -Int(ENOSPC) }
            let count = min(room, added.count)
            unsafe bytes.append(contentsOf: added.prefix(count))
            room -= count
            return count
        }
    }

    private func waitForDisk() {
        for _ in 0..<Self.hangMillisecondsMax {
            guard locked({ hangs }) else { return }
            _ = poll(nil, 0, 1)
        }
        locked { expired = true }
    }
}
