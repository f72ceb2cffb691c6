import ArgumentParser
import Chat
import CommandSupport
import Reactor

@main struct ChatServerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat-server",
        abstract: "A chat server that sends what it receives from one client to all clients.",
        discussion: """
            A line goes to everybody whole; the beginning of one waits at most 500 ms for its end. \
            Prints 'Connected client IP: ADDRESS' for each client and 'client N terminated' when it has left. \
            Ends on SIGTERM or SIGINT.
            """,
        version: version)

    @Argument(help: "The TCP port to listen on, \(Port.range).", transform: port)
    var port: Port

    @Option(
        help: ArgumentHelp("The address to listen on, IPv4 or IPv6. (default: all addresses)", valueName: "address"),
        transform: address)
    var bind: SocketAddress?

    @Sendable private static func address(_ text: String) throws(ArgumentFault) -> SocketAddress {
        if let (host, port) = HostArgument.splitPort(text), Port(argument: port) != nil {
            throw ArgumentFault("the port is an argument of its own here: chat-server \(port) --bind \(host)")
        }
        // What HostArgument says of other text is about names too.
        guard SocketAddress(host: text, port: 0) != nil || text.contains("%") || text.hasPrefix("["),
            let address = try HostArgument(text).address(port: 0)
        else { throw ArgumentFault("an IPv4 or IPv6 address is needed: one that `ip address` lists, 0.0.0.0 or ::") }
        return address
    }

    @Sendable private static func port(_ text: String) throws(ArgumentFault) -> Port {
        let host = HostArgument.splitPort(text)?.host ?? text
        if let address = try? address(host) {
            throw ArgumentFault("a number from \(Port.range) is needed; the address goes to --bind \(address.host)")
        }
        return try Port.parse(text)
    }

    static func main() { start(surplus: bindAddress) }

    /// An address after the port.
    private static func bindAddress(_ words: [String]) -> String? {
        words.dropFirst().first.flatMap { try? address($0) }.map { "the address goes to --bind \($0.host)" }
    }

    func run() throws {
        Startup.prepare()
        Signals.ignore(Signal.meaningless)
        do throws(SystemCallError) {
            try Startup.checkMemory(ThreadCount(loops: 1))
            var server = try ChatServer(
                port: port.rawValue, bind: bind?.with(port: port.rawValue),
                output: LineLog(OutputStream(number: 1)), errors: LineLog(OutputStream(number: 2)),
                signals: try Signals(Signal.endings))
            try server.run()
        } catch {
            _ = failure("chat-server", error)
            throw ExitCode.unsuccessful
        }
    }
}
