import ArgumentParser
import Balancer
import CommandSupport
import Glibc
import Reactor

/// How many of the backends' names may have no address when the balancer starts.
enum UnresolvedNames {
    case none
    /// `--allow-some-unresolved`: clients can be served, because another backend has an address.
    case some
    /// `--allow-unresolved`: even all of them.
    case all
}

/// The backends from the command line: `HOST PORT` or `HOST:PORT`, any number of times.
struct BackendArguments {
    private let backends: [HostPort]
    private let unresolved: UnresolvedNames

    /// Parses the arguments; a mistake is a usage error. Nothing is looked up yet.
    init(_ arguments: [String], unresolved: UnresolvedNames) throws {
        do throws(ArgumentFault) {
            backends = try HostPort.list(arguments)
        } catch {
            throw ValidationError(error.description)
        }
        guard !backends.isEmpty else {
            throw ValidationError("no backend: after SOURCE_IP give at least one HOST PORT or HOST:PORT")
        }
        self.unresolved = unresolved
    }

    /// Converts them to backends and looks names up. A name without an address is a usage error, unless
    /// ``UnresolvedNames`` allows it. Where no backend has an address but one must, look-ups are repeated until
    /// ``lookUpLimit``; then the exit code is 68, which tells a service manager that another start may succeed.
    func resolve(preferring family: CInt) throws -> [Configuration.Backend] {
        let deadline = Clock.monotonic.now() + Self.lookUpLimit
        while true {
            var failures: [ResolverError] = []
            let found = try lookUp(preferring: family, until: deadline, &failures)
            guard unresolved == .some, !found.contains(where: { $0.address != nil }) else { return found }
            let reason = Self.explain(failures)
            try Self.tellManager(reason)
            guard Clock.monotonic.now() < deadline else {
                complain("balancer", reason)
                throw ExitCode.unknownHost
            }
            usleep(Self.retryMicroseconds)
        }
    }

    /// Converts them to backends without any look-up.
    func unresolved(preferring family: CInt) -> [Configuration.Backend] {
        backends.map { backend in
            let port = backend.port.rawValue
            if let address = backend.host.address(port: port) { return .init(address: address) }
            return .init(name: HostName(host: backend.host.text, port: port, preferredFamily: family), address: nil)
        }
    }

    /// How long look-ups may delay the start when names without an address are allowed.
    private static let lookUpLimit: Duration = .seconds(5)
    /// Between two rounds of look-ups.
    private static let retryMicroseconds: UInt32 = 500_000

    /// One round of look-ups. It asks for one name at least, so that a failure always has its reason, and where one
    /// backend must have an address until one has. Otherwise, once name servers have not answered or the deadline has
    /// passed, the remaining names are left to the running balancer, which looks them up outside its loop.
    private func lookUp(
        preferring family: CInt, until deadline: Instant, _ failures: inout [ResolverError]
    ) throws -> [Configuration.Backend] {
        var mustAsk = unresolved == .all || !backends.contains { $0.host.address(port: $0.port.rawValue) != nil }
        var hasAnswered = true
        return try backends.map { backend in
            let port = backend.port.rawValue
            if let address = backend.host.address(port: port) { return .init(address: address) }
            let name = HostName(host: backend.host.text, port: port, preferredFamily: family)
            guard unresolved == .none || mustAsk || hasAnswered && Clock.monotonic.now() <= deadline else {
                return .init(name: name, address: nil)
            }
            if unresolved == .all { mustAsk = false }
            do throws(ResolverError) {
                let addresses = try Resolver.addresses(of: name.host, port: name.port)
                mustAsk = false
                return .init(name: name, address: name.choose(from: addresses))
            } catch {
                guard unresolved != .none else {
                    throw ValidationError(
                        "\(error): \(error.remedy); "
                            + "with --allow-unresolved the backend is down until it has an address")
                }
                if error.cause == .unanswered { hasAnswered = false }
                failures.append(error)
                return .init(name: name, address: nil)
            }
        }
    }

    /// `systemctl status` shows the reason while look-ups are repeated, and until the next start, when it shows no line
    /// of the journal.
    private static func tellManager(_ reason: String) throws {
        do throws(SystemCallError) {
            if let manager = try ServiceManager.find() { manager.notify("STATUS=\(reason)") }
        } catch {
            throw failure("balancer", error)
        }
    }

    /// One line: the first few names and why they have no address.
    private static func explain(_ failures: [ResolverError]) -> String {
        let causesMax = 3
        let causes = failures.prefix(causesMax).map(\.description).joined(separator: "; ")
        let others = failures.count > causesMax ? "; and \(failures.count - causesMax) more" : ""
        return "no backend has an address: \(causes)\(others)"
    }
}
