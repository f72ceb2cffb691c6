import AdministrationAPI
import AdministrationClient
import ArgumentParser
import Balancer
import CommandSupport

/// `balancer set`: figures of a backend or of a listener.
public struct SetCommand: ParsableCommand {
    /// Its name and its help.
    public static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set the weight or the most sessions of a backend, or a listener's limit.",
        usage: """
            balancer set weight BACKEND 50%|NUMBER|configured [options]
            balancer set sessions-max BACKEND NUMBER|none|configured [options]
            balancer set limit LISTENER per-client NUMBER|configured [options]
            """,
        discussion: """
            A percentage is of the configured weight; 'configured' is what the configuration says. What is set lasts \
            through reloads, until it is set to 'configured', the time of --for is over, or the balancer is restarted. A \
            listener's limit can be set where its file has limits.per_client.

              balancer set weight b2 50%
              balancer set sessions-max web/b2 200 --for 1h
              balancer set limit web per-client 50
            """)

    @Argument(
        help: ArgumentHelp("What is set: weight, sessions-max or limit.", valueName: "setting"),
        completion: .list(Setting.names))
    var setting: String

    @Argument(
        help: ArgumentHelp("The backend, or with limit the listener.", valueName: "name"),
        completion: NameCompletion.backendOrListener)
    var name: String

    @Argument(
        help: ArgumentHelp("The value; with limit first which one: per-client.", valueName: "value"),
        completion: .list(["configured", "none", Setting.perClient]))
    var values: [String]

    @OptionGroup var change: ChangeOptions
    @OptionGroup var time: TimedOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var administration: AdministrationOptions

    /// For the parser.
    public init() {}

    /// Checks what the parser cannot.
    public func validate() throws { _ = try parsed() }

    /// Asks the balancer, and prints what it says.
    public func run() throws {
        Startup.prepare()
        let setting = try parsed()
        try Changing.run(administration, output) { (asker) throws(Fault) in
            let names = Names(try asker.status())
            var wish = SettingWish()
            wish.forSeconds = time.seconds
            wish.dryRun = change.dryRun ? true : nil
            switch setting {
            case .weight(let value): wish.weight = value
            case .sessionsMax(let value): wish.sessionsMax = value
            case .perClient(let value):
                wish.perClient = value
                return ChangeRequest("PATCH", Target.listener(try names.listener(name)), wish)
            }
            return ChangeRequest("PATCH", Target.backend(try names.backend(name)), wish)
        }
    }

    private func parsed() throws -> Setting {
        do throws(ArgumentFault) {
            return try Setting(setting, values)
        } catch {
            throw ValidationError(error.description)
        }
    }
}

/// What is set, with its value.
enum Setting: Hashable, Sendable {
    case weight(String)
    case sessionsMax(String)
    case perClient(String)

    static let names = ["weight", "sessions-max", "limit"]
    static let perClient = "per-client"
    private static let configured = "configured"
    private static let none = "none"

    /// The weights of a configuration.
    private static let numbers = NumberRange(0...Int(Limits.weightMax))
    private static let sessions = NumberRange(1...Limits.sessionsCeiling)
    private static let percents = NumberRange(0...1_000)

    /// The words of a command line; the error says what would be right.
    init(_ name: String, _ values: [String]) throws(ArgumentFault) {
        switch name {
        case "weight":
            let value = try Self.only(values, of: name, "50%, a number, or configured")
            try Self.checkWeight(value)
            self = .weight(value)
        case "sessions-max":
            let value = try Self.only(values, of: name, "a number, none, or configured")
            if value != Self.none, value != Self.configured {
                try Self.check(value, of: name, Self.sessions, "none or configured")
            }
            self = .sessionsMax(value)
        case "limit":
            guard values.count == 2, values[0] == Self.perClient else {
                throw ArgumentFault(
                    "'\(values.joined(separator: " "))': a listener's limit is given as "
                        + "per-client NUMBER, or per-client configured"
                )
            }
            if values[1] != Self.configured {
                try Self.check(values[1], of: "limit per-client", Self.sessions, Self.configured)
            }
            self = .perClient(values[1])
        default:
            let question = Suggestion.question(name, among: Self.names).map { "; \($0)" } ?? ""
            throw ArgumentFault("'\(name)' cannot be set: give one of \(Self.names.joined(separator: ", "))\(question)")
        }
    }

    private static func only(_ values: [String], of name: String, _ kinds: String) throws(ArgumentFault) -> String {
        guard values.count == 1 else {
            throw ArgumentFault("'\(values.joined(separator: " "))': \(name) takes one value: \(kinds)")
        }
        return values[0]
    }

    private static func checkWeight(_ value: String) throws(ArgumentFault) {
        guard value != configured else { return }
        if value.hasSuffix("%") {
            try check(String(value.dropLast()), of: "weight in percent", percents, configured)
        } else {
            try check(value, of: "weight", numbers, "a percentage, or \(configured)")
        }
    }

    private static func check(_ value: String, of name: String, _ range: NumberRange<Int>, _ others: String)
        throws(ArgumentFault)
    {
        do throws(ArgumentFault) {
            _ = try range.parse(value)
        } catch {
            throw ArgumentFault("\(name) '\(value)': \(error), or \(others)")
        }
    }
}
