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

    @Argument(help: "The TCP port to listen on, 1 to 65535.")
    var port: Port

    @Option(help: "The address to listen on, IPv4 or IPv6. (default: all addresses)")
    var bind: String?

    private var address: SocketAddress? {
        bind.flatMap { SocketAddress(host: $0, port: port.rawValue) }
    }

    func validate() throws {
        if let bind, address == nil { throw ValidationError("'\(bind)' is neither an IPv4 nor an IPv6 address.") }
    }

    func run() throws {
        Startup.prepare()
        do throws(SystemCallError) {
            var server = try ChatServer(
                port: port.rawValue, bind: address,
                output: LineLog(OutputStream(number: 1)), errors: LineLog(OutputStream(number: 2)),
                signals: try Signals([.terminate, .interrupt]))
            try server.run()
        } catch {
            _ = failure("chat-server", error)
            throw ExitCode.unsuccessful
        }
    }
}
