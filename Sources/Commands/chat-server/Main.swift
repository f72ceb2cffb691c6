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

    @Argument(help: "The TCP port to listen on, \(Port.range).", transform: Port.parse)
    var port: Port

    @Option(
        help: ArgumentHelp("The address to listen on, IPv4 or IPv6. (default: all addresses)", valueName: "address"),
        transform: address)
    var bind: SocketAddress?

    @Sendable private static func address(_ text: String) throws(ArgumentFault) -> SocketAddress {
        guard let address = try HostArgument(text).address(port: 0) else {
            throw ArgumentFault("an IPv4 or IPv6 address is needed, one that `ip address` lists")
        }
        return address
    }

    static func main() { start() }

    func run() throws {
        Startup.prepare()
        Signals.ignore(Signal.meaningless)
        do throws(SystemCallError) {
            try Startup.checkMemory(loops: 1)
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
