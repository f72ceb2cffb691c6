import AdministrationClient
import ArgumentParser
import CommandSupport
import Reactor

/// Where a running balancer is asked, and how.
struct AdministrationOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The balancer to ask: the path of its administration socket, or the address and port where it answers "
                + "HTTP. (default: $\(AdministrationClient.Place.variable), or \(AdministrationClient.Place.standard))",
            valueName: "path|addr:port"),
        completion: .file(), transform: AdministrationClient.Place.parse)
    var admin: AdministrationClient.Place?

    @Option(
        help: ArgumentHelp(
            "The file with the token, which changes over ADDR:PORT need; the socket needs none.", valueName: "path"),
        completion: .file())
    var tokenFile: String?

    /// The longest that an answer may be waited for.
    static let timeouts = DurationRange(.milliseconds(1)...Duration.seconds(86_400))

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long to wait for an answer, \(timeouts): \(DurationRange.format). (default: 2s, and 6s for a change)",
            valueName: "duration"),
        transform: timeouts.parse)
    var timeout: Duration?

    /// The balancer that is asked, by the option, or else by the environment, or else that of the package.
    func asker(_ place: AdministrationClient.Place? = nil) throws(Fault) -> any Asker {
        let chosen = AdministrationClient.Place.chosen(place ?? admin)
        return try RunningAsker(chosen.place, chosen.origin, tokenFile: tokenFile, timeout: timeout)
    }
}

extension AdministrationClient.Place {
    /// The environment's variable that names it.
    static let variable = "BALANCER_ADMIN_SOCKET"
    /// Where the packaged service has its socket.
    static let standard = "/run/balancer/admin.sock"

    /// `ADDR:PORT` is a place of HTTP; everything else is a path.
    static func parse(_ text: String) throws(ArgumentFault) -> AdministrationClient.Place {
        if !text.contains("/"), !text.hasPrefix("@"), let (host, port) = HostArgument.splitPort(text) {
            let host = try HostArgument(host).text
            return .tcp(host: host, port: Int(try Port.parse(port).rawValue))
        }
        guard SocketAddress(unixPath: text) != nil else {
            throw ArgumentFault("a path of 1 to \(SocketAddress.unixPathBytesMax) bytes is needed, or ADDR:PORT")
        }
        return .unix(text)
    }

    /// The place and, for error messages, who has named it: nothing where that was the argument.
    static func chosen(
        _ argument: AdministrationClient.Place?
    ) -> (place: AdministrationClient.Place, origin: String) {
        if let argument { return (argument, "") }
        if let text = Environment.value(variable), !text.isEmpty {
            return ((try? parse(text)) ?? .unix(text), " ($\(variable))")
        }
        return (.unix(standard), " (the packaged service's, as none was given)")
    }
}

/// How an answer is printed.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print the balancer's answer as JSON.")
    var json = false
}

/// Options of commands that change something.
struct ChangeOptions: ParsableArguments {
    @Flag(help: "Say what would change, and change nothing.")
    var dryRun = false
}

/// Options of changes that may be made for a time.
struct TimedOptions: ParsableArguments {
    private static let durations = DurationRange(.seconds(1)...Duration.seconds(365 * 86_400))

    @Option(
        name: .customLong("for"), parsing: .unconditional,
        help: ArgumentHelp(
            "It goes back by itself after this time, \(durations): 10m, 2h.", valueName: "duration"),
        transform: durations.parse)
    var time: Duration?

    /// In seconds; nil for a change that stays.
    var seconds: Double? { time.map { $0.milliseconds / 1000 } }
}
