import Foundation
import Glibc
import Testing

/// The sockets of a running program, as copies of its descriptors: pidfd_getfd(2). For options that cannot be seen from
/// outside.
struct SharedSockets {
    private typealias Open = @convention(c) (pid_t, UInt32) -> Int32
    private typealias Get = @convention(c) (Int32, Int32, UInt32) -> Int32

    /// True when the C library has the calls (glibc 2.36), and the kernel allows them for a child of this process.
    static let arePossible: Bool = {
        guard let calls = calls else { return false }
        let own = calls.open(getpid(), 0)
        guard own >= 0 else { return false }
        defer { close(own) }
        let copy = calls.get(own, own, 0)
        if copy >= 0 { close(copy) }
        return copy >= 0
    }()

    private static var calls: (open: Open, get: Get)? {
        guard let open = unsafe dlsym(nil, "pidfd_open"), let get = unsafe dlsym(nil, "pidfd_getfd") else { return nil }
        return unsafe (unsafeBitCast(open, to: Open.self), unsafeBitCast(get, to: Get.self))
    }

    /// Those that `isWanted`, which has the copy of a descriptor.
    static func all(
        of program: RunningProgram, at location: SourceLocation = #_sourceLocation, _ isWanted: (TCPSocket) -> Bool
    ) throws -> [TCPSocket] {
        guard let calls else { throw TestFailure("no pidfd_getfd", at: location) }
        let process = calls.open(program.pid, 0)
        guard process >= 0 else { throw TestFailure("pidfd_open: errno \(errno)", at: location) }
        defer { close(process) }
        let folder = "/proc/\(program.pid)/fd"
        let numbers = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
            return target?.hasPrefix("socket:") == true
        }
        return numbers.compactMap(Int32.init).compactMap { number in
            let copy = withoutSpawning { calls.get(process, number, 0) }
            guard copy >= 0 else { return nil }
            let socket = TCPSocket(owning: copy)
            if isWanted(socket) { return socket }
            socket.close()
            return nil
        }
    }
}

extension TCPSocket {
    /// An option of the socket, as a number; nil when it has none such.
    func option(_ level: Int32, _ name: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return unsafe getsockopt(descriptor, level, name, &value, &length) == 0 ? value : nil
    }

    /// How many connections a listening socket keeps: tcp_info's tcpi_sacked, which the kernel uses for that.
    var backlog: Int? {
        var info = [UInt8](repeating: 0, count: 256)
        var length = socklen_t(info.count)
        guard unsafe getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &info, &length) == 0, length >= 32 else {
            return nil
        }
        return Int(unsafe info.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: 28, as: UInt32.self) })
    }
}
