import Discovery
import Reactor
import Wording

/// How addresses are written in a file.
enum AddressForms {
    /// `0.0.0.0:80`, `[::]:80`, `10.0.0.9:9000-9010`
    static func bind(_ text: String) throws(ArgumentFault) -> BindAddress {
        try checkSpaces(text)
        guard let (host, ports) = HostArgument.splitPort(text) else { throw ArgumentFault(noPort(text, .bind)) }
        let bounds = ports.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let first = bounds.first.flatMap(Port.init(argument:)),
            let last = bounds.last.flatMap(Port.init(argument:))
        else { throw ArgumentFault("the port '\(ports)' is no number from \(Port.range), and no range of such") }
        guard first.rawValue <= last.rawValue else {
            throw ArgumentFault("the range \(ports) is empty: write the lower port first")
        }
        guard Int(last.rawValue) - Int(first.rawValue) < FileLimits.portRangeMax else {
            throw ArgumentFault("the range \(ports) has more than \(FileLimits.portRangeMax) ports")
        }
        guard !host.isEmpty, host != "*" else {
            throw ArgumentFault(
                "it has no address: write 0.0.0.0:\(ports) for every IPv4 address, [::]:\(ports) for IPv6")
        }
        guard let address = try self.host(host).address(port: first.rawValue) else {
            throw ArgumentFault(
                "'\(host)' is a name: give an address of this machine (`ip address` lists them), or 0.0.0.0")
        }
        return BindAddress(first: address, lastPort: last.rawValue)
    }

    /// `10.0.0.1:80`, `[fd00::1]:80`, `name:80`
    static func backend(_ text: String) throws(ArgumentFault) -> BackendAddress {
        if text.hasPrefix("unix:") { throw ArgumentFault("a backend has an IP address or a name, and no Unix socket") }
        try checkSpaces(text)
        guard let (host, portText) = HostArgument.splitPort(text) else { throw ArgumentFault(noPort(text, .backend)) }
        guard let port = Port(argument: portText) else {
            throw ArgumentFault("the port '\(portText)' is no number from \(Port.range)")
        }
        return BackendAddress(host: try self.host(host), port: port)
    }

    /// `10.0.0.254`
    static func source(_ text: String) throws(ArgumentFault) -> SocketAddress {
        if let (host, _) = HostArgument.splitPort(text) {
            throw ArgumentFault("a source address has no port: write \(host)")
        }
        guard let address = try host(text).address(port: 0) else {
            throw ArgumentFault("it is a name: \(TextForm.source.needed) is needed")
        }
        guard !address.isWildcard else {
            throw ArgumentFault("it is no address of one machine: leave the key out, and the kernel chooses")
        }
        return address.canonical
    }

    /// `db.example.org:5432`
    static func nameAndPort(_ text: String) throws(ArgumentFault) -> NameAndPort {
        guard let (host, portText) = HostArgument.splitPort(text) else {
            throw ArgumentFault(noPort(text, .nameAndPort))
        }
        guard let port = Port(argument: portText) else {
            throw ArgumentFault("the port '\(portText)' is no number from \(Port.range)")
        }
        if SocketAddress(host: String(host.trimmingPrefix("[").prefix { $0 != "]" }), port: 0) != nil {
            throw ArgumentFault("an address needs no name server: write backends: [\"\(text)\"]")
        }
        return NameAndPort(name: try soughtName(host), port: port)
    }

    /// `_redis._tcp.example.org`
    static func service(_ text: String) throws(ArgumentFault) -> SoughtName {
        if let (name, _) = HostArgument.splitPort(text) {
            throw ArgumentFault("the ports come from the SRV records: write \(name)")
        }
        return try soughtName(text)
    }

    private static func soughtName(_ text: String) throws(ArgumentFault) -> SoughtName {
        do throws(DomainName.Fault) {
            return try SoughtName(text)
        } catch {
            throw ArgumentFault(error.description)
        }
    }

    /// The argument's own words are about command lines where they are about what separates arguments.
    private static func host(_ text: String) throws(ArgumentFault) -> HostArgument {
        try checkSpaces(text)
        if text.contains("/") { throw ArgumentFault("it has a '/' in it: a network is no address of one machine") }
        if text.hasPrefix("-") { throw ArgumentFault("no address or name begins with '-'") }
        let host = try HostArgument(text)
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard host.address(port: 0) == nil else { return host }
        // The last one is empty where the name ends with a dot.
        guard labels.allSatisfy({ $0.utf8.count <= labelBytesMax }), !labels.dropLast().contains("") else {
            throw ArgumentFault("a name has 1 to \(labelBytesMax) letters between two dots")
        }
        return host
    }

    /// RFC 1035, section 2.3.4.
    private static let labelBytesMax = 63

    private static func checkSpaces(_ text: String) throws(ArgumentFault) {
        guard text.contains(where: { $0.isWhitespace || $0 == "," }) else { return }
        if text.contains("=") {
            throw ArgumentFault("more than an address is a map, as in {address: \"10.0.0.1:80\", weight: 3}")
        }
        guard text.first?.isWhitespace != true, text.last?.isWhitespace != true else {
            throw ArgumentFault("there is white space around it: leave that out")
        }
        throw ArgumentFault(
            "it has a space or a comma in it: the port follows a colon, and several addresses are a list, [ONE, OTHER]")
    }

    private static func noPort(_ text: String, _ form: TextForm) -> String {
        if text.contains("://") { return "a URL is no address: \(form.needed) is needed" }
        if case .ipv6(let high, let low, let scope, _) = SocketAddress(host: text, port: 0) {
            let host = SocketAddress.ipv6(high: high, low: low, scope: scope, port: 0).host
            let reason = "an IPv6 address with its port is written [\(host)]:PORT"
            guard let colon = text.lastIndex(of: ":"),
                let port = Port(argument: String(text[text.index(after: colon)...])),
                SocketAddress(host: String(text[..<colon]), port: 0) != nil
            else { return reason }
            return "\(reason), or [\(text[..<colon])]:\(port) if its last number is the port"
        }
        if form == .bind, text.hasPrefix("/") { return "the path of a Unix socket is written {unix: \(text)}" }
        if Port(argument: text) != nil {
            return form == .bind
                ? "it has no address: write 0.0.0.0:\(text) for every IPv4 address, [::]:\(text) for IPv6"
                : "it has no address: \(form.needed) is needed"
        }
        if text.utf8.filter({ $0 == UInt8(ascii: ":") }).count > 1, !text.hasSuffix("]") {
            return "\(form.needed) is needed"
        }
        return "it has no port: \(form.needed) is needed"
    }
}
