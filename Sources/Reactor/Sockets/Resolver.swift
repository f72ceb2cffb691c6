import CEpoll
import Glibc

/// A host name that has no address: the name and the error of getaddrinfo(3).
public struct ResolverError: Error, CustomStringConvertible {
    /// The name as it was given.
    public let host: String
    /// The reason, for people: `Name or service not known`.
    public let reason: String
    /// Whether another attempt may succeed.
    public let cause: Cause

    /// Causes of a failure.
    public enum Cause: Sendable {
        /// The text is not a host name. Another attempt would fail as well.
        case malformed
        /// Name servers know no such name now.
        case unknown
        /// No name server has answered in time.
        case unanswered
    }

    /// An error of a resolver of the caller's own.
    public init(host: String, reason: String, cause: Cause) {
        self.host = host
        self.reason = reason
        self.cause = cause
    }

    /// `unknown host 'serverr1': Name or service not known`
    public var description: String { "unknown host '\(host)': \(reason)" }
}

/// Names to addresses, through the system's resolver. It blocks: for the set-up, and for ``BackgroundResolver``.
public enum Resolver {
    /// The stream addresses of a host, in the order of getaddrinfo(3) (RFC 6724), each once. An address that is no
    /// destination (`0.0.0.0`, with which some name servers answer for a blocked name) is left out.
    public static func addresses(of host: String, port: UInt16) throws(ResolverError) -> [SocketAddress] {
        if let address = SocketAddress(host: host, port: port) { return [address] }
        guard isName(host) else {
            throw ResolverError(host: host, reason: "neither an address nor a host name", cause: .malformed)
        }
        let found = select(ask(host, AI_ADDRCONFIG)) { ask(host, 0) }
        switch found {
        case .failure(let failure):
            throw ResolverError(host: host, reason: failure.reason, cause: failure.cause)
        case .success(let found):
            let addresses = found.map { $0.with(port: port) }.filter { !$0.isWildcard }
            guard addresses.isEmpty else { return addresses }
            let reason = found.first.map { "\($0.host) is no address to connect to" } ?? "no address"
            throw ResolverError(host: host, reason: reason, cause: .unknown)
        }
    }

    /// Why getaddrinfo(3) has found nothing.
    struct Failure: Error, Hashable {
        let reason: String
        let cause: ResolverError.Cause
    }

    typealias Found = Result<[SocketAddress], Failure>

    /// The addresses of a name, of two questions: for the families that this machine has an address of (AI_ADDRCONFIG),
    /// and for all.
    ///
    /// The first is what a name server should be asked. But a family of which there are only loopback addresses does not
    /// count there, which hides names at loopback: so when it finds nothing, or nothing but loopback, `all` is asked
    /// too, and of its answer what is loopback counts. There is no second question while no name server answers.
    static func select(_ configured: Found, all: () -> Found) -> Found {
        switch configured {
        case .failure(let failure) where failure.cause == .unanswered: return configured
        case .success(let addresses) where !addresses.allSatisfy(\.isLoopback): return configured
        case .success, .failure: break
        }
        guard case .success(let addresses) = all() else { return configured }
        let loopback = addresses.filter(\.isLoopback)
        return loopback.isEmpty ? configured : .success(loopback)
    }

    private static func ask(_ host: String, _ flags: CInt) -> Found {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = flags
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(host, nil, &hints, &list)
        guard status == 0 else {
            let system = Errno(rawValue: errno).description
            let reason = status == EAI_SYSTEM ? system : unsafe String(cString: gai_strerror(status))
            return .failure(Failure(reason: reason, cause: status == EAI_AGAIN ? .unanswered : .unknown))
        }
        defer { unsafe freeaddrinfo(list) }
        return .success(unsafe addresses(list))
    }

    private static func addresses(_ list: UnsafeMutablePointer<addrinfo>?) -> [SocketAddress] {
        var addresses: [SocketAddress] = []
        var entry = unsafe list
        while let current = unsafe entry {
            var storage = sockaddr_storage()
            let length = min(Int(unsafe current.pointee.ai_addrlen), MemoryLayout<sockaddr_storage>.size)
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: current.pointee.ai_addr, count: length))
            }
            let address = SocketAddress(storage, length: length)
            if !addresses.contains(address) { addresses.append(address) }
            unsafe entry = unsafe current.pointee.ai_next
        }
        return addresses
    }

    /// The longest name that the DNS has, as text. Source: RFC 1035, 2.3.4.
    public static let nameBytesMax = 253

    /// True of what can be a host's name: letters, digits, `-`, `_`, `.` and what is not ASCII. All else is a slip
    /// (`10.0.0.5:8090`, a URL, a path), or would break the lines in which it stands.
    public static func isName(_ host: String) -> Bool {
        !host.isEmpty && host.utf8.count <= nameBytesMax && !endsInNumber(host)
            && host.unicodeScalars.allSatisfy {
                !$0.isASCII || $0.properties.isAlphabetic || ("0"..."9").contains($0)
                    || "-_.".unicodeScalars.contains($0)
            }
    }

    /// getaddrinfo(3) takes "1" for 0.0.0.1 and "0x7f.1" for 127.0.0.1: from an operator that is a slip.
    ///
    /// A label that only begins with a digit is a name: Docker calls a container by twelve hexadecimal digits. Source
    /// of the rule: the URL standard of WHATWG, "ends in a number".
    private static func endsInNumber(_ host: String) -> Bool {
        guard let label = host.split(separator: ".").last else { return false }
        if label.hasPrefix("0x") || label.hasPrefix("0X") { return label.dropFirst(2).allSatisfy(\.isHexDigit) }
        return label.allSatisfy { $0.isASCII && $0.isNumber }
    }
}
