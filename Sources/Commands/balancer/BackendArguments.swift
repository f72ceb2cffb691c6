import ArgumentParser
import Balancer
import CommandSupport
import Reactor

/// The backends as they stand on the command line: `HOST PORT [HOST PORT ...]`.
struct BackendArguments {
    private let arguments: [String]
    private let allowUnresolved: Bool

    init(_ arguments: [String], _ allowUnresolved: Bool) {
        self.arguments = arguments
        self.allowUnresolved = allowUnresolved
    }

    /// Host and port pairs to backends. Names are looked up; a mistake is a usage error, and so is a name without
    /// address, unless that is allowed.
    func resolve(preferring family: CInt) throws -> [Configuration.Backend] {
        guard !arguments.isEmpty else { throw ValidationError("no backend: name at least one HOST and its PORT") }
        guard arguments.count.isMultiple(of: 2) else {
            throw ValidationError("backend '\(arguments[arguments.count - 1])' has no port: each HOST needs a PORT")
        }
        let deadline = Clock.monotonic.now() + Self.patience
        var isPatient = true
        return try stride(from: 0, to: arguments.count, by: 2).map { place in
            let host = arguments[place]
            guard let port = Port(argument: arguments[place + 1]) else {
                throw ValidationError(
                    "port '\(arguments[place + 1])' of backend '\(host)' is not a number from 1 to 65535")
            }
            if let address = SocketAddress(host: host, port: port.rawValue) { return .init(address: address) }
            let name = HostName(host: host, port: port.rawValue, preferredFamily: family)
            return .init(name: name, address: try address(of: name, &isPatient, until: deadline))
        }
    }

    /// How long the start may take for names, where they need not have an address.
    private static let patience: Duration = .seconds(5)

    /// The address of a name; nil when it has none and that is allowed. Once no name server has answered, or they have
    /// taken long, the others are looked up beside the loop.
    private func address(
        of name: HostName, _ isPatient: inout Bool, until deadline: Instant
    ) throws -> SocketAddress? {
        guard Resolver.isName(name.host) else { throw ValidationError(Self.explain(name.host)) }
        if allowUnresolved, !isPatient || Clock.monotonic.now() > deadline { return nil }
        do throws(ResolverError) {
            return name.choose(from: try Resolver.addresses(of: name.host, port: name.port))
        } catch {
            guard allowUnresolved else {
                throw ValidationError("\(error); with --allow-unresolved it is down until it has an address")
            }
            if error.kind == .unanswered { isPatient = false }
            return nil
        }
    }

    /// What is wrong with a host that can be no name.
    private static func explain(_ host: String) -> String {
        let parts = host.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 2, Port(argument: String(parts[1])) != nil {
            return "backend '\(host)': HOST and PORT are two words, \(parts[0]) \(parts[1])"
        }
        return "unknown host '\(host)': neither an address nor a host name"
    }
}
