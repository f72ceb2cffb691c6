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
        var hasNameServer = true
        return try stride(from: 0, to: arguments.count, by: 2).map { place in
            let host = arguments[place]
            guard let port = Port(argument: arguments[place + 1]) else {
                throw ValidationError(
                    "port '\(arguments[place + 1])' of backend '\(host)' is not a number from 1 to 65535")
            }
            if let address = SocketAddress(host: host, port: port.rawValue) { return .init(address: address) }
            let name = HostName(host: host, port: port.rawValue, preferredFamily: family)
            return .init(name: name, address: try address(of: name, &hasNameServer))
        }
    }

    /// The address of a name; nil when it has none and that is allowed. Once no name server has answered, the others
    /// are not asked before the balancer serves: each question may take ten seconds.
    private func address(of name: HostName, _ hasNameServer: inout Bool) throws -> SocketAddress? {
        if !hasNameServer, allowUnresolved, Resolver.isName(name.host) { return nil }
        do throws(ResolverError) {
            return name.choose(from: try Resolver.addresses(of: name.host, port: name.port))
        } catch {
            guard error.kind != .malformed else { throw ValidationError(error.description) }
            guard allowUnresolved else {
                throw ValidationError("\(error); with --allow-unresolved it is down until it has an address")
            }
            if error.kind == .unanswered { hasNameServer = false }
            return nil
        }
    }
}
