import ArgumentParser
import Chat
import CommandSupport
import Glibc
import Reactor

@main struct ChatClientCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat-client",
        abstract: "Chats through a chat server, or a balancer in front of several.",
        discussion: """
            Each line typed is sent as '[NAME] line'; what the server sends is printed. A line that is exactly \
            'q' or 'Q', or the end of the input, leaves.
            """,
        version: version)

    @Argument(help: "The server's name or address.", completion: .host)
    var host: String

    @Argument(help: "The server's TCP port, 1 to 65535.")
    var port: Port

    @Argument(help: "Your name, which stands before each of your lines.")
    var name: String

    func validate() throws {
        do throws(ChatNameError) {
            _ = try ChatName(name)
        } catch {
            throw ValidationError("'\(name)' cannot be used: \(error).")
        }
    }

    func run() throws {
        Startup.prepare()
        let end: ChatClient.End
        do {
            let addresses = try Resolver.addresses(of: host, port: port.rawValue)
            // The client ends in here: its terminal is as it was before a line on standard error follows.
            end = try chat(with: addresses)
        } catch let error as ChatConnectError {
            complain(line: "connect() error")
            // What everybody reads into the line above; any other reason is worth a line.
            if error.errno.rawValue != ECONNREFUSED { complain("chat-client", error.description) }
            throw ExitCode.unsuccessful
        } catch let error as ResolverError {
            throw ValidationError(error.description)
        } catch {
            complain("chat-client", "\(error)")
            throw ExitCode.unsuccessful
        }
        switch end {
        case .left: break
        case .serverDisconnected:
            complain(line: "Server disconnected ...")
            throw ExitCode.unsuccessful
        case .signal(let signal): throw ExitCode.signal(signal.rawValue)
        case .outputFailed(let errno):
            complain("chat-client", "standard output: \(errno)")
            throw ExitCode.outputError
        }
    }

    private func chat(with addresses: [SocketAddress]) throws -> ChatClient.End {
        var client = try ChatClient(to: addresses, name: ChatName(name))
        return try client.run()
    }
}
