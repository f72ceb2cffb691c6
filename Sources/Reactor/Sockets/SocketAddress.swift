import CEpoll
import Glibc

/// The address of a socket: IPv4, IPv6 or Unix. A plain value of 24 bytes; only the Unix case owns memory.
///
/// Addresses that are parsed, looked up or reported by the kernel are in their ``canonical`` form, so that `==` compares
/// what they mean and not how they are spelled.
@frozen public enum SocketAddress: Hashable, Sendable {
    /// An IPv4 address and port, both in host byte order.
    case ipv4(UInt32, port: UInt16)
    /// An IPv6 address as its two halves in host byte order, its scope (interface) and its port.
    case ipv6(high: UInt64, low: UInt64, scope: UInt32, port: UInt16)
    /// The path of a Unix socket; one that begins with `@` is a name in the abstract namespace of unix(7), written as
    /// systemd and ss(8) write it.
    case unix(path: String)

    /// The longest path that fits `sockaddr_un` with its closing NUL. Source: unix(7).
    public static let unixPathBytesMax = 107

    /// An address from its text and port, without a look-up: `10.0.0.5`, `::1`, `fe80::1%eth0`. An IPv4 address that is
    /// mapped into IPv6 (`::ffff:10.0.0.5`) is IPv4.
    ///
    /// nil when the text is no address.
    public init?(host: String, port: UInt16) {
        // inet_pton(3) would read up to the NUL and no further.
        if host.utf8.contains(0) { return nil }
        var v4 = in_addr()
        if unsafe inet_pton(AF_INET, host, &v4) == 1 {
            self = .ipv4(UInt32(bigEndian: v4.s_addr), port: port)
            return
        }
        let parts = host.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        var scope: UInt32 = 0
        if parts.count == 2 {
            let name = String(parts[1])
            // Digits alone: UInt32 takes "+7" as well.
            let isNumber = name.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            scope = isNumber ? UInt32(name) ?? 0 : unsafe if_nametoindex(name)
            if scope == 0 { return nil }
        }
        var v6 = in6_addr()
        guard unsafe inet_pton(AF_INET6, String(parts[0]), &v6) == 1 else { return nil }
        self = SocketAddress.ipv6(v6, scope: scope, port: port)
    }

    /// The address of a Unix socket; nil when the path is empty, too long or holds a NUL.
    public init?(unixPath path: String) {
        guard !path.isEmpty, path.utf8.count <= Self.unixPathBytesMax, !path.utf8.contains(0) else { return nil }
        self = .unix(path: path)
    }

    private static func ipv6(_ address: in6_addr, scope: UInt32, port: UInt16) -> SocketAddress {
        let (high, low) = unsafe withUnsafeBytes(of: address) {
            unsafe (
                UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
        return SocketAddress.ipv6(high: high, low: low, scope: scope, port: port).canonical
    }

    // MARK: parts

    /// The port; 0 for a Unix socket.
    public var port: UInt16 {
        switch self {
        case .ipv4(_, let port), .ipv6(_, _, _, let port): port
        case .unix: 0
        }
    }

    /// The same address with another port.
    public func with(port: UInt16) -> SocketAddress {
        switch self {
        case .ipv4(let address, _): .ipv4(address, port: port)
        case .ipv6(let high, let low, let scope, _): .ipv6(high: high, low: low, scope: scope, port: port)
        case .unix: self
        }
    }

    /// `AF_INET`, `AF_INET6` or `AF_UNIX`.
    public var family: CInt {
        switch self {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .unix: AF_UNIX
        }
    }

    /// The address without its port: `10.0.0.5`, `::1`, `/run/chat.sock`.
    public var host: String {
        withHostText { unsafe $0.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) } }
    }

    /// The text of `host`, without an allocation unless it is a Unix path.
    public func withHostText<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        switch self {
        case .ipv4(let address, _):
            return Self.withText(ofIPv4: address, body)
        case .ipv6(let high, let low, let scope, _):
            var address = in6_addr()
            unsafe withUnsafeMutableBytes(of: &address) {
                unsafe $0.storeBytes(of: high.bigEndian, as: UInt64.self)
                unsafe $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            return unsafe withUnsafeBytes(of: &address) { unsafe Self.withText(AF_INET6, $0, scope: scope, body) }
        case .unix(let path):
            return body(Array(path.utf8).span)
        }
    }

    /// inet_ntop(3) prints with a format string, which takes a fifth of a short session's instructions when its line is
    /// logged.
    private static func withText<Result>(ofIPv4 address: UInt32, _ body: (Span<UInt8>) -> Result) -> Result {
        var text = InlineArray<15, UInt8>(repeating: 0)
        var count = 0
        func put(_ byte: UInt8) {
            text[count] = byte
            count += 1
        }
        for place: UInt32 in 0..<4 {
            if place > 0 { put(UInt8(ascii: ".")) }
            let part = UInt8(truncatingIfNeeded: address >> (24 - 8 * place))
            if part >= 100 { put(UInt8(ascii: "0") + part / 100) }
            if part >= 10 { put(UInt8(ascii: "0") + part / 10 % 10) }
            put(UInt8(ascii: "0") + part % 10)
        }
        return body(text.span.extracting(..<count))
    }

    /// Room for the longest IPv6 text, `%` and the digits of a scope.
    private static let textBytesMax = Int(INET6_ADDRSTRLEN) + 11

    private static func withText<Result>(
        _ family: CInt, _ address: UnsafeRawBufferPointer, scope: UInt32, _ body: (Span<UInt8>) -> Result
    ) -> Result {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: textBytesMax) { buffer in
            var count = unsafe buffer.withMemoryRebound(to: CChar.self) { text in
                let written = unsafe inet_ntop(family, address.baseAddress, text.baseAddress, socklen_t(text.count))
                return unsafe written.map { unsafe strlen($0) } ?? 0
            }
            if scope != 0 {
                unsafe buffer[count] = UInt8(ascii: "%")
                count += 1
                for digit in String(scope).utf8 {
                    unsafe buffer[count] = digit
                    count += 1
                }
            }
            return body(unsafe Span(_unsafeElements: UnsafeBufferPointer(rebasing: buffer[..<count])))
        }
    }

    // MARK: sockaddr

    /// Calls `body` with the address in the kernel's format.
    func withSockAddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        switch self {
        case .ipv4(let address, let port):
            var value = sockaddr_in()
            value.sin_family = sa_family_t(AF_INET)
            value.sin_port = port.bigEndian
            value.sin_addr.s_addr = address.bigEndian
            return unsafe Self.rebound(&value, body)
        case .ipv6(let high, let low, let scope, let port):
            var value = sockaddr_in6()
            value.sin6_family = sa_family_t(AF_INET6)
            value.sin6_port = port.bigEndian
            value.sin6_scope_id = scope
            unsafe withUnsafeMutableBytes(of: &value.sin6_addr) {
                unsafe $0.storeBytes(of: high.bigEndian, as: UInt64.self)
                unsafe $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            return unsafe Self.rebound(&value, body)
        case .unix(let path):
            var value = sockaddr_un()
            value.sun_family = sa_family_t(AF_UNIX)
            unsafe withUnsafeMutableBytes(of: &value.sun_path) { field in
                for (index, byte) in path.utf8.prefix(Self.unixPathBytesMax).enumerated() {
                    unsafe field[index] = byte
                }
                if path.hasPrefix("@") { unsafe field[0] = 0 }
            }
            // The length of the address ends an abstract name; a NUL ends a path.
            let unused = path.hasPrefix("@") ? Self.unixPathBytesMax + 1 - path.utf8.count : 0
            return unsafe Self.rebound(&value, unused: unused, body)
        }
    }

    private static func rebound<Address, Result>(
        _ value: inout Address, unused: Int = 0, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        unsafe withUnsafePointer(to: &value) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<Address>.size - unused))
            }
        }
    }

    /// The address that a call such as accept(2) fills in; nil when the call returns less than 0.
    static func filled(
        by call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe call($0, &length) }
        }
        return result < 0 ? nil : SocketAddress(storage, length: Int(length))
    }

    /// Reads what the kernel wrote, in canonical form: a client of a `::` listener that came by IPv4 has an IPv4
    /// address. Of an unnamed Unix socket the path is empty.
    init(_ storage: sockaddr_storage, length: Int) {
        self = unsafe withUnsafeBytes(of: storage) { bytes in
            switch CInt(storage.ss_family) {
            case AF_INET:
                let value = unsafe bytes.loadUnaligned(as: sockaddr_in.self)
                return .ipv4(UInt32(bigEndian: value.sin_addr.s_addr), port: UInt16(bigEndian: value.sin_port))
            case AF_INET6:
                let value = unsafe bytes.loadUnaligned(as: sockaddr_in6.self)
                let port = UInt16(bigEndian: value.sin6_port)
                return SocketAddress.ipv6(value.sin6_addr, scope: value.sin6_scope_id, port: port)
            default:
                // A NUL ends a path. An abstract name begins with one, and the length of the address ends it.
                let field = unsafe bytes.prefix(length).dropFirst(2).prefix(Self.unixPathBytesMax + 1)
                if unsafe field.first == 0 {
                    return unsafe .unix(path: "@" + String(decoding: field.dropFirst(), as: UTF8.self))
                }
                return unsafe .unix(path: String(decoding: field.prefix { $0 != 0 }, as: UTF8.self))
            }
        }
    }
}

extension SocketAddress: CustomStringConvertible {
    /// `10.0.0.5:8090`, `[::1]:8090`, `unix:/run/chat.sock`.
    public var description: String {
        switch self {
        case .ipv4: "\(host):\(port)"
        case .ipv6: "[\(host)]:\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}
