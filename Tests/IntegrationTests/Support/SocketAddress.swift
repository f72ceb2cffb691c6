import Glibc
import Testing

/// A numeric IPv4 or IPv6 address and a port.
struct SocketAddress: Sendable, Equatable {
    let host: String
    let port: UInt16

    var family: Int32 { host.contains(":") ? AF_INET6 : AF_INET }

    init(_ host: String, _ port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads an address that the kernel has filled in.
    init?(_ storage: sockaddr_storage) {
        var text = [UInt8](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = Int32(storage.ss_family)
        let port: UInt16? = unsafe withUnsafeBytes(of: storage) { bytes in
            switch family {
            case AF_INET:
                let address = unsafe bytes.loadUnaligned(as: sockaddr_in.self)
                unsafe withUnsafeBytes(of: address.sin_addr) { number in
                    _ = unsafe text.withUnsafeMutableBytes {
                        unsafe inet_ntop(family, number.baseAddress, $0.baseAddress, socklen_t($0.count))
                    }
                }
                return UInt16(bigEndian: address.sin_port)
            case AF_INET6:
                let address = unsafe bytes.loadUnaligned(as: sockaddr_in6.self)
                unsafe withUnsafeBytes(of: address.sin6_addr) { number in
                    _ = unsafe text.withUnsafeMutableBytes {
                        unsafe inet_ntop(family, number.baseAddress, $0.baseAddress, socklen_t($0.count))
                    }
                }
                return UInt16(bigEndian: address.sin6_port)
            default:
                return nil
            }
        }
        guard let port else { return nil }
        self.host = String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
        self.port = port
    }

    /// Calls `body` with the address in the kernel's format.
    func withPointer<Result>(
        at location: SourceLocation, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) throws -> Result {
        var storage = sockaddr_storage()
        let length: Int? = unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            if family == AF_INET {
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_port = port.bigEndian
                guard unsafe inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return nil }
                unsafe bytes.storeBytes(of: address, as: sockaddr_in.self)
                return MemoryLayout<sockaddr_in>.size
            } else {
                var address = sockaddr_in6()
                address.sin6_family = sa_family_t(AF_INET6)
                address.sin6_port = port.bigEndian
                guard unsafe inet_pton(AF_INET6, host, &address.sin6_addr) == 1 else { return nil }
                unsafe bytes.storeBytes(of: address, as: sockaddr_in6.self)
                return MemoryLayout<sockaddr_in6>.size
            }
        }
        guard let length else { throw TestFailure("not a numeric address: \(host)", at: location) }
        return unsafe withUnsafePointer(to: storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(length)) }
        }
    }
}
