/// A host and a port there, from one argument or two.
public struct HostPort: Hashable, Sendable {
    /// The host.
    public let host: HostArgument
    /// The port.
    public let port: Port

    /// How they are written, for error messages.
    private static let format = "each backend is HOST PORT or HOST:PORT, an IPv6 address with its port [ADDRESS]:PORT"

    private init(_ host: String, _ port: String?) throws(ArgumentFault) {
        do throws(ArgumentFault) {
            self.host = try HostArgument(host)
        } catch {
            throw ArgumentFault("backend '\(host)': \(error)")
        }
        guard let port else { throw ArgumentFault("backend '\(host)' has no port: \(Self.format)") }
        guard let port = Port(argument: port) else {
            throw ArgumentFault("port '\(port)' of backend '\(host)' is not a number from \(Port.range)")
        }
        self.port = port
    }

    /// The backends of a command line, `HOST PORT` and `HOST:PORT` in any mixture.
    public static func list(_ arguments: [String]) throws(ArgumentFault) -> [HostPort] {
        var list: [HostPort] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if let (host, port) = HostArgument.splitPort(argument) {
                list.append(try HostPort(host, port))
            } else {
                list.append(try HostPort(argument, rest.popFirst()))
            }
        }
        return list
    }
}
