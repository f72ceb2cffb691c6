/// Which `Host` fields are taken over TCP.
///
/// A page of somebody else can make a browser connect here under that page's own name (DNS rebinding), and would read
/// the answers. The name then stands in `Host`, so that only known ones are taken.
struct HostRules: Sendable {
    /// `127.0.0.1:9000`, in lower case.
    private let known: Set<String>
    /// Names that are taken with any port.
    private let names: Set<String>
    /// Ports of addresses that stand for all of the machine's: there each IP address is taken, because no name can be
    /// rebound to it.
    private let openPorts: Set<Int>

    /// The rules for listeners on these addresses. `further` are names that the operator has listed, `HOST` or
    /// `HOST:PORT`.
    init(addresses: [AdministrationServer.Address], further: [String] = []) {
        var known: Set<String> = []
        for address in addresses {
            for host in [address.host, "localhost", "127.0.0.1", "::1"] {
                let text = AdministrationServer.Address(host: host, port: address.port).description.lowercased()
                known.insert(text)
                // A client leaves the port of the scheme out.
                if address.port == 80, let end = text.lastIndex(of: ":") { known.insert(String(text[..<end])) }
            }
        }
        self.known = known
        names = Set(further.map { $0.lowercased() })
        openPorts = Set(addresses.filter { ["0.0.0.0", "::"].contains($0.host) }.map(\.port))
    }

    /// Whether a `Host` field is taken.
    func accept(_ host: String) -> Bool {
        let host = host.lowercased()
        if known.contains(host) || names.contains(host) { return true }
        let (name, port) = Self.split(host)
        if names.contains(name) { return true }
        guard let port, openPorts.contains(port) else { return false }
        return Self.isAddress(name)
    }

    /// `[::1]:9000` as `[::1]` and 9000.
    private static func split(_ host: String) -> (name: String, port: Int?) {
        guard let colon = host.lastIndex(of: ":"), host.last != "]", let port = Int(host[host.index(after: colon)...])
        else { return (host, nil) }
        return (String(host[..<colon]), port)
    }

    /// An IPv4 address with four numbers, or something in brackets, which can be an IPv6 address only.
    private static func isAddress(_ name: String) -> Bool {
        if name.hasPrefix("["), name.hasSuffix("]") {
            return name.dropFirst().dropLast().allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
        }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
}
