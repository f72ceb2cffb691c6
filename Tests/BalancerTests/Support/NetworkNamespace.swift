import Glibc
import Reactor
import Synchronization

/// A network of its own, with a loopback device and nothing else, for as long as a thread runs: unshare(2).
enum NetworkNamespace {
    private static let newNetwork: CInt = 0x4000_0000

    /// True when this process may make one.
    static let isPossible: Bool = {
        let isMade = Atomic(false)
        let thread = try? LoopThread(name: "namespace") { isMade.store(enter("32768 60999"), ordering: .releasing) }
        guard let thread else { return false }
        thread.join()
        return isMade.load(ordering: .acquiring)
    }()

    /// Runs `body` in one in which the kernel chooses the ports of connections from `ports`. Nil when it cannot be made.
    static func run<Value: Sendable>(
        ports: String, _ body: @escaping @Sendable () throws -> Value
    ) -> Result<Value, any Error>? {
        let result = Mutex<Result<Value, any Error>?>(nil)
        let thread = try? LoopThread(name: "namespace") {
            guard enter(ports) else { return }
            let value = Result { try body() }
            result.withLock { $0 = value }
        }
        guard let thread else { return nil }
        thread.join()
        return result.withLock { $0 }
    }

    private static func enter(_ ports: String) -> Bool {
        unshareNetwork() && startLoopback() && setPorts(ports)
    }

    /// Found by its name: Glibc's module lacks it.
    private static func unshareNetwork() -> Bool {
        typealias Unshare = @convention(c) (CInt) -> CInt
        guard let function = unsafe dlsym(nil, "unshare") else { return false }
        return unsafe unsafeBitCast(function, to: Unshare.self)(newNetwork) == 0
    }

    /// SIOCSIFFLAGS with IFF_UP: netdevice(7). A `struct ifreq` is the name in 16 bytes, then the flags.
    private static func startLoopback() -> Bool {
        let socket = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
        defer { close(socket) }
        var request = [UInt8](repeating: 0, count: 40)
        request.replaceSubrange(0..<2, with: Array("lo".utf8))
        request[16] = 1
        return unsafe request.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return false }
            return unsafe ioctl(socket, UInt(SIOCSIFFLAGS), start) == 0
        }
    }

    /// The file is that of the thread's own network.
    private static func setPorts(_ ports: String) -> Bool {
        let file = unsafe open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY)
        defer { close(file) }
        let bytes = Array(ports.utf8)
        return unsafe bytes.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) } == bytes.count
    }
}
