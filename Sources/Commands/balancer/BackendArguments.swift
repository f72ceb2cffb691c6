import ArgumentParser
import Balancer
import CommandSupport
import Reactor

/// The backends from the command line: `HOST PORT` or `HOST:PORT`, any number of times.
struct BackendArguments {
    private let backends: [HostPort]
    private let allowUnresolved: Bool

    /// Parses the arguments; a mistake is a usage error. Nothing is looked up yet.
    init(_ arguments: [String], _ allowUnresolved: Bool) throws {
        do throws(ArgumentFault) {
            backends = try HostPort.list(arguments)
        } catch {
            throw ValidationError(error.description)
        }
        guard !backends.isEmpty else {
            throw ValidationError("no backend: after SOURCE_IP give at least one HOST PORT or HOST:PORT")
        }
        self.allowUnresolved = allowUnresolved
    }

    /// Converts them to backends and looks names up. A name without an address is a usage error, unless
    /// `--allow-unresolved` is set.
    func resolve(preferring family: CInt) throws -> [Configuration.Backend] {
        let deadline = Clock.monotonic.now() + Self.lookUpLimit
        var hasAnswered = true
        return try backends.map { backend in
            let port = backend.port.rawValue
            if let address = backend.host.address(port: port) { return .init(address: address) }
            let name = HostName(host: backend.host.text, port: port, preferredFamily: family)
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
        if allowUnresolved, !hasAnswered || Clock.monotonic.now() > deadline { return nil }
        do throws(ResolverError) {
            return name.choose(from: try Resolver.addresses(of: name.host, port: name.port))
        } catch {
            guard allowUnresolved else {
                throw ValidationError(
                    "\(error): \(error.remedy); with --allow-unresolved the backend is down until it has an address")
            }
            if error.cause == .unanswered { hasAnswered = false }
            return nil
        }
    }
}
