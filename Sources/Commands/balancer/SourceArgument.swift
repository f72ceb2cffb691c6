import ArgumentParser
import CommandSupport
import Glibc
import Reactor

/// SOURCE_IP: an address of this machine, a name of it, or `*` for every IPv4 address.
struct SourceArgument {
    private let text: String

    private static let remedy = "give one that `ip address` lists, a name of this machine, 0.0.0.0, :: or *"

    init(_ text: String) {
        self.text = text
    }

    /// The words that the program takes instead of SOURCE_IP.
    private static let commands = BalancerCommand.configuration.subcommands.map { $0._commandName } + ["help"]

    /// For the end of another error message: whether a command was meant. Empty when it resembles none.
    var commandQuestion: String {
        Suggestion.question(text, among: Self.commands).map { "; '\(text)' is not a command: \($0)" } ?? ""
    }

    /// The error of a word that is neither a command nor followed by backends.
    var noCommand: ValidationError {
        if Self.commands.contains(text) {
            return ValidationError("'\(text)' is a command: give it alone (balancer \(text)); serve needs SOURCE_IP")
        }
        let question =
            Suggestion.question(text, among: Self.commands + ["--version", "--help"]).map { "; \($0)" } ?? ""
        return ValidationError(
            "'\(text)' is not a command (\(Self.commands.joined(separator: ", "))); as SOURCE_IP it needs backends after "
                + "it, HOST PORT or HOST:PORT\(question)")
    }

    /// Checks what can be seen without a look-up. `isAlone` is true when no argument follows: then it may be a command
    /// that the program does not have, or a backend.
    func check(isAlone: Bool) throws {
        if let (host, port) = HostArgument.splitPort(text), Port(argument: port) != nil {
            throw ValidationError(
                "SOURCE_IP '\(text)' has a port: SOURCE_IP is the address to listen on, its port is --port, and backends "
                    + "follow it (balancer \(host) HOST:PORT --port \(port), or balancer run --listen \(text) HOST:PORT)"
            )
        }
        guard text != "*" else { return }
        if let port = Port(argument: text) {
            throw ValidationError(
                "SOURCE_IP '\(text)' is a number: SOURCE_IP is the address to listen on, its port is --port "
                    + "(balancer 0.0.0.0 HOST:PORT --port \(port))")
        }
        do {
            let host = try HostArgument(text)
            if isAlone, host.address(port: 0) == nil { throw noCommand }
        } catch let error as ArgumentFault {
            throw ValidationError("SOURCE_IP '\(text)': \(error)")
        }
    }

    /// The address with a port. Of a name, the first IPv4 address that this machine has, otherwise the first IPv6
    /// address.
    func resolve(port: UInt16) throws -> SocketAddress {
        if text == "*" { return .ipv4(INADDR_ANY, port: port) }
        let host = try HostArgument(text)
        if let address = host.address(port: port) { return address }
        let addresses: [SocketAddress]
        do throws(ResolverError) {
            addresses = try Resolver.addresses(of: host.text, port: port)
        } catch {
            throw ValidationError("SOURCE_IP '\(text)' is no name of this machine (\(error.reason)): \(Self.remedy)")
        }
        // Another program may use the port of an address that this machine has.
        let own = addresses.filter { $0.with(port: 0).isLocal }
        guard let address = own.first(where: { $0.family == AF_INET }) ?? own.first else {
            let places = addresses.map(\.host).joined(separator: ", ")
            throw ValidationError("SOURCE_IP '\(text)' is at \(places), which is not this machine: \(Self.remedy)")
        }
        return address
    }
}
