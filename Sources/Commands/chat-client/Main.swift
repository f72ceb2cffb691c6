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

    @Argument(help: "The server's name or address.", completion: .host, transform: HostArgument.init)
    var host: HostArgument

    @Argument(help: "The server's TCP port, \(Port.range).", transform: Port.parse)
    var port: Port

    @Argument(
        help: "Your name, which is put before each of your lines: 1 to \(LineProtocol.nameBytesMax) bytes.",
        transform: ChatName.init)
    var name: ChatName

    static func main() { start(surplus: quotedName) }

    /// All words after HOST and PORT, as the name that was probably meant.
    private static func quotedName(_ words: [String]) -> String? {
        "a name with spaces needs quotes: \"\(words.dropFirst(2).joined(separator: " "))\""
    }

    func run() throws {
        Startup.prepare()
        let end: ChatClient.End
        do {
            let addresses = try Resolver.addresses(of: host.text, port: port.rawValue)
            // The client ends inside this call, which restores the terminal before a line on standard error follows.
            end = try chat(with: addresses)
        } catch let error as ChatConnectError {
            complain(line: "connect() error")
            complain("chat-client", explain(error))
            throw ExitCode.unsuccessful
        } catch let error as ResolverError {
            throw ValidationError("\(error): \(error.remedy)")
        } catch let error as SystemCallError {
            _ = failure("chat-client", error)
            throw ExitCode.unsuccessful
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

    /// The address that was tried last, as it was given and as it was found, the cause, and what to do about it.
    private func explain(_ error: ChatConnectError) -> String {
        let place = error.address.host == host.text ? "\(error.address)" : "\(host.text) (\(error.address))"
        let remedy: String? =
            switch error.errno.rawValue {
            case ECONNREFUSED: "nothing listens there; start the server first, or check HOST and PORT"
            case ETIMEDOUT: "nothing answers there; check HOST, and whether a firewall is in between"
            case EHOSTUNREACH, ENETUNREACH: "there is no way to that host; check HOST and the network"
            default: remedy(for: error.errno)
            }
        return "\(place): \(error.errno)\(remedy.map { ": \($0)" } ?? "")"
    }

    private func chat(with addresses: [SocketAddress]) throws -> ChatClient.End {
        var client = try ChatClient(to: addresses, name: name)
        return try client.run()
    }
}
