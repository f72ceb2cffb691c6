import ArgumentParser
import Chat
import CommandSupport
import Glibc
import Reactor

@main struct ChatClientCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat-client",
        abstract: "A chat client for a chat server, or for a balancer in front of several.",
        discussion: """
            Sends each line typed as '[NAME] line', and prints what the server sends. A line that is exactly 'q' or \
            'Q', or the end of the input, quits.
            """,
        version: version)

    @Argument(help: "The server's name or address.", completion: .host)
    var host: String

    @Argument(help: "The server's TCP port, 1 to 65535.")
    var port: Port

    @Argument(help: "Your name, which is put before each of your lines.")
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
            // The client ends inside this call, which restores the terminal before a line on standard error follows.
            end = try chat(with: addresses)
        } catch let error as ChatConnectError {
            complain(line: "connect() error")
            // Users take the line above for a refused connection; any other cause is printed.
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
