import Glibc
import Reactor
import Synchronization
import Testing

private let inboxes = Atomic(0)

/// The socket of a service manager, with an abstract name.
struct Inbox: ~Copyable {
    private let descriptor: FileDescriptor
    let name: String

    /// `name` says what it is for; no two have the same.
    init(for name: String) throws {
        let name = "@balancer-tests-\(getpid())-\(inboxes.add(1, ordering: .relaxed).newValue)-\(name)"
        let number = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        descriptor = FileDescriptor(owning: number)
        self.name = name
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = [0] + Array(name.utf8.dropFirst())
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(number, $0, length) }
        }
        try #require(result == 0)
    }

    /// The notifications that have come since the last call.
    func all() -> [String] {
        var texts: [String] = []
        var bytes = [UInt8](repeating: 0, count: 512)
        while true {
            let count = unsafe recv(descriptor.rawValue, &bytes, bytes.count, 0)
            guard count >= 0 else { return texts }
            texts.append(String(decoding: bytes[..<count], as: UTF8.self))
        }
    }
}
