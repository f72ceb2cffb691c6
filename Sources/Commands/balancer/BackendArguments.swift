import ArgumentParser
import Balancer
import CommandSupport
import Reactor

/// The backends from the command line: `HOST PORT [HOST PORT ...]`.
struct BackendArguments {
    private let arguments: [String]
    private let allowUnresolved: Bool

    init(_ arguments: [String], _ allowUnresolved: Bool) {
        self.arguments = arguments
        self.allowUnresolved = allowUnresolved
    }

    /// Converts the pairs to backends and looks names up. A mistake is a usage error, and so is a name without an
    /// address, unless `--allow-unresolved` is set.
    func resolve(preferring family: CInt) throws -> [Configuration.Backend] {
        guard !arguments.isEmpty else { throw ValidationError("no backend: give at least one HOST and its PORT") }
        guard arguments.count.isMultiple(of: 2) else {
            throw ValidationError("backend '\(arguments[arguments.count - 1])' has no port: each HOST needs a PORT")
        }
        let deadline = Clock.monotonic.now() + Self.lookUpLimit
        var hasAnswered = true
        return try stride(from: 0, to: arguments.count, by: 2).map { place in
            let host = arguments[place]
            guard let port = Port(argument: arguments[place + 1]) else {
                throw ValidationError(
                    "port '\(arguments[place + 1])' of backend '\(host)' is not a number from 1 to 65535")
            }
            if let address = SocketAddress(host: host, port: port.rawValue) { return .init(address: address) }
            let name = HostName(host: host, port: port.rawValue, preferredFamily: family)
            return .init(name: name, address: try address(of: name, &hasAnswered, until: deadline))
        }
    }

    /// How long look-ups may delay the start with `--allow-unresolved`.
    private static let lookUpLimit: Duration = .seconds(5)

    /// The address of a name; nil when it has none and that is allowed. With `--allow-unresolved`, once name servers
    /// have not answered (`hasAnswered` is false) or the deadline has passed, the remaining names are left to the
    /// running balancer, which looks them up outside its loop.
    private func address(
        of name: HostName, _ hasAnswered: inout Bool, until deadline: Instant
    ) throws -> SocketAddress? {
        guard Resolver.isName(name.host) else { throw ValidationError(Self.explain(name.host)) }
        if allowUnresolved, !hasAnswered || Clock.monotonic.now() > deadline { return nil }
        do throws(ResolverError) {
            return name.choose(from: try Resolver.addresses(of: name.host, port: name.port))
        } catch {
            guard allowUnresolved else {
                throw ValidationError("\(error); with --allow-unresolved the backend is down until it has an address")
            }
            if error.cause == .unanswered { hasAnswered = false }
            return nil
        }
    }

    /// The error message for a host that cannot be a name.
    private static func explain(_ host: String) -> String {
        let parts = host.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 2, Port(argument: String(parts[1])) != nil {
            return "backend '\(host)': HOST and PORT are two arguments, \(parts[0]) \(parts[1])"
        }
        return "unknown host '\(host)': neither an address nor a host name"
    }
}
